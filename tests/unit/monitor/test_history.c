/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/history.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/example.h"

#define START_MS   INT64_C(1600000000000)
#define INTERVAL_S 5

/* A target that is read and scanned at the times the test says, by the monotonic clock from 1000 s.
 * Its wall clock is START_MS then, until the test sets it. */
struct scene {
    struct history history;
    struct example example;
    struct target_report *target;
    int64_t set_ms; /* how far the wall clock was set */
};

static int set_up(void **state)
{
    struct scene *scene = test_calloc(1, sizeof(*scene));

    history_init(&scene->history, INTERVAL_S * EXAMPLE_S);
    example_fill(&scene->example);
    scene->target = &scene->example.target;
    scene->target->has_resources = false;
    scene->target->scanned = false;
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    history_free(&scene->history);
    test_free(scene);
    return 0;
}

static uint64_t at_ns(double seconds)
{
    return (uint64_t)((1000 + seconds) * 1e9);
}

static int64_t at_ms(double seconds)
{
    return START_MS + (int64_t)(seconds * 1000);
}

/* What is new is taken `seconds` after the start. */
static void take(struct scene *scene, double seconds)
{
    const struct history_clock clock = {at_ns(seconds), at_ms(seconds) + scene->set_ms};

    assert_int_equal(history_take(&scene->history, scene->target, &clock), 0);
}

static void read_resources(struct scene *scene, double seconds)
{
    scene->target->has_resources = true;
    scene->target->resources.time_ns = at_ns(seconds);
    take(scene, seconds);
}

/* A scan of `seconds` whose end is taken at `taken`. */
static void scan_late(struct scene *scene, double seconds, double taken)
{
    scene->target->scanned = true;
    scene->target->scan.number++;
    scene->target->scan.time_ns = at_ns(seconds);
    take(scene, taken);
}

static void scan(struct scene *scene, double seconds)
{
    scan_late(scene, seconds, seconds);
}

static struct history_target *only(const struct scene *scene)
{
    assert_int_equal(scene->history.n, 1);
    return scene->history.targets[0];
}

static const struct timeline *timeline_of(const struct scene *scene)
{
    return &only(scene)->timeline;
}

static const struct point *point_of(const struct scene *scene, size_t index)
{
    assert_true(index < timeline_n(timeline_of(scene)));
    return timeline_at(timeline_of(scene), index);
}

static void assert_times_rise(const struct scene *scene)
{
    for (size_t i = 1; i < timeline_n(timeline_of(scene)); i++)
        assert_true(point_of(scene, i)->time_ms > point_of(scene, i - 1)->time_ms);
}

static void a_point_has_what_reading_and_scan_say(void **state)
{
    struct scene *scene = *state;
    const struct target_report *target = scene->target;
    const struct point *point;
    uint64_t waiters = 0;

    read_resources(scene, 1);
    scan(scene, 1.01);
    assert_int_equal(timeline_n(timeline_of(scene)), 1);
    point = point_of(scene, 0);
    assert_int_equal(point->time_ms, at_ms(1));
    assert_int_equal(point->resident_bytes, target->resources.resident_bytes);
    assert_int_equal(point->cgroup_usage_bytes, target->resources.cgroup_usage_bytes);
    assert_true(point->cgroup_rss_bytes == WIRE_UNKNOWN);
    assert_true(fabs(point->cpu_cores - target->cpu_ratio) < 1e-6);
    assert_true(point->receive_rate == 1234 && point->transmit_rate == 900);
    assert_int_equal(point->threads, 1024);
    assert_int_equal(point->goroutines, 15318);
    assert_int_equal(point->parked[SAMPLE_THREAD], 1023);
    assert_int_equal(point->parked[SAMPLE_GOROUTINE], 14235);
    for (size_t i = 0; i < RANKING_COLUMNS; i++)
        waiters += point->waiters[i];
    assert_int_equal(waiters, 14235 + 11 + 1012);
}

static void unknown_rates_and_no_go_are_unknown(void **state)
{
    struct scene *scene = *state;

    scene->target->cpu_ratio = -1;
    scene->target->receive_rate = -1;
    scene->target->scan.has_goroutines = 0;
    read_resources(scene, 1);
    scan(scene, 1);
    assert_true(isnan(point_of(scene, 0)->cpu_cores));
    assert_true(isnan(point_of(scene, 0)->receive_rate));
    assert_true(point_of(scene, 0)->transmit_rate == 900);
    assert_int_equal(point_of(scene, 0)->goroutines, POINT_UNKNOWN);
    assert_int_equal(point_of(scene, 0)->parked[SAMPLE_GOROUTINE], POINT_UNKNOWN);
}

