/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a target's groups were before: their counts over the scans, and which of them have series of
 * their own among the metrics. By stack id, so it outlives a replaced analyst.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "report.h"
#include "table.h"

/* Fewer scans than this prove no growth. */
#define GROWTH_SCANS_MIN 3

struct growth {
    struct table histories;
    uint64_t scans;
};

void growth_init(struct growth *growth);
void growth_clear(struct growth *growth);

/*
 * Takes note of the groups of one scan, taken at `now_ns`, and completes their growth claims and
 * has_series. Groups come with distinct stacks, most waiters first. Those that are not idle by
 * design get the free places among `max_series`, and then those of idle ones; what is free after
 * that goes to the first of the idle ones. A group that is not idle keeps its series while it
 * lives; an idle one gives way once, and then has none, so that no series comes and goes. A group
 * that is not among them any more is forgotten, and its series is free: one that comes back begins
 * anew. -ENOMEM: some groups' claims are left empty.
 */
int growth_update(struct growth *growth, uint64_t now_ns, size_t max_series, struct group *groups,
                  size_t n);
