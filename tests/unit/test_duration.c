/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of user/duration.c.
 */
#include "duration.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void reads_durations(void **state)
{
    static const struct {
        const char *text;
        int64_t ns;
    } cases[] = {
        {"0", 0},
        {"0s", 0},
        {"1ns", 1},
        {"500ms", 500000000},
        {"2s", 2000000000},
        {"1.5s", 1500000000},
        {".5s", 500000000},
        {"1.s", 1000000000},
        {"1h30m", 5400000000000},
        {"1m1h", 3660000000000},
        {"3us", 3000},
        {"3\u00b5s", 3000},
        {"3\u03bcs", 3000},
        {"1d", 86400000000000},
        {"2w", 1209600000000000},
        {"1y", 31536000000000000},
        {"0.9ns", 0},
        {"0.000000000019m", 1},
        {"0.3333333333333333333h", 1199999999999},
        {"9223372036854775807ns", INT64_MAX},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ns = -1;

        if (duration_parse(cases[i].text, &ns) || ns != cases[i].ns)
            fail_msg("%s gave %lld", cases[i].text, (long long)ns);
    }
}

static void refuses_other_texts(void **state)
{
    static const char *const cases[] = {"",       "s",    ".",    ".s",   "1",    "1.5", "00",
                                        "-1s",    "+1s",  " 1s",  "1s ",  "1 s",  "1S",  "1x",
                                        "1.2.3s", "1h30", "1e3s", "0x1s", "1,5s", "s1"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ns = 77;

        if (duration_parse(cases[i], &ns) != -EINVAL || ns != 77)
            fail_msg("'%s' was not refused", cases[i]);
    }
}

static void refuses_what_does_not_fit(void **state)
{
    static const char *const cases[] = {"9223372036854775808ns", "99999999999999999999s", "293y",
                                        "292y1y", "9223372036854775807.5ns1ns"};

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        int64_t ns = 77;

        if (duration_parse(cases[i], &ns) != -ERANGE || ns != 77)
            fail_msg("'%s' was not refused", cases[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_durations),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(refuses_what_does_not_fit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
