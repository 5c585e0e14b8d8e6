/* SPDX-License-Identifier: Apache-2.0 */
#include "utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define BAD "\xef\xbf\xbd" /* U+FFFD */

static void assert_cleaned(const char *bytes, const char *expected)
{
    char text[64];
    size_t length = utf8_clean(bytes, strlen(bytes), text, sizeof(text));

    assert_string_equal(text, expected);
    assert_int_equal(length, strlen(expected));
}

static void valid_text_stays(void **state)
{
    (void)state;
    assert_cleaned("", "");
    assert_cleaned("plain \"quoted\" \\ text", "plain \"quoted\" \\ text");
    assert_cleaned("größe → 名前 😀", "größe → 名前 😀");
    assert_cleaned("\xf4\x8f\xbf\xbd", "\xf4\x8f\xbf\xbd"); /* U+10FFFD, near the end */
}

static void invalid_sequences_are_replaced(void **state)
{
    (void)state;
    assert_cleaned("a\x80z", "a" BAD "z");         /* a continuation alone */
    assert_cleaned("a\xc0\xafz", "a" BAD BAD "z"); /* overlong '/' */
    assert_cleaned("a\xe0\x80\xafz", "a" BAD BAD BAD "z");
    assert_cleaned("a\xed\xa0\x80z", "a" BAD BAD BAD "z");         /* a surrogate */
    assert_cleaned("a\xf4\x90\x80\x80z", "a" BAD BAD BAD BAD "z"); /* beyond U+10FFFF */
    assert_cleaned("a\xff\xfez", "a" BAD BAD "z");
    assert_cleaned("a\xe2\x82z", "a" BAD "z"); /* cut: one for the sequence */
    assert_cleaned("a\xf0\x9f\x98", "a" BAD);
    assert_cleaned("a\xc3", "a" BAD);
}

static void harmful_characters_are_replaced(void **state)
{
    (void)state;
    assert_cleaned("a\nb\tc\rd", "a" BAD "b" BAD "c" BAD "d");
    assert_cleaned("\033[31mred", BAD "[31mred");
    assert_cleaned("\x7f", BAD);
    assert_cleaned("\xc2\x9b"
                   "31m",
                   BAD "31m"); /* CSI as C1 control */
    assert_cleaned("\xe2\x80\xae"
                   "abc",
                   BAD "abc"); /* right-to-left override */
    assert_cleaned("\xe2\x81\xa6"
                   "abc",
                   BAD "abc");                           /* left-to-right isolate */
    assert_cleaned("\xe2\x80\xa8\xe2\x80\xa9", BAD BAD); /* line, paragraph separator */
    assert_cleaned("\xef\xbb\xbf"
                   "abc",
                   BAD "abc"); /* byte order mark */
    assert_cleaned("a\xe2\x80\x8b"
                   "b",
                   "a" BAD "b"); /* zero width space */
}

static void nul_bytes_are_replaced(void **state)
{
    char text[16];

    (void)state;
    assert_int_equal(utf8_clean("a\0b", 3, text, sizeof(text)), 5);
    assert_string_equal(text, "a" BAD "b");
}

static void cuts_at_characters(void **state)
{
    char text[8];

    (void)state;
    assert_int_equal(utf8_clean("abcdefgh", 8, text, sizeof(text)), 7);
    assert_string_equal(text, "abcdefg");
    assert_int_equal(utf8_clean("abcdefé", 8, text, sizeof(text)), 6);
    assert_string_equal(text, "abcdef");
    assert_int_equal(utf8_clean("a\xff\xff\xff", 4, text, sizeof(text)), 7);
    assert_string_equal(text, "a" BAD BAD);
    assert_int_equal(utf8_clean("abc", 3, text, 1), 0);
    assert_string_equal(text, "");
}

/* Whatever goes in, what comes out is clean: it passes unchanged. */
static void any_two_bytes_come_out_clean(void **state)
{
    (void)state;
    for (unsigned pair = 0; pair < 0x10000; pair++) {
        char bytes[4] = {(char)0xe2, (char)(pair >> 8), (char)pair, 'z'};
        char once[32];
        char twice[32];
        size_t length = utf8_clean(bytes, sizeof(bytes), once, sizeof(once));

        assert_int_equal(utf8_clean(once, length, twice, sizeof(twice)), length);
        assert_string_equal(once, twice);
        assert_int_equal(once[length - 1], 'z');
    }
}

static void assert_fitted(const char *text, size_t columns, const char *expected)
{
    char fitted[16 * UTF8_CHAR_MAX + 1];

    assert_int_equal(utf8_fit(text, columns, fitted, sizeof(fitted)), utf8_columns(expected));
    assert_string_equal(fitted, expected);
}

static void long_texts_lose_their_middle(void **state)
{
    (void)state;
    assert_fitted("short", 5, "short");
    assert_fitted("abcdefghij", 5, "ab…ij");
    assert_fitted("abcdefghij", 4, "ab…j");
    assert_fitted("abcdefghij", 1, "…");
    assert_fitted("äöüäöüäöü", 5, "äö…öü");
    assert_fitted("\xff\xff\xff\xff\xff\xff", 3, BAD "…" BAD);
    assert_fitted("", 1, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(valid_text_stays),
        cmocka_unit_test(invalid_sequences_are_replaced),
        cmocka_unit_test(harmful_characters_are_replaced),
        cmocka_unit_test(nul_bytes_are_replaced),
        cmocka_unit_test(cuts_at_characters),
        cmocka_unit_test(any_two_bytes_come_out_clean),
        cmocka_unit_test(long_texts_lose_their_middle),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
