/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which sites have a column of their own in a history: those with the most waiters of late, with a
 * few columns for those idle by design. The rest is summed up in "other", of which each of the two
 * has one.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "report.h"

#define RANKING_SITES_MAX 12
#define RANKING_IDLE_MAX  4

/* Columns: sites, idle sites, then the two sums. */
#define RANKING_OWN        (RANKING_SITES_MAX + RANKING_IDLE_MAX)
#define RANKING_OTHER      RANKING_OWN
#define RANKING_OTHER_IDLE (RANKING_OWN + 1)
#define RANKING_COLUMNS    (RANKING_OWN + 2)

/* What has a column. Groups of different stacks that stand at one site count as one. */
struct ranked {
    uint64_t key; /* 0: the column is free */
    char site[256];
    char reason[64];
    enum sample_kind kind;
    double weight; /* waiters, smoothed over the scans */
};

struct ranking {
    struct ranked own[RANKING_OWN];
};

/* What one scan says. */
struct ranking_counts {
    uint32_t waiters[RANKING_COLUMNS];
    /* Columns whose former site gave way: what they counted so far belongs to their "other". */
    bool cleared[RANKING_OWN];
};

/* All zero is an empty ranking. -ENOMEM: it is as before. */
int ranking_take(struct ranking *ranking, const struct group *groups, size_t n,
                 struct ranking_counts *ret_counts);

bool ranking_is_idle(size_t column);

/* Where a column's waiters are summed up when its site has to give way. */
size_t ranking_other(size_t column);
