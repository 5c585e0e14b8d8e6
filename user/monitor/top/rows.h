/* SPDX-License-Identifier: Apache-2.0 */
/* Which groups of a target are listed, and in which order. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "report.h"

#define ROWS_FILTER_SIZE 128

enum rows_sort { SORT_COUNT, SORT_AGE, SORT_GROWTH, SORT_MEMORY, SORT_MAX };

struct rows_order {
    enum rows_sort sort; /* the most first */
    bool reverse;        /* the least first */
    bool hide_idle;
    char filter[ROWS_FILTER_SIZE]; /* "": all */
};

struct rows {
    size_t n;
    const struct group **list; /* those idle by design after all others */
    uint64_t *ids;             /* of their stacks: they outlive the groups */
    size_t n_filtered;         /* left off by the filter */
    size_t n_idle;             /* idle by design and not listed for that */
};

/* By how many waiters a group grew since it was first seen; less than 0: it shrank; 0:
 * also where that is not known. */
int64_t rows_growth(const struct group *group);

/* The list borrows the target's groups. Zeroed or of a call before, it is freed first. -ENOMEM. */
int rows_make(const struct target_report *target, const struct rows_order *order,
              struct rows *rows);
void rows_free(struct rows *rows);

/* Where the group with this stack is in the list; rows->n: it is not. Reads no groups. */
size_t rows_find(const struct rows *rows, uint64_t stack_id);
