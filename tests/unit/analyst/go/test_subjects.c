/* SPDX-License-Identifier: Apache-2.0 */
/* What goroutines of a made-up process lead to: their labels. */
#include "analyst/go/subjects.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyst/go/process.h"

#define LABEL_SETS_MAX 1024 /* as in subjects.c */
#define MAP_BYTES      512  /* a labelMap, its hmap and one bucket */

static struct process *target;

struct test {
    struct subject_reader *reader;
    struct gatherer gatherer;
    struct losses losses;
    struct subject subjects[SUBJECTS_MAX];
};

static void open_test(struct test *test, int minor)
{
    memset(test, 0, sizeof(*test));
    target = process_new(minor, 1);
    gatherer_init(&test->gatherer, &target->memory);
    assert_int_equal(
        subject_reader_new(g_layout_of(minor), &test->gatherer, &test->losses, &test->reader), 0);
}

static void close_test(struct test *test)
{
    subject_reader_free(&test->reader);
    free(target);
}

static int read_subjects(struct test *test, size_t n)
{
    int r;

    subjects_begin(test->reader, 0, test->subjects, n);
    r = subjects_go_on(test->reader, 0);
    return r ? r : subjects_finish(test->reader, 0);
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

/* A goroutine with these labels; the rest of it does not matter here. */
static void put_one(struct test *test, size_t index, uint64_t labels)
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
        put_one(&test, 0, 0);
        put_one(&test, 1, minors[i] < 124 ? put_map(7) : put_list(7));
        put_one(&test, 2, test.subjects[1].goroutine.labels);
        assert_int_equal(read_subjects(&test, 3), 0);
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
    put_one(&test, 0, map);
    assert_int_equal(read_subjects(&test, 1), 0);
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
        put_one(&test, 0, 0x10);
        put_one(&test, 1, at);
        put64(target, at, 0x10);
        put64(target, at + 8, 1);
        put64(target, at + 16, 1);
        assert_int_equal(read_subjects(&test, 2), 0);
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
        put_one(&test, i, put_list(i));
    assert_int_equal(read_subjects(&test, LABEL_SETS_MAX), 0);
    for (unsigned int i = 0; i < LABEL_SETS_MAX; i++)
        assert_int_equal(test.subjects[i].n_labels, 1);
    assert_int_equal(test.losses.count[LOSS_labels_capped], 0);
    put_one(&test, 0, put_list(LABEL_SETS_MAX));
    put_one(&test, 1, put_list(3));
    assert_int_equal(read_subjects(&test, 2), 0);
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
