/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The last minutes of a target in numbers, for charts: one point for each scan, in bounded memory.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "report.h"

#define TRAIL_POINTS_MAX 1024
#define TRAIL_SPAN_NS    (600ll * 1000000000) /* older points are dropped */

enum trail_value {
    TRAIL_WAITERS,  /* past the threshold, without those idle by design */
    TRAIL_RESIDENT, /* bytes */
    TRAIL_CPU,      /* of one core */
    TRAIL_NETWORK,  /* bytes/s, in and out */
    TRAIL_VALUE_MAX
};

struct trail_point {
    uint64_t time_ns;               /* CLOCK_MONOTONIC */
    double values[TRAIL_VALUE_MAX]; /* NAN: unknown */
};

struct trail {
    size_t n;
    struct trail_point points[TRAIL_POINTS_MAX]; /* oldest first */
};

/* What a target is now. */
void trail_measure(const struct target_report *target, struct trail_point *ret_point);

/* Adds a point; one that is not newer than the last is left off. Where there is no room, each two
 * neighbours become one, with the greater values. */
void trail_add(struct trail *trail, const struct trail_point *point);

/* Nothing is known from the last point on, until the next one. */
void trail_interrupt(struct trail *trail);

/* A span that suits what there is: one, two, five or ten minutes. */
uint64_t trail_span_ns(const struct trail *trail);

/* The greatest value in each of `n` equal parts of the last `span_ns`; where no point falls into a
 * part, what the last point before had. NAN: nothing known. */
void trail_sample(const struct trail *trail, enum trail_value value, uint64_t span_ns, size_t n,
                  double *ret_values);
