/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlocks: cycles of threads that each wait for what the next one holds. A cycle counts only when
 * it stood unchanged in two scans, so that a lock that changed hands between two reads makes none.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "report.h"

/* One thread that waits for what another (or it itself) holds. */
struct wait_edge {
    uint32_t tid;
    uint32_t owner;
    uint64_t object;
    uint64_t since_ns;
    uint64_t stack_id;
};

/* Cycles of one scan. */
struct cycles {
    size_t n;
    size_t *ends;              /* of each cycle in `members` */
    struct wait_edge *members; /* each cycle from its smallest TID, along its owners */
};

struct deadlocks {
    struct cycles cycles; /* of the newest scan */
    size_t n;
    struct deadlock *list;
    struct deadlock_member *members; /* what the list points into */
};

/* Finds the cycles among the edges of one scan, ordered by smallest TID. Sorts the edges, whose
 * TIDs are distinct. -ENOMEM. */
int cycles_find(struct wait_edge *edges, size_t n, struct cycles *ret_cycles);
void cycles_free(struct cycles *cycles);

/* Makes the deadlocks those cycles of this scan that the scan before had too. Starts from a zeroed
 * struct. -ENOMEM, and then all is as before. */
int deadlocks_update(struct deadlocks *deadlocks, struct wait_edge *edges, size_t n);
void deadlocks_free(struct deadlocks *deadlocks);