static void the_same_state_makes_no_second_point(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 1);
    scan(scene, 1);
    take(scene, 3);
    take(scene, 30);
    assert_int_equal(timeline_n(timeline_of(scene)), 1);
}

static void a_late_scan_goes_to_its_reading(void **state)
{
    struct scene *scene = *state;

    for (int i = 0; i < 4; i++)
        read_resources(scene, i * INTERVAL_S);
    scan_late(scene, 0.01, 17);
    assert_int_equal(timeline_n(timeline_of(scene)), 4);
    assert_int_equal(point_of(scene, 0)->threads, 1024);
    for (size_t i = 1; i < 4; i++) {
        assert_int_equal(point_of(scene, i)->threads, POINT_UNKNOWN);
        assert_int_equal(point_of(scene, i)->waiters[0], POINT_UNKNOWN);
    }
}

static void a_scan_without_a_reading_has_a_point(void **state)
{
    struct scene *scene = *state;

    scan(scene, 0);
    scan(scene, INTERVAL_S);
    read_resources(scene, 2 * INTERVAL_S);
    scan(scene, 2 * INTERVAL_S + 0.01);
    assert_int_equal(timeline_n(timeline_of(scene)), 3);
    assert_true(point_of(scene, 1)->resident_bytes == WIRE_UNKNOWN);
    assert_int_equal(point_of(scene, 1)->threads, 1024);
    assert_true(point_of(scene, 2)->resident_bytes != WIRE_UNKNOWN);
}

static void what_was_not_read_is_a_gap(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 0);
    read_resources(scene, INTERVAL_S);
    read_resources(scene, 10 * INTERVAL_S);
    assert_int_equal(timeline_n(timeline_of(scene)), 3);
    assert_false(timeline_has_gap(timeline_of(scene), 1));
    assert_true(timeline_has_gap(timeline_of(scene), 2));
}

static void the_newest_settles_with_its_scan(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 0);
    assert_int_equal(history_n_settled(only(scene)), 0);
    scan(scene, 0.1);
    assert_int_equal(history_n_settled(only(scene)), 1);
    for (int i = 1; i <= 6; i++)
        read_resources(scene, i * INTERVAL_S);
    assert_int_equal(history_n_settled(only(scene)), 1);
    scan_late(scene, 2 * INTERVAL_S, 6 * INTERVAL_S + 1);
    assert_int_equal(history_n_settled(only(scene)), 3);
}

static void points_settle_when_no_scan_can_come(void **state)
{
    struct scene *scene = *state;

    for (int i = 0; i <= 6; i++)
        read_resources(scene, i * INTERVAL_S);
    assert_int_equal(history_n_settled(only(scene)), 1);
    read_resources(scene, 7 * INTERVAL_S);
    assert_int_equal(history_n_settled(only(scene)), 2);
    scene->target->up = false;
    take(scene, 7 * INTERVAL_S + 1);
    assert_int_equal(history_n_settled(only(scene)), 8);
}

static void a_clock_set_forward_leaves_a_gap(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 0);
    read_resources(scene, INTERVAL_S);
    scene->set_ms = 3600000;
    read_resources(scene, 2 * INTERVAL_S);
    read_resources(scene, 3 * INTERVAL_S);
    assert_int_equal(point_of(scene, 1)->time_ms, at_ms(INTERVAL_S));
    assert_int_equal(point_of(scene, 2)->time_ms, at_ms(2 * INTERVAL_S) + 3600000);
    assert_true(timeline_has_gap(timeline_of(scene), 2));
    assert_false(timeline_has_gap(timeline_of(scene), 3));
    assert_times_rise(scene);
}

static void a_clock_set_back_takes_the_points_with_it(void **state)
{
    struct scene *scene = *state;

    for (int i = 0; i < 10; i++)
        read_resources(scene, i * INTERVAL_S);
    scene->set_ms = -3600000;
    for (int i = 10; i < 20; i++)
        read_resources(scene, i * INTERVAL_S);
    for (size_t i = 0; i < 20; i++)
        assert_int_equal(point_of(scene, i)->time_ms, at_ms((double)i * INTERVAL_S) - 3600000);
    assert_int_equal(only(scene)->since.time_ms, at_ms(0) - 3600000);
}

