/* SPDX-License-Identifier: Apache-2.0 */
/* When scans are due. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/probe/schedule.h"

#define MS    1000000ull
#define START (100000 * MS)

struct step {
    uint64_t at_ms;
    enum schedule_due due; /* as it finds that no scan is under way */
};

static struct schedule begin(enum command command, int64_t threshold_ms, int64_t duration_ms)
{
    const struct options options = {
        .threshold_ns = threshold_ms * (int64_t)MS,
        .interval_ns = 5000 * (int64_t)MS,
        .duration_ns = duration_ms < 0 ? -1 : duration_ms * (int64_t)MS,
    };
    struct schedule schedule;

    schedule_start(&schedule, command, &options, START);
    return schedule;
}

static void run(struct schedule *schedule, const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++)
        assert_int_equal(schedule_due(schedule, START + steps[i].at_ms * MS, true), steps[i].due);
}

#define RUN(schedule, ...)                                                                         \
    run(schedule, (const struct step[]){__VA_ARGS__},                                              \
        sizeof((const struct step[]){__VA_ARGS__}) / sizeof(struct step))

static void test_watch_at_every_interval(void **state)
{
    struct schedule schedule = begin(COMMAND_WATCH, 30000, -1);

    (void)state;
    RUN(&schedule, {0, SCHEDULE_SCAN}, {0, SCHEDULE_WAIT}, {4999, SCHEDULE_WAIT},
        {5000, SCHEDULE_SCAN}, {5001, SCHEDULE_WAIT}, {10003, SCHEDULE_SCAN},
        {15000, SCHEDULE_SCAN}); /* lateness does not add up */
}

static void test_watch_makes_up_for_no_missed_scan(void **state)
{
    struct schedule schedule = begin(COMMAND_WATCH, 30000, -1);

    (void)state;
    RUN(&schedule, {0, SCHEDULE_SCAN}, {17000, SCHEDULE_SCAN}, {17000, SCHEDULE_WAIT},
        {21999, SCHEDULE_WAIT}, {22000, SCHEDULE_SCAN}, {27000, SCHEDULE_SCAN});
}

/* Whoever asks decides what becomes of a scan that is due while one is under way. */
static void test_watch_is_due_when_busy(void **state)
{
    struct schedule schedule = begin(COMMAND_WATCH, 30000, -1);

    (void)state;
    assert_int_equal(schedule_due(&schedule, START, false), SCHEDULE_SCAN);
    assert_int_equal(schedule_due(&schedule, START + 5000 * MS, false), SCHEDULE_SCAN);
}

static void test_report_of_all_waiters_is_one_scan(void **state)
{
    struct schedule schedule = begin(COMMAND_REPORT, 0, -1);

    (void)state;
    RUN(&schedule, {0, SCHEDULE_LAST_SCAN}, {1, SCHEDULE_WAIT}, {100000, SCHEDULE_WAIT});
    assert_int_equal(schedule_timeout_ms(&schedule, START), -1);
}

static void test_one_look(void **state)
{
    const struct options none = {.threshold_ns = 0, .duration_ns = -1},
                         told = {.threshold_ns = 0, .duration_ns = 1000 * (int64_t)MS},
                         some = {.threshold_ns = 1, .duration_ns = -1},
                         at_once = {.threshold_ns = 1, .duration_ns = 0};

    (void)state;
    assert_true(schedule_is_one_look(COMMAND_REPORT, &none));
    assert_true(schedule_is_one_look(COMMAND_REPORT, &at_once));
    assert_false(schedule_is_one_look(COMMAND_REPORT, &told));
    assert_false(schedule_is_one_look(COMMAND_REPORT, &some));
    assert_false(schedule_is_one_look(COMMAND_WATCH, &none));
}

