/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From samples to groups: waiters past the threshold, by stack. Pure: the clock is an argument, and
 * it is the scan's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "names.h"
#include "report.h"
#include "table.h"

/* When a waiter counts. */
struct group_policy {
    uint64_t now_ns; /* CLOCK_MONOTONIC of the scan */
    uint64_t threshold_ns;
    /* Of goroutines, whose start is rarely known: true: those with an age that is proven to reach
     * the threshold; false: those parked since `throughout_ns` with an age that may reach it. */
    bool proven;
    uint64_t throughout_ns;
};

struct groups {
    size_t n;
    struct group *list; /* most waiters first, then oldest, then by stack id */
    uint64_t n_parked[SAMPLE_KIND_MAX];
};

/* What samples are told apart by, in tables of struct sample. */
struct table_key sample_key(enum sample_kind kind, uint64_t id);
extern const struct table_type samples_type;

/*
 * Groups samples that have a stack in `names`, from which the groups borrow. Growth claims and
 * has_series are left empty. -ENOMEM.
 */
int groups_build(const struct table *samples, const struct names *names,
                 const struct group_policy *policy, struct groups *ret_groups);
void groups_free(struct groups *groups);
