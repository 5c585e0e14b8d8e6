/* SPDX-License-Identifier: Apache-2.0 */
/* Patterns against the C library's matcher, and what the worst of them cost. */
#include "ere.h"

#include <errno.h>
#include <regex.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define TEXT_SIZE 8192

static bool matches(const char *pattern, const char *text)
{
    struct ere *ere = NULL;
    bool found;

    if (ere_new(pattern, &ere))
        fail_msg("'%s' is not taken", pattern);
    found = ere_matches(ere, text, NULL);
    ere_free(&ere);
    return found;
}

static bool matches_in_library(const char *pattern, const char *text)
{
    regex_t regex;
    bool found;

    if (regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB))
        fail_msg("'%s' is not the library's", pattern);
    found = !regexec(&regex, text, 0, NULL, 0);
    regfree(&regex);
    return found;
}

static const char *const patterns[] = {
    "",
    "a",
    "^a",
    "a$",
    "^$",
    "^a|b$",
    "(^a|b)c",
    "a(|b)c",
    "a||b",
    "()",
    "a.c",
    "a*b",
    "^a*$",
    "^(ab)*$",
    "^(a*)*$",
    "^(a|b*)*c",
    "(a+|b+)+c",
    "ab?c",
    "^a{2}$",
    "^a{2,}$",
    "^a{,2}$",
    "^a{1,3}b",
    "^(ab|c){2,3}$",
    "^(a{0}b){2}$",
    "^a{2}{2}$",
    "^a**$",
    "^(a?){3}$",
    "^(a?){2,}b",
    "[abc]d",
    "[^abc]d",
    "[]a]b",
    "[^]a]b",
    "[a-c-]d",
    "[-a]b",
    "[a\\]b",
    "[[:alpha:]][[:digit:]]",
    "[^[:space:]]a",
    "[[:upper:]_]",
    "[[.a.]-c]d",
    "[a-[.c.]]d",
    "[[:digit:]-]d",
    "[[=a=]]b",
    "a)",
    "a}",
    "a\\.b",
    "\\(a\\)",
    "\\*",
    "\\^",
    "a\\{2\\}",
    "\\wb",
    "\\Wb",
    "a\\s",
    "a\\Sb",
    "\\<b",
    "a\\>",
    "\\bb",
    "\\Bb",
    "\\`a",
    "b\\'",
    "(\\b)*a",
    "a(\\<|b)+",
    "^futex_wait;pool_",
    "libx[.]so[+]0x1f;",
    "x$|^a.*b$",
    "(a|ab)(c|bcd)$",
    "\303\251",
    "[\303\251]a",
};

static const char *const fixed_texts[] = {
    "",
    "a",
    "b",
    "ab",
    "abc",
    "ba",
    "aa",
    "aaa",
    "aaaa",
    "aaaab",
    "abab",
    "ababab",
    "cab",
    "ac",
    "bc",
    "xbc",
    "abcd",
    "a.b",
    "axb",
    "(a)",
    "*",
    "^",
    "a{2}",
    "]b",
    "-b",
    "\\b",
    "a b",
    "a;b",
    "a_b",
    "A1",
    "a1",
    " a",
    "\na",
    "a)",
    "a}",
    "bd",
    "xd",
    "-d",
    "\303\251a",
    "\303\251",
    "a\nb",
    "x",
    "bb",
    "cc",
    "abcab",
    "_",
    "\377d",
    "aab",
    "bcd;abc",
    "a-b",
    "ccc",
    "ababc",
    "main;futex_wait;pool_get",
    "futex_wait;pool_get",
    "libx.so+0x1f;main",
};

/* The next text of up to 6 letters. */
static const char *made_text(unsigned number)
{
    static const char letters[] = "abcd ;_1";
    static char text[7];
    unsigned n = number % 7;

    for (unsigned i = 0; i < n; i++) {
        number = number * 1103515245 + 12345;
        text[i] = letters[number >> 16 & 7];
    }
    text[n] = '\0';
    return text;
}

static void is_the_librarys_language(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(patterns) / sizeof(patterns[0]); i++) {
        for (unsigned j = 0; j < 500; j++) {
            const size_t n = sizeof(fixed_texts) / sizeof(fixed_texts[0]);
            const char *text = j < n ? fixed_texts[j] : made_text(j);

            if (matches(patterns[i], text) != matches_in_library(patterns[i], text))
                fail_msg("'%s' in '%s' is not what the library finds", patterns[i], text);
        }
    }
}

static void assert_refused(const char *const *bad, size_t n)
{
    struct ere *ere = NULL;

    for (size_t i = 0; i < n; i++) {
        if (ere_new(bad[i], &ere) != -EINVAL)
            fail_msg("'%s' is taken", bad[i]);
    }
    assert_null(ere);
}

