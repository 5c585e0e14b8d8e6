/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "buildid.h"

static void test_text(void **state)
{
    char text[BUILD_ID_TEXT_MAX];

    (void)state;
    assert_true(buildid_format("\x00\x9a\xff", 3, text));
    assert_string_equal(text, "009aff");
    assert_true(buildid_is(text));
}

static void test_sizes(void **state)
{
    char text[BUILD_ID_TEXT_MAX];
    uint8_t bytes[BUILD_ID_MAX + 1];

    (void)state;
    memset(bytes, 0xab, sizeof(bytes));
    assert_true(buildid_format(bytes, BUILD_ID_MAX, text));
    assert_int_equal(strlen(text), 2 * BUILD_ID_MAX);
    assert_true(buildid_is(text));
    assert_false(buildid_format(bytes, BUILD_ID_MAX + 1, text));
    assert_string_equal(text, "");
    assert_false(buildid_format(bytes, 0, text));
    assert_string_equal(text, "");
}

static void test_what_is_none(void **state)
{
    char text[BUILD_ID_TEXT_MAX + 2];

    (void)state;
    assert_false(buildid_is(""));
    assert_false(buildid_is("a"));
    assert_false(buildid_is("abc"));
    assert_false(buildid_is("AB"));
    assert_false(buildid_is("ag"));
    assert_false(buildid_is("../../etc"));
    memset(text, 'a', sizeof(text));
    text[2 * BUILD_ID_MAX + 2] = '\0';
    assert_false(buildid_is(text));
    text[2 * BUILD_ID_MAX] = '\0';
    assert_true(buildid_is(text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_sizes),
        cmocka_unit_test(test_what_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
