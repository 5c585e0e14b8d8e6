/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The points of one target over time, in bounded memory: the newest at full interval, older ones
 * ever thinner.
 *
 *   level 0    2,880 points at the interval                    4 h at 5 s
 *   level 1      480 points at twice the interval              80 min more
 *   level 2      480 at four times                             160 min more
 *   ...
 *   level 7      480 at 128 times                              in all 7 days and 5 hours at 5 s
 *
 * When a level is full, its two oldest points become one of the next: the greater of gauges and
 * counts, so that no peak is lost, and the mean of rates. Points on two sides of a gap are not
 * merged. What the last level has no room for is forgotten.
 */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ranking.h"
#include "sample.h"

#define TIMELINE_LEVELS      8
#define TIMELINE_FULL_POINTS 2880 /* of level 0 */
#define TIMELINE_THIN_POINTS 480  /* of each other level */
#define TIMELINE_POINTS_MAX                                                                        \
    (TIMELINE_FULL_POINTS + (TIMELINE_LEVELS - 1) * TIMELINE_THIN_POINTS) /* 6,240 */

/* The part of an interval that a point's time may be ahead of the clock: less than the half that
 * two points are apart at least, so that times rise. */
#define TIMELINE_SLACK 4

#define POINT_UNKNOWN UINT32_MAX

struct point {
    int64_t time_ms;         /* CLOCK_REALTIME since 1970; rises from point to point */
    uint64_t at_ns;          /* CLOCK_MONOTONIC */
    uint64_t resident_bytes; /* WIRE_UNKNOWN where it could not be had; the next two likewise */
    uint64_t cgroup_usage_bytes;
    uint64_t cgroup_rss_bytes;
    float cpu_cores;    /* since the point before; NAN: unknown; the next two likewise */
    float receive_rate; /* bytes/s */
    float transmit_rate;
    uint32_t threads; /* POINT_UNKNOWN, as what follows: no scan */
    uint32_t goroutines;
    uint32_t parked[SAMPLE_KIND_MAX];
    uint32_t waiters[RANKING_COLUMNS]; /* parked waiters, by column of the ranking */
};

static_assert(TIMELINE_POINTS_MAX * sizeof(struct point) <= 1024 * 1024, "1 MiB for a target");

/* A ring of points. */
struct timeline_level {
    struct point *points;
    uint32_t max;
    uint32_t first; /* the oldest */
    uint32_t n;
};

struct timeline {
    int64_t interval_ms;
    struct point *points; /* of all levels */
    struct timeline_level levels[TIMELINE_LEVELS];
};

/* -ENOMEM. Pages are only taken as they are filled. */
int timeline_init(struct timeline *timeline, int64_t interval_ms);
void timeline_free(struct timeline *timeline);

/* Adds a point in which nothing is known. `time_ms` and `at_ns` are later than those of all other
 * points. */
struct point *timeline_add(struct timeline *timeline, int64_t time_ms, uint64_t at_ns);

/* Points are numbered from 0, the oldest, until the next is added. */
size_t timeline_n(const struct timeline *timeline);
struct point *timeline_at(const struct timeline *timeline, size_t index);

/* The newest point, or NULL. */
struct point *timeline_newest(const struct timeline *timeline);

/* The point of level 0 that is no farther than half an interval from `at_ns`, or NULL. */
struct point *timeline_near(const struct timeline *timeline, uint64_t at_ns);

/* Whether points are missing right before this one. */
bool timeline_has_gap(const struct timeline *timeline, size_t index);

/* CLOCK_REALTIME was set back, and shows `time_ms` at `at_ns`: points with a time that is ahead of
 * this clock by more than the slack get the one that they had by it. All others keep theirs. */
void timeline_hold_back(struct timeline *timeline, int64_t time_ms, uint64_t at_ns);

/* Adds one column of all points to another, and clears it. */
void timeline_fold(struct timeline *timeline, size_t from, size_t to);
