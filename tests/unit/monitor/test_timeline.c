/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/timeline.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "wire.h"

#define INTERVAL_MS 5000
#define START_MS    INT64_C(1600000000000)
#define MS_NS       UINT64_C(1000000)
#define WEEK_POINTS (7 * 24 * 3600 * 1000 / INTERVAL_MS)

static int set_up(void **state)
{
    static struct timeline timeline;

    *state = &timeline;
    return timeline_init(&timeline, INTERVAL_MS);
}

static int tear_down(void **state)
{
    timeline_free(*state);
    return 0;
}

static int64_t time_of(size_t number)
{
    return START_MS + (int64_t)number * INTERVAL_MS;
}

static struct point *add(struct timeline *timeline, size_t number)
{
    struct point *point =
        timeline_add(timeline, time_of(number), (1000000 + number * INTERVAL_MS) * MS_NS);

    point->threads = (uint32_t)number;
    return point;
}

/* Adds points whose number of threads is their own. */
static void add_points(struct timeline *timeline, size_t first, size_t n)
{
    for (size_t i = first; i < first + n; i++)
        add(timeline, i);
}

static void a_new_point_knows_nothing(void **state)
{
    const struct point *point = timeline_add(*state, START_MS, 1);

    assert_int_equal(timeline_n(*state), 1);
    assert_ptr_equal(point, timeline_newest(*state));
    assert_int_equal(point->time_ms, START_MS);
    assert_true(point->resident_bytes == WIRE_UNKNOWN);
    assert_true(isnan(point->cpu_cores) && isnan(point->receive_rate));
    assert_int_equal(point->threads, POINT_UNKNOWN);
    assert_int_equal(point->parked[SAMPLE_GOROUTINE], POINT_UNKNOWN);
    assert_int_equal(point->waiters[RANKING_OTHER_IDLE], POINT_UNKNOWN);
}

static void there_is_no_newest_of_none(void **state)
{
    assert_null(timeline_newest(*state));
    assert_null(timeline_near(*state, 1));
    assert_int_equal(timeline_n(*state), 0);
}

static void keeps_all_at_full_interval(void **state)
{
    struct timeline *timeline = *state;

    add_points(timeline, 0, TIMELINE_FULL_POINTS);
    assert_int_equal(timeline_n(timeline), TIMELINE_FULL_POINTS);
    for (size_t i = 0; i < TIMELINE_FULL_POINTS; i++) {
        assert_int_equal(timeline_at(timeline, i)->time_ms, time_of(i));
        assert_false(timeline_has_gap(timeline, i));
    }
}

static void merges_the_two_oldest(void **state)
{
    struct timeline *timeline = *state;

    add_points(timeline, 0, TIMELINE_FULL_POINTS + 1);
    assert_int_equal(timeline_n(timeline), TIMELINE_FULL_POINTS);
    assert_int_equal(timeline_at(timeline, 0)->time_ms, time_of(1));
    assert_int_equal(timeline_at(timeline, 0)->threads, 1);
    assert_int_equal(timeline_at(timeline, 1)->time_ms, time_of(2));
}

static void fill_pair(struct timeline *timeline)
{
    struct point *a = add(timeline, 0);
    struct point *b = add(timeline, 1);

    a->resident_bytes = 70;
    b->resident_bytes = 50;
    b->cgroup_rss_bytes = 7;
    a->cpu_cores = 1;
    b->cpu_cores = 2;
    a->receive_rate = 100;
    a->threads = 9;
    b->threads = 8;
    b->parked[SAMPLE_THREAD] = 3;
    a->waiters[0] = 5;
    b->waiters[0] = 4;
    b->waiters[RANKING_OTHER] = 6;
}

static void merging_loses_no_peak_and_no_mean(void **state)
{
    struct timeline *timeline = *state;
    const struct point *both;

    fill_pair(timeline);
    add_points(timeline, 2, TIMELINE_FULL_POINTS - 1);
    both = timeline_at(timeline, 0);
    assert_int_equal(both->resident_bytes, 70);
    assert_int_equal(both->cgroup_rss_bytes, 7);
    assert_true(both->cgroup_usage_bytes == WIRE_UNKNOWN);
    assert_true(both->cpu_cores == 1.5F && both->receive_rate == 100);
    assert_true(isnan(both->transmit_rate));
    assert_int_equal(both->threads, 9);
    assert_int_equal(both->goroutines, POINT_UNKNOWN);
    assert_int_equal(both->parked[SAMPLE_THREAD], 3);
    assert_int_equal(both->waiters[0], 5);
    assert_int_equal(both->waiters[1], POINT_UNKNOWN);
    assert_int_equal(both->waiters[RANKING_OTHER], 6);
}

