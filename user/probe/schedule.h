/* SPDX-License-Identifier: Apache-2.0 */
/* When scans are due: for a report at the start, each second, and at the end of the observation,
 * else at every interval. Pure: the clock is an argument, CLOCK_MONOTONIC nanoseconds. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

struct schedule {
    uint64_t next_ns;
    uint64_t interval_ns;
    uint64_t end_ns; /* of a report's observation; 0: a watch has none */
    bool ended;      /* the last scan has been handed out */
};

void schedule_start(struct schedule *schedule, enum command command, const struct options *options,
                    uint64_t now_ns);

/* Whether there is one scan, which is the last: a report without an observation. */
bool schedule_is_one_look(enum command command, const struct options *options);

enum schedule_due { SCHEDULE_WAIT, SCHEDULE_SCAN, SCHEDULE_LAST_SCAN };

/* What is due now. `idle`: no scan is under way; the last one waits for that. */
enum schedule_due schedule_due(struct schedule *schedule, uint64_t now_ns, bool idle);

/* Milliseconds to sleep until something can be due, for poll(); -1: nothing will. */
int schedule_timeout_ms(const struct schedule *schedule, uint64_t now_ns);
