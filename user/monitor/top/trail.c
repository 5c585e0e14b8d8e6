/* SPDX-License-Identifier: Apache-2.0 */
/* Points of the last minutes. */
#include "trail.h"

#include <math.h>
#include <string.h>

#define MINUTE_NS (60ull * 1000000000)

static double count_waiters(const struct target_report *target)
{
    uint64_t waiters = 0;

    for (size_t i = 0; i < target->n_groups; i++)
        if (!target->groups[i].idle_rule)
            waiters += target->groups[i].count;
    return (double)waiters;
}

void trail_measure(const struct target_report *target, struct trail_point *ret_point)
{
    double network = target->receive_rate + target->transmit_rate;

    *ret_point = (struct trail_point){
        .time_ns = target->resources.time_ns,
        .values =
            {
                [TRAIL_WAITERS] = target->scanned ? count_waiters(target) : NAN,
                [TRAIL_RESIDENT] =
                    target->has_resources ? (double)target->resources.resident_bytes : NAN,
                [TRAIL_CPU] = target->cpu_ratio >= 0 ? target->cpu_ratio : NAN,
                [TRAIL_NETWORK] =
                    target->receive_rate >= 0 && target->transmit_rate >= 0 ? network : NAN,
            },
    };
    if (target->scanned && target->scan.time_ns > ret_point->time_ns)
        ret_point->time_ns = target->scan.time_ns;
}

static void drop_first(struct trail *trail, size_t n)
{
    trail->n -= n;
    memmove(trail->points, trail->points + n, trail->n * sizeof(trail->points[0]));
}

static void drop_old(struct trail *trail, uint64_t now_ns)
{
    size_t n = 0;

    while (n < trail->n && now_ns - trail->points[n].time_ns > TRAIL_SPAN_NS)
        n++;
    if (n > 0)
        drop_first(trail, n);
}

/* fmax() takes the other one where one is NAN. */
static void merge_neighbours(struct trail *trail)
{
    for (size_t i = 0; i + 1 < trail->n; i += 2) {
        const struct trail_point *first = &trail->points[i];
        struct trail_point *to = &trail->points[i / 2];

        *to = (struct trail_point){.time_ns = first[1].time_ns};
        for (size_t k = 0; k < TRAIL_VALUE_MAX; k++)
            to->values[k] = fmax(first[0].values[k], first[1].values[k]);
    }
    trail->n /= 2;
}

void trail_add(struct trail *trail, const struct trail_point *point)
{
    if (trail->n > 0 && point->time_ns <= trail->points[trail->n - 1].time_ns)
        return;
    drop_old(trail, point->time_ns);
    if (trail->n == TRAIL_POINTS_MAX)
        merge_neighbours(trail);
    trail->points[trail->n++] = *point;
}

void trail_interrupt(struct trail *trail)
{
    struct trail_point nothing;

    if (trail->n == 0)
        return;
    nothing.time_ns = trail->points[trail->n - 1].time_ns + 1;
    for (size_t i = 0; i < TRAIL_VALUE_MAX; i++)
        nothing.values[i] = NAN;
    trail_add(trail, &nothing);
}

uint64_t trail_span_ns(const struct trail *trail)
{
    static const uint64_t spans[] = {MINUTE_NS, 2 * MINUTE_NS, 5 * MINUTE_NS};
    uint64_t known =
        trail->n > 0 ? trail->points[trail->n - 1].time_ns - trail->points[0].time_ns : 0;

    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
        if (known <= spans[i])
            return spans[i];
    return TRAIL_SPAN_NS;
}

void trail_sample(const struct trail *trail, enum trail_value value, uint64_t span_ns, size_t n,
                  double *ret_values)
{
    uint64_t end = trail->n > 0 ? trail->points[trail->n - 1].time_ns : 0;
    double last = NAN;
    size_t next = 0; /* part that has no value yet */

    if (n == 0)
        return;
    for (size_t i = 0; i < trail->n; i++) {
        uint64_t age = end - trail->points[i].time_ns;
        double now = trail->points[i].values[value];

        if (age < span_ns) {
            size_t part = n - 1 - (size_t)((double)age / (double)span_ns * (double)n);

            while (next < part)
                ret_values[next++] = last;
            if (next == part)
                ret_values[next++] = now;
            else
                ret_values[part] = fmax(ret_values[part], now);
        }
        last = now;
    }
    while (next < n)
        ret_values[next++] = last;
}