static void holds_a_week_and_no_more_than_its_bound(void **state)
{
    struct timeline *timeline = *state;

    add_points(timeline, 0, 2 * WEEK_POINTS);
    assert_true(timeline_n(timeline) <= TIMELINE_POINTS_MAX);
    assert_true(timeline_n(timeline) >= TIMELINE_POINTS_MAX - TIMELINE_LEVELS);
    assert_true(timeline_at(timeline, 0)->time_ms <= time_of(WEEK_POINTS));
    assert_int_equal(timeline_newest(timeline)->time_ms, time_of(2 * WEEK_POINTS - 1));
    for (size_t i = 1; i < timeline_n(timeline); i++) {
        assert_true(timeline_at(timeline, i)->time_ms > timeline_at(timeline, i - 1)->time_ms);
        assert_false(timeline_has_gap(timeline, i));
        /* The last of what a point stands for is the greatest. */
        assert_int_equal(time_of(timeline_at(timeline, i)->threads),
                         timeline_at(timeline, i)->time_ms);
    }
}

static void the_newest_hours_stay_at_full_interval(void **state)
{
    struct timeline *timeline = *state;
    size_t n;

    add_points(timeline, 0, WEEK_POINTS);
    n = timeline_n(timeline);
    for (size_t i = n - TIMELINE_FULL_POINTS + 2; i < n; i++)
        assert_int_equal(timeline_at(timeline, i)->time_ms,
                         timeline_at(timeline, i - 1)->time_ms + INTERVAL_MS);
}

static void a_gap_stays_one_at_every_level(void **state)
{
    struct timeline *timeline = *state;
    size_t missing = 1000000; /* intervals: more than the width of any level */
    size_t gaps = 0;

    /* An odd number of points before it, so that a pair would reach across. */
    add_points(timeline, 0, 1001);
    add_points(timeline, 1001 + missing, WEEK_POINTS / 2);
    for (size_t i = 0; i < timeline_n(timeline); i++) {
        if (!timeline_has_gap(timeline, i))
            continue;
        gaps++;
        assert_int_equal(timeline_at(timeline, i - 1)->time_ms, time_of(1000));
        assert_true(timeline_at(timeline, i)->time_ms >= time_of(1001 + missing));
    }
    assert_int_equal(gaps, 1);
}

static void one_late_point_is_no_gap(void **state)
{
    struct timeline *timeline = *state;

    add(timeline, 0);
    timeline_add(timeline, time_of(1) + INTERVAL_MS / 4, 2000000 * MS_NS);
    add(timeline, 3);
    add(timeline, 6);
    assert_false(timeline_has_gap(timeline, 0));
    assert_false(timeline_has_gap(timeline, 1));
    assert_false(timeline_has_gap(timeline, 2));
    assert_true(timeline_has_gap(timeline, 3));
}

static void finds_the_point_of_a_moment(void **state)
{
    struct timeline *timeline = *state;
    uint64_t half_ns = INTERVAL_MS / 2 * MS_NS;
    uint64_t at_ns;

    add_points(timeline, 0, TIMELINE_FULL_POINTS + 100);
    add(timeline, TIMELINE_FULL_POINTS + 110);
    for (size_t back = 2; back < 50; back++) {
        const struct point *point = timeline_at(timeline, timeline_n(timeline) - back);

        at_ns = point->at_ns;
        assert_ptr_equal(timeline_near(timeline, at_ns), point);
        assert_ptr_equal(timeline_near(timeline, at_ns + half_ns - 1), point);
        assert_ptr_equal(timeline_near(timeline, at_ns - half_ns + 1), point);
    }
    at_ns = timeline_newest(timeline)->at_ns;
    assert_null(timeline_near(timeline, at_ns + half_ns + 1));
    assert_null(timeline_near(timeline, at_ns - half_ns - 1));
    assert_null(timeline_near(timeline, 1));
}

