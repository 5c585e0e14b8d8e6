/* SPDX-License-Identifier: Apache-2.0 */
/* How a slow target is scanned less often. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/probe/pace.h"

#define MS       1000000ull
#define INTERVAL (1000 * MS)

static struct pace begin(void)
{
    struct pace pace;

    pace_init(&pace, INTERVAL);
    return pace;
}

/* Scans that take so long, one after the other. */
static void scan(struct pace *pace, uint64_t took_ms, int n)
{
    for (int i = 0; i < n; i++) {
        pace_begin(pace);
        pace_end(pace, took_ms * MS);
    }
}

/* How many intervals pass until a scan is due. */
static unsigned wait_for_scan(struct pace *pace)
{
    unsigned n = 1;

    while (!pace_tick(pace))
        n++;
    pace_begin(pace);
    return n;
}

static void test_quick_scans_come_at_every_interval(void **state)
{
    struct pace pace = begin();

    (void)state;
    assert_int_equal(wait_for_scan(&pace), 1);
    scan(&pace, 100, 5);
    assert_int_equal(wait_for_scan(&pace), 1);
    assert_int_equal(pace_interval(&pace), INTERVAL);
    assert_false(pace_is_stretched(&pace));
}

static void test_slow_scans_take_a_tenth_of_the_time(void **state)
{
    struct pace pace = begin();

    (void)state;
    scan(&pace, 101, 2);
    assert_true(pace_is_stretched(&pace));
    assert_int_equal(pace_interval(&pace), 2 * INTERVAL);
    assert_int_equal(wait_for_scan(&pace), 2);
    scan(&pace, 2000, 2);
    assert_int_equal(pace_interval(&pace), 20 * INTERVAL);
    assert_int_equal(wait_for_scan(&pace), 20);
    assert_int_equal(wait_for_scan(&pace), 20);
}

static void test_one_slow_scan_changes_nothing(void **state)
{
    struct pace pace = begin();

    (void)state;
    assert_false(pace_end(&pace, 5000 * MS)); /* the first */
    assert_false(pace_end(&pace, 10 * MS));
    assert_false(pace_end(&pace, 900 * MS));
    assert_false(pace_end(&pace, 10 * MS));
    assert_int_equal(pace_interval(&pace), INTERVAL);
}

static void test_each_change_is_told_once(void **state)
{
    struct pace pace = begin();

    (void)state;
    assert_false(pace_end(&pace, 300 * MS));
    assert_true(pace_end(&pace, 300 * MS));
    assert_false(pace_end(&pace, 300 * MS));
    assert_true(pace_end(&pace, 10 * MS));
    assert_false(pace_end(&pace, 10 * MS));
}

static void test_it_ends_only_when_scans_are_quick_again(void **state)
{
    struct pace pace = begin();

    (void)state;
    scan(&pace, 500, 2);
    scan(&pace, 51, 3);
    assert_int_equal(pace_interval(&pace), 2 * INTERVAL);
    scan(&pace, 50, 1);
    assert_int_equal(pace_interval(&pace), INTERVAL);
}

static void test_there_is_a_longest_interval(void **state)
{
    struct pace pace = begin(), slow;

    (void)state;
    scan(&pace, 1000000, 2);
    assert_int_equal(pace_interval(&pace), PACE_INTERVAL_MAX_NS);
    pace_init(&slow, 2 * PACE_INTERVAL_MAX_NS);
    scan(&slow, 1000000, 2);
    assert_int_equal(pace_interval(&slow), 2 * PACE_INTERVAL_MAX_NS); /* never shorter */
}

static void test_a_scan_stays_due(void **state)
{
    struct pace pace = begin();

    (void)state;
    scan(&pace, 300, 2);
    assert_false(pace_tick(&pace));
    assert_false(pace_tick(&pace));
    assert_true(pace_tick(&pace));
    assert_true(pace_tick(&pace)); /* another was still under way */
    pace_begin(&pace);
    assert_false(pace_tick(&pace));
}

static void test_without_an_interval_nothing_is_put_off(void **state)
{
    struct pace pace;

    (void)state;
    pace_init(&pace, 0);
    assert_false(pace_end(&pace, 30000 * MS));
    assert_false(pace_end(&pace, 30000 * MS));
    assert_true(pace_tick(&pace));
    assert_int_equal(pace_interval(&pace), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quick_scans_come_at_every_interval),
        cmocka_unit_test(test_slow_scans_take_a_tenth_of_the_time),
        cmocka_unit_test(test_one_slow_scan_changes_nothing),
        cmocka_unit_test(test_each_change_is_told_once),
        cmocka_unit_test(test_it_ends_only_when_scans_are_quick_again),
        cmocka_unit_test(test_there_is_a_longest_interval),
        cmocka_unit_test(test_a_scan_stays_due),
        cmocka_unit_test(test_without_an_interval_nothing_is_put_off),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
