/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From samples to groups: waiters past the threshold, by stack. Pure: the clock is an argument, and
 * it is the scan's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "deadlock.h"
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
    size_t room;        /* of the list, in bytes */
    uint64_t n_parked[SAMPLE_KIND_MAX];
    size_t n_edges;
    struct wait_edge *edges; /* who waits for whom, whether it counts or not */
    size_t edges_room;       /* in elements */
    uint64_t now_ns;         /* when ages are as they are */
    uint64_t next_ns;        /* from when on they are others even so: one more sample counts */
};

/* What samples are told apart by, in tables of struct sample. */
struct table_key sample_key(enum sample_kind kind, uint64_t id);
extern const struct table_type samples_type;

/*
 * Groups samples that have a stack in `names`, in steps of so many samples or things they wait on
 * at most, between which others have their turn. Samples and names are borrowed and stay as they
 * are until it is done.
 */
#define GROUPING_STEP (8 * 1024)

struct grouping;

/* -ENOMEM */
int grouping_new(const struct table *samples, const struct names *names,
                 const struct group_policy *policy, struct grouping **ret_grouping);
void grouping_free(struct grouping **grouping);

/* Before the first step: one more, which is not among the samples. -ENOMEM. */
int grouping_add(struct grouping *grouping, const struct sample *sample);

/* 1: there is more to do, 0: done; -ENOMEM. */
int grouping_step(struct grouping *grouping);

/* Of one that is done: the groups, which borrow from the names. Growth claims and has_series are
 * left empty. */
void grouping_take(struct grouping *grouping, struct groups *ret_groups);

/* Whether groups of samples that have not changed since are the same groups at that later moment,
 * but for their ages: then groups_age() makes them what a grouping would, without a look at
 * each sample. */
bool groups_stand(const struct groups *groups, uint64_t now_ns);

/* -ENOMEM: the texts of some owners are missing. */
int groups_age(struct groups *groups, const struct table *samples, const struct names *names,
               uint64_t now_ns);

void groups_free(struct groups *groups);