static void test_report_observes_for_the_threshold(void **state)
{
    struct schedule half = begin(COMMAND_REPORT, 500, -1), one = begin(COMMAND_REPORT, 1000, -1);

    (void)state;
    RUN(&half, {0, SCHEDULE_SCAN}, {499, SCHEDULE_WAIT}, {500, SCHEDULE_LAST_SCAN},
        {1000, SCHEDULE_WAIT});
    RUN(&one, {0, SCHEDULE_SCAN}, {999, SCHEDULE_WAIT}, {1000, SCHEDULE_LAST_SCAN},
        {2000, SCHEDULE_WAIT});
}

static void test_report_observes_for_two_seconds_at_most(void **state)
{
    struct schedule schedule = begin(COMMAND_REPORT, 10000, -1);

    (void)state;
    RUN(&schedule, {0, SCHEDULE_SCAN}, {1000, SCHEDULE_SCAN}, {1500, SCHEDULE_WAIT},
        {2000, SCHEDULE_LAST_SCAN}, {3000, SCHEDULE_WAIT});
}

static void test_report_observes_as_long_as_it_is_told(void **state)
{
    struct schedule none = begin(COMMAND_REPORT, 10000, 0);
    struct schedule more = begin(COMMAND_REPORT, 1000, 3500);

    (void)state;
    RUN(&none, {0, SCHEDULE_LAST_SCAN});
    RUN(&more, {0, SCHEDULE_SCAN}, {1000, SCHEDULE_SCAN}, {2000, SCHEDULE_SCAN},
        {3000, SCHEDULE_SCAN}, {3499, SCHEDULE_WAIT}, {3500, SCHEDULE_LAST_SCAN});
}

static void test_late_report_ends_with_its_last_scan(void **state)
{
    struct schedule schedule = begin(COMMAND_REPORT, 10000, -1);

    (void)state;
    RUN(&schedule, {0, SCHEDULE_SCAN}, {7000, SCHEDULE_LAST_SCAN}, {8000, SCHEDULE_WAIT});
}

static void test_last_scan_waits_for_the_one_under_way(void **state)
{
    struct schedule schedule = begin(COMMAND_REPORT, 500, -1);

    (void)state;
    RUN(&schedule, {0, SCHEDULE_SCAN});
    assert_int_equal(schedule_due(&schedule, START + 500 * MS, false), SCHEDULE_WAIT);
    assert_int_equal(schedule_timeout_ms(&schedule, START + 500 * MS), -1);
    assert_int_equal(schedule_due(&schedule, START + 700 * MS, true), SCHEDULE_LAST_SCAN);
    assert_int_equal(schedule_due(&schedule, START + 700 * MS, true), SCHEDULE_WAIT);
}

static void test_timeout_never_wakes_too_early(void **state)
{
    struct schedule schedule = begin(COMMAND_WATCH, 30000, -1);

    (void)state;
    RUN(&schedule, {0, SCHEDULE_SCAN});
    assert_int_equal(schedule_timeout_ms(&schedule, START), 5000);
    assert_int_equal(schedule_timeout_ms(&schedule, START + 1), 5000);
    assert_int_equal(schedule_timeout_ms(&schedule, START + 4999 * MS), 1);
    assert_int_equal(schedule_timeout_ms(&schedule, START + 5000 * MS - 1), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_watch_at_every_interval),
        cmocka_unit_test(test_watch_makes_up_for_no_missed_scan),
        cmocka_unit_test(test_watch_is_due_when_busy),
        cmocka_unit_test(test_report_of_all_waiters_is_one_scan),
        cmocka_unit_test(test_one_look),
        cmocka_unit_test(test_report_observes_for_the_threshold),
        cmocka_unit_test(test_report_observes_for_two_seconds_at_most),
        cmocka_unit_test(test_report_observes_as_long_as_it_is_told),
        cmocka_unit_test(test_late_report_ends_with_its_last_scan),
        cmocka_unit_test(test_last_scan_waits_for_the_one_under_way),
        cmocka_unit_test(test_timeout_never_wakes_too_early),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