static void refuses_what_is_none(void **state)
{
    static const char *const bad[] = {
        "(",           "a(b",       "[",      "[a",  "[]",  "[^]",    "[b-a]", "[[:nothing:]]",
        "[[.space.]]", "[[:alpha:", "*",      "+a",  "a|*", "(*a)",   "{2}",   "a{",
        "a{1",         "a{x}",      "a{2,1}", "a{}", "a\\", "(a)\\1",
    };

    (void)state;
    assert_refused(bad, sizeof(bad) / sizeof(bad[0]));
}

/* Nor does the library: a pattern is one for both, or for none. */
static void repeats_no_assertion(void **state)
{
    static const char *const bad[] = {"^*",   "a$+",    "\\b*", "a\\b+", "\\B?",
                                      "\\<*", "\\>{2}", "\\`*", "\\'*",  "a|\\b*"};

    (void)state;
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        regex_t regex;

        assert_int_not_equal(regcomp(&regex, bad[i], REG_EXTENDED | REG_NOSUB), 0);
    }
    assert_refused(bad, sizeof(bad) / sizeof(bad[0]));
}

static void no_class_ends_a_range(void **state)
{
    static const char *const bad[] = {"[a-[:alpha:]]", "[[:alpha:]-z]", "[a-[=z=]]", "[[=a=]-z]"};

    (void)state;
    assert_refused(bad, sizeof(bad) / sizeof(bad[0]));
}

static void bounds_its_program(void **state)
{
    static const char *const big[] = {"a{256}", "(a{100}){100}", "((((a{9}){9}){9}){9}){9}",
                                      "(((a?){99}){99}){99}"};
    char deep[2 * ERE_DEPTH_MAX + 4], *longest = calloc(1, ERE_PROGRAM_MAX + 1);
    struct ere *ere = NULL;

    (void)state;
    for (size_t i = 0; i < sizeof(big) / sizeof(big[0]); i++)
        assert_int_equal(ere_new(big[i], &ere), -E2BIG);
    memset(deep, '(', ERE_DEPTH_MAX + 1);
    memset(deep + ERE_DEPTH_MAX + 1, ')', ERE_DEPTH_MAX + 1);
    deep[2 * ERE_DEPTH_MAX + 2] = '\0';
    assert_int_equal(ere_new(deep, &ere), -E2BIG);
    memset(longest, 'a', ERE_PROGRAM_MAX);
    assert_int_equal(ere_new(longest, &ere), -E2BIG);
    assert_null(ere);
    longest[ERE_PROGRAM_MAX - 1] = '\0';
    assert_int_equal(ere_new(longest, &ere), 0);
    ere_free(&ere);
    free(longest);
}

/* Each of these takes the library's matcher a time that grows with the square of the text, or what
 * it remembers of it without end. */
static void takes_no_longer_for_hostile_texts(void **state)
{
    static const struct {
        const char *pattern, *unit;
    } worst[] = {
        {"worker.*idle$", "worker"},
        {"a.*b.*c.*d", "abc"},
        {"(a|aa)*b", "a"},
        {"(x+x+)+y", "x"},
        {"(.*a){20}b", "a"},
        {"(a*)*(a*)*(a*)*(a*)*b", "a"},
        {"(a|b)*a(a|b){14}c", "abbabaaab"},
        {"(a?){255}a{255}b", "a"},
        {"((((a*)*)*)*)*b", "a"},
    };
    static char text[TEXT_SIZE];

    (void)state;
    for (size_t i = 0; i < sizeof(worst) / sizeof(worst[0]); i++) {
        const size_t length = strlen(worst[i].unit);
        struct ere *ere = NULL;
        uint64_t steps = 0;

        for (size_t j = 0; j < TEXT_SIZE - 1; j++)
            text[j] = worst[i].unit[j % length];
        assert_int_equal(ere_new(worst[i].pattern, &ere), 0);
        assert_false(ere_matches(ere, text, &steps));
        assert_true(steps <= (uint64_t)ERE_STEPS_PER_BYTE * TEXT_SIZE);
        if (!strchr(worst[i].pattern, '{')) /* small programs take in proportion */
            assert_true(steps <= 64ull * TEXT_SIZE);
        ere_free(&ere);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(is_the_librarys_language),
        cmocka_unit_test(refuses_what_is_none),
        cmocka_unit_test(repeats_no_assertion),
        cmocka_unit_test(no_class_ends_a_range),
        cmocka_unit_test(bounds_its_program),
        cmocka_unit_test(takes_no_longer_for_hostile_texts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
