/* SPDX-License-Identifier: Apache-2.0 */
/* Descriptions of goroutines in a made-up process: their labels. */
#include "analyst/go/describe.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "analyst/go/process.h"

#define LABEL_SETS_MAX 1024 /* as in describe.c */
#define MAP_BYTES      512  /* a labelMap, its hmap and one bucket */

static struct process *target;

/* What describe.c links with in place of the real ones: this test names nothing. */
enum unwind_end go_code_unwind(struct go_code *code, uint64_t pc, uint64_t sp,
                               const struct stack_copy *copy, struct raw_frame *ret_frames,
                               size_t max, size_t *ret_n)
{
    (void)code, (void)pc, (void)sp, (void)copy, (void)ret_frames, (void)max;
    *ret_n = 0;
    return UNWIND_CUT;
}

size_t go_code_symbolize(struct go_code *code, const struct raw_frame *raw,
                         struct frame ret_frames[static SYMBOL_INLINE_MAX])
{
    (void)code;
    ret_frames[0] = (struct frame){.address = raw->pc};
    return 1;
}

struct test {
    struct describer *describer;
    struct outbox *outbox;
    struct losses losses;
    int sockets[2];
    struct subject subjects[DESCRIBE_MAX];
};

static void open_test(struct test *test, int minor)
{
    memset(test, 0, sizeof(*test));
    target = process_new(minor, 1);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, test->sockets), 0);
    assert_int_equal(outbox_new(test->sockets[0], &test->losses, &test->outbox), 0);
    assert_int_equal(describer_new((struct go_code *)target, g_layout_of(minor), &target->memory,
                                   test->outbox, &test->losses, &test->describer),
                     0);
}

static void close_test(struct test *test)
{
    describer_free(&test->describer);
    outbox_free(&test->outbox);
    close(test->sockets[0]);
    close(test->sockets[1]);
    free(target);
}

static void put_string(uint64_t header, uint64_t text, uint64_t length)
{
    put64(target, header, text);
    put64(target, header + 8, length);
}

/* A list with one label "number" that differs from set to set. Returns where it is. */
static uint64_t put_list(unsigned int number)
{
    uint64_t at = THINGS_AT + number * 128ul;

    put64(target, at, at + 24);
    put64(target, at + 8, 1);
    put64(target, at + 16, 1);
    put_string(at + 24, at + 56, 6);
    put_string(at + 40, at + 64, 4);
    memcpy(process_at(target, at + 56, 6), "number", 6);
    snprintf((char *)process_at(target, at + 64, 5), 5, "%04u", number);
    return at;
}

/* The same as a map. */
static uint64_t put_map(unsigned int number)
{
    uint64_t at = THINGS_AT + 0x38000 + number * MAP_BYTES, map = at + 8, bucket = map + 48;
    uint64_t list = put_list(number);

    put64(target, at, map);
    put64(target, map, 1);
    put64(target, map + 16, bucket);
    put8(target, bucket, 99);
    put_string(bucket + 8, list + 56, 6);
    put_string(bucket + 8 + 128, list + 64, 4);
    return at;
}

/* Describes goroutines with these labels; the rest of them does not matter here. */
static void read_one(struct test *test, size_t index, uint64_t labels)
{
    test->subjects[index].goroutine = (struct goroutine){
        .sp = STACKS_AT, .stack_lo = STACKS_AT, .stack_hi = STACKS_AT + 64, .labels = labels};
}

static void test_either_form(void **state)
{
    static const int minors[] = {117, 120, 121, 123, 124, 125, 126, 127};
    struct test test;

    (void)state;
    for (size_t i = 0; i < sizeof(minors) / sizeof(minors[0]); i++) {
        open_test(&test, minors[i]);
        read_one(&test, 0, 0);
        read_one(&test, 1, minors[i] < 124 ? put_map(7) : put_list(7));
        read_one(&test, 2, test.subjects[1].goroutine.labels);
        assert_int_equal(describe_read(test.describer, test.subjects, 3), 0);
        assert_int_equal(test.subjects[0].n_labels, 0);
        for (size_t j = 1; j < 3; j++) {
            assert_int_equal(test.subjects[j].n_labels, 1);
            assert_string_equal(test.subjects[j].labels[0].key, "number");
            assert_string_equal(test.subjects[j].labels[0].value, "0007");
        }
        assert_int_equal(test.losses.count[LOSS_labels_unreadable], 0);
        close_test(&test);
    }
}

static void test_a_map_twice_the_same_key(void **state)
{
    struct test test;
    uint64_t map, bucket;

    (void)state;
    open_test(&test, 119);
    map = put_map(1);
    bucket = map + 56;
    put64(target, map + 8, 2);
    put8(target, bucket + 1, 99);
    memcpy(process_at(target, bucket + 24, 16), process_at(target, bucket + 8, 16), 16);
    memcpy(process_at(target, bucket + 152, 16), process_at(target, bucket + 136, 16), 16);
    read_one(&test, 0, map);
    assert_int_equal(describe_read(test.describer, test.subjects, 1), 0);
    assert_int_equal(test.subjects[0].n_labels, 0);
    assert_int_equal(test.losses.count[LOSS_labels_unreadable], 1);
    close_test(&test);
}

static void test_what_cannot_be_read_is_counted(void **state)
{
    static const int minors[] = {119, 126};
    struct test test;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        uint64_t at = THINGS_AT;

        open_test(&test, minors[i]);
        read_one(&test, 0, 0x10);
        read_one(&test, 1, at);
        put64(target, at, 0x10);
        put64(target, at + 8, 1);
        put64(target, at + 16, 1);
        assert_int_equal(describe_read(test.describer, test.subjects, 2), 0);
        assert_int_equal(test.subjects[0].n_labels, 0);
        assert_int_equal(test.subjects[1].n_labels, 0);
        assert_int_equal(test.losses.count[LOSS_labels_unreadable], 2);
        close_test(&test);
    }
}

/* Beyond the bound a new set is left out, and counted; a known one is not. */
static void test_sets_are_bounded(void **state)
{
    struct test test;

    (void)state;
    open_test(&test, 126);
    for (unsigned int i = 0; i < LABEL_SETS_MAX; i++)
        read_one(&test, i, put_list(i));
    assert_int_equal(describe_read(test.describer, test.subjects, LABEL_SETS_MAX), 0);
    for (unsigned int i = 0; i < LABEL_SETS_MAX; i++)
        assert_int_equal(test.subjects[i].n_labels, 1);
    assert_int_equal(test.losses.count[LOSS_labels_capped], 0);
    read_one(&test, 0, put_list(LABEL_SETS_MAX));
    read_one(&test, 1, put_list(3));
    assert_int_equal(describe_read(test.describer, test.subjects, 2), 0);
    assert_int_equal(test.subjects[0].n_labels, 0);
    assert_int_equal(test.subjects[1].n_labels, 1);
    assert_int_equal(test.losses.count[LOSS_labels_capped], 1);
    close_test(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_either_form),
        cmocka_unit_test(test_a_map_twice_the_same_key),
        cmocka_unit_test(test_what_cannot_be_read_is_counted),
        cmocka_unit_test(test_sets_are_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
