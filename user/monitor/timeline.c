/* SPDX-License-Identifier: Apache-2.0 */
/* Points in rings, each thinner than the one before. */
#include "timeline.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "wire.h"

#define MS_NS 1000000

int timeline_init(struct timeline *timeline, int64_t interval_ms)
{
    struct point *next;

    *timeline = (struct timeline){.interval_ms = interval_ms};
    timeline->points = calloc(TIMELINE_POINTS_MAX, sizeof(*timeline->points));
    if (!timeline->points)
        return -ENOMEM;
    next = timeline->points;
    for (size_t i = 0; i < TIMELINE_LEVELS; i++) {
        timeline->levels[i].points = next;
        timeline->levels[i].max = i > 0 ? TIMELINE_THIN_POINTS : TIMELINE_FULL_POINTS;
        next += timeline->levels[i].max;
    }
    return 0;
}

void timeline_free(struct timeline *timeline)
{
    free(timeline->points);
    *timeline = (struct timeline){0};
}

static struct point *level_at(const struct timeline_level *level, size_t index)
{
    return &level->points[(level->first + index) % level->max];
}

static void drop_oldest(struct timeline_level *level, uint32_t n)
{
    level->first = (level->first + n) % level->max;
    level->n -= n;
}

static struct point *append(struct timeline_level *level)
{
    return level_at(level, level->n++);
}

/* More than twice as far as points of this level are apart, and half an interval for jitter. */
static bool is_gap(const struct timeline *timeline, size_t level, const struct point *before,
                   const struct point *after)
{
    int64_t width_ms = timeline->interval_ms << level;

    return after->time_ms - before->time_ms > 2 * width_ms + timeline->interval_ms / 2;
}

static uint64_t merge_bytes(uint64_t a, uint64_t b)
{
    if (a == WIRE_UNKNOWN || b == WIRE_UNKNOWN)
        return a == WIRE_UNKNOWN ? b : a;
    return a > b ? a : b;
}

static uint32_t merge_count(uint32_t a, uint32_t b)
{
    if (a == POINT_UNKNOWN || b == POINT_UNKNOWN)
        return a == POINT_UNKNOWN ? b : a;
    return a > b ? a : b;
}

static float merge_rate(float a, float b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) ? b : a;
    return (a + b) / 2;
}

static struct point merge(const struct point *a, const struct point *b)
{
    struct point both = {
        .time_ms = b->time_ms,
        .at_ns = b->at_ns,
        .resident_bytes = merge_bytes(a->resident_bytes, b->resident_bytes),
        .cgroup_usage_bytes = merge_bytes(a->cgroup_usage_bytes, b->cgroup_usage_bytes),
        .cgroup_rss_bytes = merge_bytes(a->cgroup_rss_bytes, b->cgroup_rss_bytes),
        .cpu_cores = merge_rate(a->cpu_cores, b->cpu_cores),
        .receive_rate = merge_rate(a->receive_rate, b->receive_rate),
        .transmit_rate = merge_rate(a->transmit_rate, b->transmit_rate),
        .threads = merge_count(a->threads, b->threads),
        .goroutines = merge_count(a->goroutines, b->goroutines),
    };

    for (size_t i = 0; i < SAMPLE_KIND_MAX; i++)
        both.parked[i] = merge_count(a->parked[i], b->parked[i]);
    for (size_t i = 0; i < RANKING_COLUMNS; i++)
        both.waiters[i] = merge_count(a->waiters[i], b->waiters[i]);
    return both;
}

/* Makes one point of a level's two oldest, in the next level, which has room. */
static void thin(struct timeline *timeline, size_t number)
{
    struct timeline_level *level = &timeline->levels[number];
    const struct point *a = level_at(level, 0);
    const struct point *b = level_at(level, 1);
    struct point *thinned = append(&timeline->levels[number + 1]);

    if (is_gap(timeline, number, a, b)) {
        *thinned = *a;
        drop_oldest(level, 1);
    } else {
        *thinned = merge(a, b);
        drop_oldest(level, 2);
    }
}

