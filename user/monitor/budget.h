/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for what analysts send, shared by all targets. Each has a little of its own, which nobody
 * can take from it, and beyond that what the pool still has: one target that fills all it may
 * fill, by itself or by the hands of its analyst, leaves the others theirs, and the monitor its
 * life.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define BUDGET_OWN  ((size_t)4 << 20)   /* bytes that each target has to itself: 20,000 waiters */
#define BUDGET_POOL ((size_t)512 << 20) /* bytes for all of them beyond that */

struct budget {
    size_t *pool; /* bytes that are left in it; borrowed */
    size_t used;
};

/* False: there is no room for that, and nothing is taken. */
bool budget_take(struct budget *budget, size_t bytes);

/* Gives back what was taken. */
void budget_give(struct budget *budget, size_t bytes);