static uint64_t at_ns_of(size_t number)
{
    return (1000000 + number * INTERVAL_MS) * MS_NS;
}

static void a_clock_set_back_moves_what_is_ahead(void **state)
{
    struct timeline *timeline = *state;
    size_t n;

    add_points(timeline, 0, TIMELINE_FULL_POINTS + 100);
    n = timeline_n(timeline);
    timeline_hold_back(timeline, time_of(5000) - 3600000, at_ns_of(5000));
    assert_int_equal(timeline_at(timeline, 0)->time_ms, time_of(1) - 3600000);
    assert_int_equal(timeline_at(timeline, n - 1)->time_ms,
                     time_of(TIMELINE_FULL_POINTS + 99) - 3600000);
}

/* Those of a time in which the clock was ahead move, up to where they belong. */
static void what_is_not_ahead_keeps_its_time(void **state)
{
    struct timeline *timeline = *state;
    size_t n;

    add_points(timeline, 0, 1000);
    for (size_t i = 1000; i < 1100; i++)
        timeline_add(timeline, time_of(i) + 86400000, at_ns_of(i))->threads = (uint32_t)i;
    timeline_hold_back(timeline, time_of(1100), at_ns_of(1100));
    n = timeline_n(timeline);
    assert_int_equal(n, 1100);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(timeline_at(timeline, i)->time_ms, time_of(i));
        assert_int_equal(timeline_at(timeline, i)->threads, i);
    }
}

static void a_little_ahead_is_left_and_times_rise(void **state)
{
    struct timeline *timeline = *state;
    int64_t slack_ms = INTERVAL_MS / TIMELINE_SLACK;

    /* As near as two points can be. */
    timeline_add(timeline, time_of(0) + slack_ms, at_ns_of(0));
    timeline_add(timeline, time_of(0) + INTERVAL_MS / 2 + slack_ms + 1,
                 at_ns_of(0) + INTERVAL_MS * MS_NS / 2);
    timeline_hold_back(timeline, time_of(1), at_ns_of(1));
    assert_int_equal(timeline_at(timeline, 0)->time_ms, time_of(0) + slack_ms);
    assert_int_equal(timeline_at(timeline, 1)->time_ms, time_of(0) + INTERVAL_MS / 2);
    assert_true(timeline_at(timeline, 1)->time_ms > timeline_at(timeline, 0)->time_ms);
}

static void folds_one_column_into_another(void **state)
{
    struct timeline *timeline = *state;
    struct point *counted = add(timeline, 0);
    const struct point *unknown = add(timeline, 1);

    counted->waiters[2] = 5;
    counted->waiters[RANKING_OTHER] = 7;
    timeline_fold(timeline, 2, RANKING_OTHER);
    assert_int_equal(counted->waiters[2], 0);
    assert_int_equal(counted->waiters[RANKING_OTHER], 12);
    assert_int_equal(unknown->waiters[2], POINT_UNKNOWN);
    assert_int_equal(unknown->waiters[RANKING_OTHER], POINT_UNKNOWN);
}

#define WITH_TIMELINE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_TIMELINE(a_new_point_knows_nothing),
        WITH_TIMELINE(there_is_no_newest_of_none),
        WITH_TIMELINE(keeps_all_at_full_interval),
        WITH_TIMELINE(merges_the_two_oldest),
        WITH_TIMELINE(merging_loses_no_peak_and_no_mean),
        WITH_TIMELINE(holds_a_week_and_no_more_than_its_bound),
        WITH_TIMELINE(the_newest_hours_stay_at_full_interval),
        WITH_TIMELINE(a_gap_stays_one_at_every_level),
        WITH_TIMELINE(one_late_point_is_no_gap),
        WITH_TIMELINE(finds_the_point_of_a_moment),
        WITH_TIMELINE(a_clock_set_back_moves_what_is_ahead),
        WITH_TIMELINE(what_is_not_ahead_keeps_its_time),
        WITH_TIMELINE(a_little_ahead_is_left_and_times_rise),
        WITH_TIMELINE(folds_one_column_into_another),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