/* For one more point in level 0. */
static void make_room(struct timeline *timeline)
{
    size_t full = 0; /* levels, from the first on */

    while (full < TIMELINE_LEVELS && timeline->levels[full].n == timeline->levels[full].max)
        full++;
    if (full == TIMELINE_LEVELS)
        drop_oldest(&timeline->levels[--full], 1);
    while (full-- > 0)
        thin(timeline, full);
}

struct point *timeline_add(struct timeline *timeline, int64_t time_ms, uint64_t at_ns)
{
    struct point *point;

    make_room(timeline);
    point = append(&timeline->levels[0]);
    *point = (struct point){
        .time_ms = time_ms,
        .at_ns = at_ns,
        .resident_bytes = WIRE_UNKNOWN,
        .cgroup_usage_bytes = WIRE_UNKNOWN,
        .cgroup_rss_bytes = WIRE_UNKNOWN,
        .cpu_cores = NAN,
        .receive_rate = NAN,
        .transmit_rate = NAN,
        .threads = POINT_UNKNOWN,
        .goroutines = POINT_UNKNOWN,
    };
    for (size_t i = 0; i < SAMPLE_KIND_MAX; i++)
        point->parked[i] = POINT_UNKNOWN;
    for (size_t i = 0; i < RANKING_COLUMNS; i++)
        point->waiters[i] = POINT_UNKNOWN;
    return point;
}

size_t timeline_n(const struct timeline *timeline)
{
    size_t n = 0;

    for (size_t i = 0; i < TIMELINE_LEVELS; i++)
        n += timeline->levels[i].n;
    return n;
}

/* Finds a point's level, and its place there. */
static size_t find_level(const struct timeline *timeline, size_t *index)
{
    size_t level = TIMELINE_LEVELS - 1;

    while (level > 0 && *index >= timeline->levels[level].n)
        *index -= timeline->levels[level--].n;
    return level;
}

struct point *timeline_at(const struct timeline *timeline, size_t index)
{
    size_t level = find_level(timeline, &index);

    return level_at(&timeline->levels[level], index);
}

struct point *timeline_newest(const struct timeline *timeline)
{
    const struct timeline_level *level = &timeline->levels[0];

    return level->n > 0 ? level_at(level, level->n - 1) : NULL;
}

struct point *timeline_near(const struct timeline *timeline, uint64_t at_ns)
{
    const struct timeline_level *level = &timeline->levels[0];
    uint64_t near_ns = (uint64_t)timeline->interval_ms * MS_NS / 2;

    for (size_t i = level->n; i-- > 0;) {
        struct point *point = level_at(level, i);

        if (point->at_ns > at_ns + near_ns)
            continue;
        return point->at_ns + near_ns >= at_ns ? point : NULL;
    }
    return NULL;
}

bool timeline_has_gap(const struct timeline *timeline, size_t index)
{
    size_t before = index - 1;

    if (!index)
        return false;
    return is_gap(timeline, find_level(timeline, &before), timeline_at(timeline, index - 1),
                  timeline_at(timeline, index));
}

void timeline_hold_back(struct timeline *timeline, int64_t time_ms, uint64_t at_ns)
{
    size_t n = timeline_n(timeline);

    for (size_t i = 0; i < n; i++) {
        struct point *point = timeline_at(timeline, i);
        int64_t latest_ms = time_ms - (int64_t)(at_ns - point->at_ns) / MS_NS;

        if (point->time_ms - latest_ms > timeline->interval_ms / TIMELINE_SLACK)
            point->time_ms = latest_ms;
    }
}

void timeline_fold(struct timeline *timeline, size_t from, size_t to)
{
    size_t n = timeline_n(timeline);

    for (size_t i = 0; i < n; i++) {
        struct point *point = timeline_at(timeline, i);

        if (point->waiters[from] == POINT_UNKNOWN)
            continue;
        point->waiters[to] += point->waiters[from];
        point->waiters[from] = 0;
    }
}