/* What came before has been right all along. */
static void a_clock_set_forward_and_back_moves_what_came_between(void **state)
{
    struct scene *scene = *state;

    for (int i = 0; i < 10; i++)
        read_resources(scene, i * INTERVAL_S);
    scene->set_ms = 3600000;
    for (int i = 10; i < 20; i++)
        read_resources(scene, i * INTERVAL_S);
    assert_int_equal(only(scene)->moves, 0);
    scene->set_ms = 0;
    for (int i = 20; i < 30; i++) {
        read_resources(scene, i * INTERVAL_S);
        for (size_t k = 0; k <= (size_t)i; k++)
            assert_int_equal(point_of(scene, k)->time_ms, at_ms((double)k * INTERVAL_S));
    }
    assert_int_equal(only(scene)->since.time_ms, at_ms(0));
    assert_int_equal(only(scene)->moves, 1);
}

/* Half of the way back: what came between is an hour after what came before still, less that. */
static void a_clock_set_back_in_part_leaves_a_gap(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 0);
    scene->set_ms = 3600000;
    read_resources(scene, INTERVAL_S);
    read_resources(scene, 2 * INTERVAL_S);
    scene->set_ms = 1800000;
    read_resources(scene, 3 * INTERVAL_S);
    assert_int_equal(point_of(scene, 0)->time_ms, at_ms(0));
    for (size_t i = 1; i < 4; i++)
        assert_int_equal(point_of(scene, i)->time_ms, at_ms((double)i * INTERVAL_S) + 1800000);
    assert_times_rise(scene);
}

static void a_clock_that_jumps_to_and_fro_breaks_no_order(void **state)
{
    struct scene *scene = *state;
    uint32_t random = 1;

    for (int i = 0; i < 2000; i++) {
        random = random * 1103515245 + 12345;
        if (random >> 30 == 0)
            scene->set_ms = (int64_t)(random >> 8 & 0xfffff) - 0x80000;
        if (random >> 30 == 1)
            scene->set_ms -= 1300 * (int64_t)(random >> 8 & 1);
        read_resources(scene, i * (INTERVAL_S + (random >> 16 & 1) / 1000.0));
        assert_true(point_of(scene, timeline_n(timeline_of(scene)) - 1)->time_ms -
                        at_ms(i * (INTERVAL_S + (random >> 16 & 1) / 1000.0)) - scene->set_ms <=
                    1);
        if (i % 100 == 0)
            assert_times_rise(scene);
    }
    assert_times_rise(scene);
}

/* It has no points to come, and yet none of its times is still to come. */
static void an_ended_target_moves_along(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 0);
    scene->set_ms = 3600000;
    read_resources(scene, INTERVAL_S);
    scene->target->up = false;
    take(scene, 2 * INTERVAL_S);
    assert_int_equal(only(scene)->ended.time_ms, at_ms(2 * INTERVAL_S) + 3600000);
    scene->set_ms = 0;
    take(scene, 3 * INTERVAL_S);
    assert_int_equal(only(scene)->ended.time_ms, at_ms(2 * INTERVAL_S));
    assert_int_equal(only(scene)->since.time_ms, at_ms(0));
    assert_int_equal(point_of(scene, 0)->time_ms, at_ms(0));
    assert_int_equal(point_of(scene, 1)->time_ms, at_ms(INTERVAL_S));
}

static void a_clock_set_back_by_a_second_needs_nothing(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 0);
    scene->set_ms = -1000;
    read_resources(scene, INTERVAL_S);
    assert_int_equal(point_of(scene, 0)->time_ms, at_ms(0));
    assert_int_equal(point_of(scene, 1)->time_ms, at_ms(INTERVAL_S) - 1000);
    assert_int_equal(only(scene)->moves, 0);
    assert_times_rise(scene);
}

static void another_target_moves_along(void **state)
{
    struct scene *scene = *state;
    const struct target_report first = *scene->target;

    read_resources(scene, 0);
    *scene->target = first;
    scene->target->pid++;
    read_resources(scene, 1);
    scene->set_ms = -3600000;
    read_resources(scene, 1 + INTERVAL_S);
    assert_int_equal(scene->history.n, 2);
    assert_int_equal(timeline_newest(&scene->history.targets[0]->timeline)->time_ms,
                     at_ms(0) - 3600000);
}

static void an_analyst_reaches_neither_past_nor_future(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 100);
    scan_late(scene, 1000000, 100.5);
    assert_int_equal(timeline_n(timeline_of(scene)), 1);
    scan_late(scene, -900, 101);
    assert_int_equal(timeline_n(timeline_of(scene)), 1);
    read_resources(scene, 100 + INTERVAL_S);
    assert_int_equal(point_of(scene, 1)->time_ms, at_ms(100 + INTERVAL_S));
}

static void a_point_has_one_scan(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 0);
    scan(scene, 0.1);
    scene->target->threads_parked = 7;
    scan(scene, 0.2);
    assert_int_equal(timeline_n(timeline_of(scene)), 1);
    assert_int_equal(point_of(scene, 0)->parked[SAMPLE_THREAD], 1023);
    read_resources(scene, INTERVAL_S);
    scan(scene, INTERVAL_S + 0.1);
    assert_int_equal(point_of(scene, 1)->parked[SAMPLE_THREAD], 7);
}

