/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/cursor.h"

#define CURSOR(bytes)                                                                              \
    {                                                                                              \
        .at = (bytes), .end = (bytes) + sizeof(bytes)                                              \
    }

static void test_numbers(void **state)
{
    static const uint8_t bytes[] = {0xfe, 0x34, 0x12, 0xff, 0xff, 0xff, 0xff, 8,    7,
                                    6,    5,    4,    3,    2,    1,    0xfe, 0xff, 9};
    struct cursor cursor = CURSOR(bytes);

    (void)state;
    assert_int_equal(cursor_byte(&cursor), 0xfe);
    assert_int_equal(cursor_unsigned(&cursor, 2), 0x1234);
    assert_int_equal(cursor_signed(&cursor, 4), -1);
    assert_int_equal(cursor_unsigned(&cursor, 8), 0x0102030405060708);
    assert_int_equal(cursor_signed(&cursor, 2), -2);
    assert_int_equal(cursor_left(&cursor), 1);
    assert_false(cursor.failed);
}

/* A copy of its own, so that AddressSanitizer sees a byte read behind it. */
static struct cursor copy_of(const uint8_t *bytes, size_t size, uint8_t **ret_copy)
{
    uint8_t *copy = malloc(size);

    memcpy(copy, bytes, size);
    *ret_copy = copy;
    return (struct cursor){copy, copy + size, false};
}

static void test_nothing_is_read_beyond_the_end(void **state)
{
    static const uint8_t bytes[] = {0x81, 0x82, 0x83};
    struct cursor cursor;
    uint8_t *copy;

    (void)state;
    cursor = copy_of(bytes, sizeof(bytes), &copy);
    assert_int_equal(cursor_unsigned(&cursor, 4), 0);
    assert_true(cursor.failed);
    assert_int_equal(cursor_left(&cursor), 0);
    assert_int_equal(cursor_byte(&cursor), 0);
    free(copy);
    cursor = copy_of(bytes, sizeof(bytes), &copy);
    cursor_uleb128(&cursor); /* goes on behind its last byte */
    assert_true(cursor.failed);
    free(copy);
    cursor = copy_of(bytes, sizeof(bytes), &copy);
    assert_false(cursor_skip(&cursor, UINT64_MAX));
    free(copy);
}

static void test_parts(void **state)
{
    static const uint8_t bytes[] = {1, 2, 3};
    struct cursor cursor = CURSOR(bytes), part = cursor_part(&cursor, 2);

    (void)state;
    assert_int_equal(cursor_unsigned(&part, 2), 0x0201);
    assert_int_equal(cursor_left(&part), 0);
    assert_int_equal(cursor_byte(&cursor), 3);
    assert_false(cursor.failed || part.failed);
    part = cursor_part(&cursor, 1);
    assert_true(cursor.failed && part.failed);
}

/* Examples of DWARF 5, tables C.1 and C.2. */
static void test_leb128(void **state)
{
    static const uint8_t bytes[] = {0x7f, 0x80, 0x01, 0xb9, 0x64, 0x7e, 0xff, 0x00, 0x80, 0x7f};
    struct cursor cursor = CURSOR(bytes);

    (void)state;
    assert_int_equal(cursor_uleb128(&cursor), 127);
    assert_int_equal(cursor_uleb128(&cursor), 128);
    assert_int_equal(cursor_uleb128(&cursor), 12857);
    assert_int_equal(cursor_sleb128(&cursor), -2);
    assert_int_equal(cursor_sleb128(&cursor), 127);
    assert_int_equal(cursor_sleb128(&cursor), -128);
    assert_int_equal(cursor_left(&cursor), 0);
    assert_false(cursor.failed);
}

static void test_leb128_of_64_bits_and_of_more(void **state)
{
    static const uint8_t most[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1};
    static const uint8_t least[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x7f};
    static const uint8_t more[] = {0x80, 0x80, 0x80, 0x80, 0x80, 0x80,
                                   0x80, 0x80, 0x80, 0x80, 0x80, 0};
    struct cursor cursor = CURSOR(most);

    (void)state;
    assert_true(cursor_uleb128(&cursor) == UINT64_MAX);
    cursor = (struct cursor)CURSOR(least);
    assert_true(cursor_sleb128(&cursor) == INT64_MIN);
    assert_false(cursor.failed);
    cursor = (struct cursor)CURSOR(more);
    cursor_uleb128(&cursor);
    assert_true(cursor.failed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),
        cmocka_unit_test(test_nothing_is_read_beyond_the_end),
        cmocka_unit_test(test_parts),
        cmocka_unit_test(test_leb128),
        cmocka_unit_test(test_leb128_of_64_bits_and_of_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
