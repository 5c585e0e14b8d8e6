/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/query.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void reads_levels(void **state)
{
    static const char *const bad[] = {"", "3", "-1", "1x", " 1", "01"};
    unsigned debug = 9;

    (void)state;
    assert_int_equal(query_debug(NULL, &debug), 0);
    assert_int_equal(debug, 0);
    assert_int_equal(query_debug("2", &debug), 0);
    assert_int_equal(debug, 2);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(query_debug(bad[i], &debug), -EINVAL);
}

static void reads_moments(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } good[] = {
        {NULL, 0},
        {"0", 0},
        {"1600000000", 1600000000000},
        {"1600000000.123", 1600000000123},
        {"1600000000.0625", 1600000000063},
        {"1.", 1000},
        {".5", 500},
    };
    static const char *const bad[] = {"",    "x",  "-1", "1x",    "1e9", "inf",
                                      "nan", " 1", ".",  "1.2.3", "0x1", "999999999999"};
    int64_t ms;

    (void)state;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
        assert_int_equal(query_since(good[i].text, &ms), 0);
        assert_int_equal(ms, good[i].ms);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
        assert_int_equal(query_since(bad[i], &ms), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_levels),
        cmocka_unit_test(reads_moments),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
