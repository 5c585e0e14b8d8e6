/* SPDX-License-Identifier: Apache-2.0 */
/* Labels of goroutines in memory, good and odd. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyst/go/binary.h"
#include "analyst/go/labels.h"

struct fixture {
    struct binary *binary;
    struct interns *interns;
    struct label labels[STACK_LABELS_MAX];
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->binary = binary_new(&binary_layouts[0]);
    *state = fixture;
    return interns_new(&fixture->interns);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    interns_free(&fixture->interns);
    binary_free(fixture->binary);
    free(fixture);
    return 0;
}

/* Reads a list of (address, length, address, length) per label. */
static int read_list(struct fixture *fixture, const uint64_t *list, uint32_t n)
{
    return labels_read(&fixture->binary->memory, fixture->interns, (const uint8_t *)list, n,
                       fixture->labels);
}

static void test_texts(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t list[] = {BINARY_STACK, 5, BINARY_STACK + 5, 2, BINARY_STACK + 7, 6, 0, 0};

    binary_put(fixture->binary, BINARY_STACK, "routet1tenant", 13);
    assert_int_equal(read_list(fixture, list, 2), 2);
    assert_string_equal(fixture->labels[0].key, "route");
    assert_string_equal(fixture->labels[0].value, "t1");
    assert_string_equal(fixture->labels[1].key, "tenant");
    assert_string_equal(fixture->labels[1].value, "");
}

static void test_as_many_and_as_long_as_may_be(void **state)
{
    struct fixture *fixture = *state;
    uint64_t list[4 * STACK_LABELS_MAX];
    char text[LABELS_LENGTH_MAX];

    memset(text, 'x', sizeof(text));
    binary_put(fixture->binary, BINARY_STACK, text, sizeof(text));
    for (size_t i = 0; i < 2 * STACK_LABELS_MAX; i++) {
        list[2 * i] = BINARY_STACK;
        list[2 * i + 1] = LABELS_LENGTH_MAX;
    }
    assert_int_equal(read_list(fixture, list, STACK_LABELS_MAX), STACK_LABELS_MAX);
    assert_int_equal(strlen(fixture->labels[STACK_LABELS_MAX - 1].value), LABELS_LENGTH_MAX);
    list[4 * STACK_LABELS_MAX - 1]++;
    assert_int_equal(read_list(fixture, list, STACK_LABELS_MAX), -EILSEQ);
}

static void test_odd_ones(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t end = BINARY_STACK + BINARY_SEGMENT;
    const uint64_t lists[][4] = {
        {BINARY_STACK, 0, BINARY_STACK, 1},          /* an empty key */
        {BINARY_STACK, UINT64_MAX, BINARY_STACK, 1}, /* without an end */
        {BINARY_STACK, 1, BINARY_STACK, UINT64_MAX},
        {BINARY_STACK, 1, 0x70000000, 4},   /* nowhere */
        {BINARY_STACK, 1, end - 2, 4},      /* half of it */
        {BINARY_STACK, 1, BINARY_STACK, 3}, /* with a NUL */
        {0, 1, BINARY_STACK, 1},
    };

    binary_put(fixture->binary, BINARY_STACK, "a\0b", 3);
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
        assert_true(read_list(fixture, lists[i], 1) < 0);
}

static int decode(uint64_t list, uint64_t n, uint64_t capacity)
{
    const uint64_t words[] = {list, n, capacity};
    uint64_t address;

    return labels_decode((const uint8_t *)words, &address);
}

static void test_sets(void **state)
{
    (void)state;
    assert_int_equal(decode(0x10, 2, 2), 2);
    assert_int_equal(decode(0x10, STACK_LABELS_MAX, 64), STACK_LABELS_MAX);
    assert_int_equal(decode(0x10, STACK_LABELS_MAX + 1, 64), -EILSEQ);
    assert_int_equal(decode(0x10, UINT64_MAX, UINT64_MAX), -EILSEQ);
    assert_int_equal(decode(0x10, 3, 2), -EILSEQ);
    assert_int_equal(decode(0, 2, 2), -EILSEQ);
    assert_int_equal(decode(0x10, 0, 2), 0);
    assert_int_equal(decode(0, 0, 0), 0);
}

static void test_order(void **state)
{
    struct label labels[] = {{"b", "1"}, {"a", "2"}, {"c", "3"}};

    (void)state;
    assert_int_equal(labels_sort(labels, 3), 0);
    assert_string_equal(labels[0].value, "2");
    assert_string_equal(labels[2].value, "3");
    labels[2].key = "a";
    assert_int_equal(labels_sort(labels, 3), -EILSEQ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_texts, setup, teardown),
        cmocka_unit_test_setup_teardown(test_as_many_and_as_long_as_may_be, setup, teardown),
        cmocka_unit_test_setup_teardown(test_odd_ones, setup, teardown),
        cmocka_unit_test(test_sets),
        cmocka_unit_test(test_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
