/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One watched process as the monitor knows it: what its analyst and the probe have sent, and the
 * report made of it at the end of each scan.
 */
#pragma once

#include "budget.h"
#include "deadlock.h"
#include "group.h"
#include "growth.h"
#include "names.h"
#include "report.h"
#include "store.h"
#include "table.h"

struct target {
    const struct store_options *options;
    bool known;       /* the probe has announced it */
    unsigned renames; /* its name or program changed so often since */
    struct target_report report;
    uint64_t attach_ns; /* CLOCK_MONOTONIC */

    /* Of the analyst that runs now. */
    struct names *names;
    struct table samples;
    struct grouping *counting; /* of what is told once, for the next scan; or NULL */
    uint64_t look_ns;          /* of that scan */
    size_t n_counted;
    size_t most_samples; /* that there were at once, counted ones among them */
    struct losses analyst;
    struct budget budget; /* of what it sent, and of what the report still has of the one before */

    /* Of the report: the names that its groups borrow, which may be those of an analyst that was
     * replaced; NULL: no groups. */
    struct names *shown;
    struct groups groups;
    bool changed;              /* samples have, since these groups were made */
    struct grouping *grouping; /* of the samples of `scan`, not done yet; or NULL */
    struct wire_scan scan;

    struct growth growth;
    struct deadlocks deadlocks;
    uint64_t first_scan_ns; /* when all of the first scan was read; 0: none yet */
    struct losses former;   /* of analysts before this one */
    struct losses own;      /* of the monitor */
};

/* Both are borrowed; `pool` is that of all targets (budget.h). */
void target_init(struct target *target, const struct store_options *options, size_t *pool);
void target_free(struct target *target);

/* All take payloads that intake_check() let pass. -EBADMSG: an id in it is not known or is taken;
 * the state is then as before. -ENOMEM. */
int target_take_analyst(struct target *target, const struct wire_header *header,
                        const void *payload);
void target_take_target(struct target *target, const struct wire_target *wire);
void target_take_resources(struct target *target, const struct wire_resources *wire);
void target_take_counters(struct target *target, const struct wire_counters *wire);

/* Groups its samples anew as of the newest scan of its analyst, if there is one. -ENOMEM. */
int target_regroup(struct target *target);

/* Of many samples, each scan is grouped in steps (group.h), and shown once all are done. Takes one:
 * 1: there are more, 0: there are none; -ENOMEM. A message before the last one waits for all. */
int target_group_on(struct target *target);

/* Shows no scan that is not grouped yet until target_regroup(). */
void target_hold(struct target *target);

/* Counts a message of its analyst that was refused. */
void target_refuse(struct target *target);

/* Counts one that there was no memory for. */
void target_lose(struct target *target);

/* Forgets what the analyst has sent: a new one sends all of it again. The report stays as it is
 * until that one's first scan. */
void target_reset_analyst(struct target *target);
