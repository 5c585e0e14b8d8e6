/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What targets used and who was parked in them, over time: a point for each scan interval, of
 * ended targets, too. It reads no clocks: times are those of the readings and scans themselves.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bpf/record.h"
#include "report.h"
#include "timeline.h"

#define HISTORY_TARGETS_MAX RECORD_TARGETS_MAX

/* One moment on two clocks. */
struct history_clock {
    uint64_t now_ns; /* CLOCK_MONOTONIC */
    int64_t time_ms; /* CLOCK_REALTIME since 1970 */
};

struct history_target {
    char name[96];
    char runtime[16];
    uint32_t pid;
    uint64_t start_ns; /* which tells it from another process that had its PID */
    bool up;
    struct history_clock since; /* attached */
    struct history_clock ended; /* meaningful if not up */
    uint32_t moves;             /* how often times of it were moved */
    uint64_t resources_ns;      /* of the newest reading taken; 0: none yet */
    uint64_t scan;              /* number of the newest scan taken; 0: none yet */
    struct timeline timeline;
    struct ranking ranking;
};

struct history {
    int64_t interval_ms;
    size_t n;
    struct history_target *targets[HISTORY_TARGETS_MAX];
};

/* `interval_ns`: between scans. */
void history_init(struct history *history, int64_t interval_ns);
void history_free(struct history *history);

/*
 * Takes what is new of a target: a reading of its resources, a scan, its end. Call after each. A
 * scan goes to the point of the reading that was taken with it, however late it comes. -ENOMEM.
 *
 * A clock that was set forward leaves a gap. After one that was set back, what has a time that is
 * ahead of it is moved to when that was by the clock as it is now, so that time still rises from
 * each point to the next. All else keeps its time: of a clock that is set forward and back again,
 * that is what came before.
 */
int history_take(struct history *history, const struct target_report *report,
                 const struct history_clock *clock);

/* How many points, from the oldest on, have come to rest: but the newest whose scan may still come.
 */
size_t history_n_settled(const struct history_target *target);
