/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which series a report becomes: one name for each target that no other target has, the groups with
 * series of their own, and the sums of the rest. No label set that comes out of it exists twice.
 */
#pragma once

#include "report.h"

#define SERIES_NAME_SIZE 320 /* target_report.name, each byte replaced, and a number */

/* The values of one stack, or of several. */
struct tally {
    double waiters;
    double oldest_seconds;
    double memory_bytes;
};

struct series {
    const struct target_report *target;
    char name[SERIES_NAME_SIZE]; /* label "target" */
    size_t n_own;
    const struct group **own;                /* by stack id, each of which is there once */
    struct tally rest[SAMPLE_KIND_MAX];      /* not idle by design */
    struct tally idle_rest[SAMPLE_KIND_MAX]; /* idle by design */
};

void tally_add(struct tally *tally, const struct group *group);

/* One for each target of the report, in its order; borrows from the report. 0 or -ENOMEM. */
int series_new(const struct report *report, struct series **ret_series);
void series_free(struct series **series, size_t n);
