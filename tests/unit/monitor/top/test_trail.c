/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/top/trail.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/example.h"

#define MINUTE (60 * EXAMPLE_S)

static struct trail_point point_at(uint64_t time_ns, double waiters)
{
    struct trail_point point = {.time_ns = time_ns};

    for (size_t i = 0; i < TRAIL_VALUE_MAX; i++)
        point.values[i] = NAN;
    point.values[TRAIL_WAITERS] = waiters;
    return point;
}

static void add(struct trail *trail, uint64_t time_ns, double waiters)
{
    struct trail_point point = point_at(time_ns, waiters);

    trail_add(trail, &point);
}

static void measures_a_target(void **state)
{
    struct example example;
    struct trail_point point;

    (void)state;
    example_fill(&example);
    example.target.scan.time_ns = 5 * EXAMPLE_S;
    example.target.resources.time_ns = 4 * EXAMPLE_S;
    trail_measure(&example.target, &point);
    assert_int_equal(point.time_ns, 5 * EXAMPLE_S);
    assert_true(point.values[TRAIL_WAITERS] == 14246); /* the idle ones are no news */
    assert_true(point.values[TRAIL_RESIDENT] == 2040109465.0);
    assert_true(point.values[TRAIL_CPU] == 0.004);
    assert_true(point.values[TRAIL_NETWORK] == 2134);
    example.target.scanned = example.target.has_resources = false;
    example.target.cpu_ratio = example.target.receive_rate = -1;
    trail_measure(&example.target, &point);
    for (size_t i = 0; i < TRAIL_VALUE_MAX; i++)
        assert_true(isnan(point.values[i]));
}

static void keeps_the_last_minutes(void **state)
{
    struct trail *trail = calloc(1, sizeof(*trail));

    (void)state;
    add(trail, 100 * EXAMPLE_S, 1);
    add(trail, 100 * EXAMPLE_S, 2); /* not newer */
    add(trail, 99 * EXAMPLE_S, 3);
    assert_int_equal(trail->n, 1);
    add(trail, 100 * EXAMPLE_S + TRAIL_SPAN_NS, 4);
    assert_int_equal(trail->n, 2);
    add(trail, 101 * EXAMPLE_S + TRAIL_SPAN_NS, 5);
    assert_int_equal(trail->n, 2); /* the first is too old */
    assert_true(trail->points[0].values[TRAIL_WAITERS] == 4);
    free(trail);
}

/* However short the interval: bounded, the span stays, and no peak is lost. */
static void thins_itself(void **state)
{
    struct trail *trail = calloc(1, sizeof(*trail));
    const uint64_t step = 100 * EXAMPLE_MS;
    double most = 0;

    (void)state;
    for (uint64_t i = 0; i < 5000; i++) {
        add(trail, MINUTE + i * step, i == 1234 ? 77 : 1);
        assert_true(trail->n <= TRAIL_POINTS_MAX);
    }
    assert_true(trail->points[0].time_ns <= MINUTE + 100 * EXAMPLE_S);
    assert_int_equal(trail->points[trail->n - 1].time_ns, MINUTE + 4999 * step);
    for (size_t i = 0; i < trail->n; i++) {
        assert_true(i == 0 || trail->points[i].time_ns > trail->points[i - 1].time_ns);
        most = fmax(most, trail->points[i].values[TRAIL_WAITERS]);
    }
    assert_true(most == 77);
    free(trail);
}

static void chooses_a_span(void **state)
{
    struct trail *trail = calloc(1, sizeof(*trail));

    (void)state;
    assert_int_equal(trail_span_ns(trail), MINUTE);
    add(trail, MINUTE, 1);
    add(trail, 2 * MINUTE, 1);
    assert_int_equal(trail_span_ns(trail), MINUTE);
    add(trail, 2 * MINUTE + 1, 1);
    assert_int_equal(trail_span_ns(trail), 2 * MINUTE);
    add(trail, 4 * MINUTE, 1);
    assert_int_equal(trail_span_ns(trail), 5 * MINUTE);
    add(trail, 7 * MINUTE, 1);
    assert_int_equal(trail_span_ns(trail), 10 * MINUTE);
    free(trail);
}

static void samples_parts(void **state)
{
    struct trail *trail = calloc(1, sizeof(*trail));
    double values[6];

    (void)state;
    trail_sample(trail, TRAIL_WAITERS, MINUTE, 6, values);
    for (size_t i = 0; i < 6; i++)
        assert_true(isnan(values[i]));
    /* Parts of ten seconds that end at 100 s. */
    add(trail, 55 * EXAMPLE_S, 3);
    add(trail, 56 * EXAMPLE_S, 2);
    add(trail, 75 * EXAMPLE_S, NAN);
    add(trail, 85 * EXAMPLE_S, 9);
    add(trail, 100 * EXAMPLE_S, 4);
    trail_sample(trail, TRAIL_WAITERS, MINUTE, 6, values);
    assert_true(isnan(values[0])); /* before the first */
    assert_true(values[1] == 3);   /* the greatest */
    assert_true(values[2] == 2);   /* none: as before */
    assert_true(isnan(values[3])); /* unknown is not filled in */
    assert_true(values[4] == 9);
    assert_true(values[5] == 4);
    /* A pause is no line from what was before it. */
    trail_interrupt(trail);
    add(trail, 130 * EXAMPLE_S, 5);
    trail_sample(trail, TRAIL_WAITERS, MINUTE, 6, values);
    assert_true(values[2] == 4);
    assert_true(isnan(values[3]));
    assert_true(isnan(values[4]));
    assert_true(values[5] == 5);
    free(trail);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(measures_a_target), cmocka_unit_test(keeps_the_last_minutes),
        cmocka_unit_test(thins_itself),      cmocka_unit_test(chooses_a_span),
        cmocka_unit_test(samples_parts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
