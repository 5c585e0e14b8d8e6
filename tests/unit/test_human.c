/* SPDX-License-Identifier: Apache-2.0 */
#include "human.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS INT64_C(1000000)
#define S  (1000 * MS)
#define H  (3600 * S)

static void durations_are_cut(void **state)
{
    (void)state;
    assert_string_equal(human_duration(-5).text, "0s");
    assert_string_equal(human_duration(999).text, "0s");
    assert_string_equal(human_duration(40999).text, "40µs");
    assert_string_equal(human_duration(250 * MS).text, "250ms");
    assert_string_equal(human_duration(S - 1).text, "999ms");
    assert_string_equal(human_duration(S).text, "1.0s");
    assert_string_equal(human_duration(10 * S - 1).text, "9.9s");
    assert_string_equal(human_duration(12 * S + 900 * MS).text, "12s");
    assert_string_equal(human_duration(60 * S - 1).text, "59s");
    assert_string_equal(human_duration(90 * S).text, "1m30s");
    assert_string_equal(human_duration(2 * H + 51 * 60 * S + 59 * S).text, "2h51m");
    assert_string_equal(human_duration(76 * H).text, "3d4h");
    assert_string_equal(human_duration(INT64_MAX).text, "106751d23h");
}

static void upper_bounds_are_never_below(void **state)
{
    (void)state;
    assert_string_equal(human_duration_up(2 * H + 52 * 60 * S + 1).text, "2h53m");
    assert_string_equal(human_duration_up(2 * H + 53 * 60 * S).text, "2h53m");
    assert_string_equal(human_duration_up(60 * S - 1).text, "1m0s");
    assert_string_equal(human_duration_up(S - 1).text, "1.0s");
    assert_string_equal(human_duration_up(1).text, "1µs");
    assert_string_equal(human_duration_up(0).text, "0s");
    assert_string_equal(human_duration_up(INT64_MAX).text, "106751d23h");
}

static void exact_is_as_typed(void **state)
{
    (void)state;
    assert_string_equal(human_exact(0).text, "0s");
    assert_string_equal(human_exact(S).text, "1s");
    assert_string_equal(human_exact(1500 * MS).text, "1.5s");
    assert_string_equal(human_exact(1050 * MS).text, "1.05s");
    assert_string_equal(human_exact(500 * MS).text, "500ms");
    assert_string_equal(human_exact(1500).text, "1.5µs");
    assert_string_equal(human_exact(300 * S).text, "5m");
    assert_string_equal(human_exact(H).text, "1h");
    assert_string_equal(human_exact(H + 5 * S).text, "1h5s");
    assert_string_equal(human_exact(H + 1800 * S).text, "1h30m");
    assert_string_equal(human_exact(H + 500 * MS).text, "1h0.5s");
}

static void bytes_take_three_digits(void **state)
{
    (void)state;
    assert_string_equal(human_bytes(0).text, "0 B");
    assert_string_equal(human_bytes(1023).text, "1023 B");
    assert_string_equal(human_bytes(1024).text, "1 KiB");
    assert_string_equal(human_bytes(88 * 1024).text, "88 KiB");
    assert_string_equal(human_bytes(14235 * 2048).text, "27.8 MiB");
    assert_string_equal(human_bytes(1024 * 1024 - 1).text, "1 MiB");
    assert_string_equal(human_bytes(UINT64_C(2040109465)).text, "1.9 GiB");
    assert_string_equal(human_bytes(UINT64_MAX).text, "16 EiB");
}

static void rates_count_in_thousands(void **state)
{
    (void)state;
    assert_string_equal(human_rate(-1).text, "0 B/s");
    assert_string_equal(human_rate(900).text, "900 B/s");
    assert_string_equal(human_rate(999.7).text, "1 kB/s");
    assert_string_equal(human_rate(1234).text, "1.2 kB/s");
    assert_string_equal(human_rate(125e6).text, "125 MB/s");
}

static void counts_have_separators(void **state)
{
    (void)state;
    assert_string_equal(human_count(0).text, "0");
    assert_string_equal(human_count(999).text, "999");
    assert_string_equal(human_count(1000).text, "1,000");
    assert_string_equal(human_count(14259).text, "14,259");
    assert_string_equal(human_count(UINT64_MAX).text, "18,446,744,073,709,551,615");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(durations_are_cut),        cmocka_unit_test(upper_bounds_are_never_below),
        cmocka_unit_test(exact_is_as_typed),        cmocka_unit_test(bytes_take_three_digits),
        cmocka_unit_test(rates_count_in_thousands), cmocka_unit_test(counts_have_separators),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