static void an_ended_target_keeps_its_points(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 0);
    scan(scene, 0);
    assert_true(only(scene)->up);
    scene->target->up = false;
    scene->target->scanned = false;
    take(scene, 7);
    take(scene, 9);
    assert_false(only(scene)->up);
    assert_int_equal(only(scene)->since.time_ms, at_ms(0));
    assert_int_equal(only(scene)->ended.time_ms, at_ms(7));
    assert_int_equal(timeline_n(timeline_of(scene)), 1);
    assert_string_equal(only(scene)->runtime, "go");
}

static void a_name_follows_the_report(void **state)
{
    struct scene *scene = *state;

    read_resources(scene, 0);
    strcpy(scene->target->name, "recommendd:4121");
    take(scene, 1);
    assert_string_equal(only(scene)->name, "recommendd:4121");
}

static void a_new_process_forgets_the_one_that_ended_first(void **state)
{
    struct scene *scene = *state;

    for (uint32_t i = 0; i < HISTORY_TARGETS_MAX; i++) {
        scene->target->pid = 100 + i;
        scene->target->up = true;
        take(scene, i);
        scene->target->up = i % 2;
        take(scene, i + 0.5);
    }
    assert_int_equal(scene->history.n, HISTORY_TARGETS_MAX);
    scene->target->pid = 100; /* again, of another process */
    scene->target->start_ns += 1000;
    scene->target->up = true;
    take(scene, 1000);
    assert_int_equal(scene->history.n, HISTORY_TARGETS_MAX);
    assert_int_equal(scene->history.targets[0]->pid, 101);
    assert_int_equal(scene->history.targets[HISTORY_TARGETS_MAX - 1]->pid, 100);
}

static void a_site_that_gave_way_stays_in_the_sum(void **state)
{
    struct scene *scene = *state;
    struct group groups[RANKING_SITES_MAX + 1];
    uint64_t sum = 0;

    for (size_t i = 0; i < RANKING_SITES_MAX + 1; i++) {
        groups[i] = (struct group){.stack = &scene->example.stacks[1], .count = 10};
        snprintf(groups[i].site, sizeof(groups[i].site), "f%zu", i);
    }
    scene->target->groups = groups;
    scene->target->n_groups = RANKING_SITES_MAX;
    scan(scene, 0);
    scene->target->n_groups = RANKING_SITES_MAX + 1;
    groups[RANKING_SITES_MAX].count = 50;
    scan(scene, INTERVAL_S);
    for (size_t i = 0; i < RANKING_COLUMNS; i++)
        sum += point_of(scene, 0)->waiters[i];
    assert_int_equal(sum, RANKING_SITES_MAX * 10);
    assert_int_equal(point_of(scene, 0)->waiters[RANKING_OTHER], 10);
    assert_int_equal(point_of(scene, 1)->waiters[RANKING_OTHER], 10);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCENE(a_point_has_what_reading_and_scan_say),
        WITH_SCENE(unknown_rates_and_no_go_are_unknown),
        WITH_SCENE(the_same_state_makes_no_second_point),
        WITH_SCENE(a_late_scan_goes_to_its_reading),
        WITH_SCENE(a_scan_without_a_reading_has_a_point),
        WITH_SCENE(what_was_not_read_is_a_gap),
        WITH_SCENE(the_newest_settles_with_its_scan),
        WITH_SCENE(points_settle_when_no_scan_can_come),
        WITH_SCENE(a_clock_set_forward_leaves_a_gap),
        WITH_SCENE(a_clock_set_back_takes_the_points_with_it),
        WITH_SCENE(a_clock_set_forward_and_back_moves_what_came_between),
        WITH_SCENE(a_clock_set_back_in_part_leaves_a_gap),
        WITH_SCENE(a_clock_that_jumps_to_and_fro_breaks_no_order),
        WITH_SCENE(an_ended_target_moves_along),
        WITH_SCENE(a_clock_set_back_by_a_second_needs_nothing),
        WITH_SCENE(another_target_moves_along),
        WITH_SCENE(an_analyst_reaches_neither_past_nor_future),
        WITH_SCENE(a_point_has_one_scan),
        WITH_SCENE(an_ended_target_keeps_its_points),
        WITH_SCENE(a_name_follows_the_report),
        WITH_SCENE(a_new_process_forgets_the_one_that_ended_first),
        WITH_SCENE(a_site_that_gave_way_stays_in_the_sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
