/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles of lock owners. Each thread waits for one owner at most, so a walk along the owners either
 * ends or meets itself. */
#include "deadlock.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

/* Marks of edges; greater ones are numbers of walks. */
enum { MARK_NEW, MARK_CYCLE, MARK_LISTED, MARK_WALK };

static int compare_tid(const void *a, const void *b)
{
    const struct wait_edge *x = a;
    const struct wait_edge *y = b;

    return (x->tid > y->tid) - (x->tid < y->tid);
}

/* Position of the owner's own edge, or `n`: it waits for nobody. */
static size_t find_next(const struct wait_edge *edges, size_t n, const struct wait_edge *edge)
{
    const struct wait_edge key = {.tid = edge->owner};
    const struct wait_edge *next = bsearch(&key, edges, n, sizeof(*edges), compare_tid);

    return next ? (size_t)(next - edges) : n;
}

/* Marks the edges that are on cycles with MARK_CYCLE. */
static void mark_cycles(const size_t *next, size_t n, size_t *marks)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = i;

        for (; at < n && marks[at] == MARK_NEW; at = next[at])
            marks[at] = MARK_WALK + i;
        if (at == n || marks[at] != MARK_WALK + i)
            continue;
        for (; marks[at] != MARK_CYCLE; at = next[at])
            marks[at] = MARK_CYCLE;
    }
}

/* Edges come in order of TIDs, so the first of a cycle that is met has its smallest. */
static void list_cycles(const struct wait_edge *edges, const size_t *next, size_t n, size_t *marks,
                        struct cycles *cycles)
{
    size_t end = 0;

    for (size_t i = 0; i < n; i++) {
        if (marks[i] != MARK_CYCLE)
            continue;
        for (size_t at = i; marks[at] != MARK_LISTED; at = next[at]) {
            marks[at] = MARK_LISTED;
            cycles->members[end++] = edges[at];
        }
        cycles->ends[cycles->n++] = end;
    }
}

int cycles_find(struct wait_edge *edges, size_t n, struct cycles *ret_cycles)
{
    struct cycles cycles CLEANUP(cycles_free) = {0};
    size_t *marks AUTO_FREE = NULL;
    size_t *next AUTO_FREE = NULL;

    if (!n) {
        *ret_cycles = cycles;
        return 0;
    }
    marks = calloc(n, sizeof(*marks));
    next = calloc(n, sizeof(*next));
    cycles.ends = calloc(n, sizeof(*cycles.ends));
    cycles.members = calloc(n, sizeof(*cycles.members));
    if (!marks || !next || !cycles.ends || !cycles.members)
        return -ENOMEM;
    qsort(edges, n, sizeof(*edges), compare_tid);
    for (size_t i = 0; i < n; i++)
        next[i] = find_next(edges, n, &edges[i]);
    mark_cycles(next, n, marks);
    list_cycles(edges, next, n, marks, &cycles);
    *ret_cycles = cycles;
    cycles = (struct cycles){0};
    return 0;
}

void cycles_free(struct cycles *cycles)
{
    free(cycles->ends);
    free(cycles->members);
    *cycles = (struct cycles){0};
}

static const struct wait_edge *cycle_at(const struct cycles *cycles, size_t i, size_t *ret_length)
{
    size_t start = i ? cycles->ends[i - 1] : 0;

    *ret_length = cycles->ends[i] - start;
    return &cycles->members[start];
}

static bool same_cycle(const struct wait_edge *a, const struct wait_edge *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (a[i].tid != b[i].tid || a[i].owner != b[i].owner || a[i].object != b[i].object ||
            a[i].since_ns != b[i].since_ns)
            return false;
    return true;
}

/* Whether `cycles` has this one. Both sets are ordered, so *position only moves on. */
static bool had_cycle(const struct cycles *cycles, const struct wait_edge *members, size_t n,
                      size_t *position)
{
    for (; *position < cycles->n; ++*position) {
        size_t length;
        const struct wait_edge *other = cycle_at(cycles, *position, &length);

        if (other->tid < members->tid)
            continue;
        return length == n && same_cycle(other, members, n);
    }
    return false;
}

static void add_deadlock(struct deadlocks *deadlocks, const struct wait_edge *edges, size_t n,
                         struct deadlock_member *members)
{
    for (size_t i = 0; i < n; i++)
        members[i] = (struct deadlock_member){
            .tid = edges[i].tid,
            .owner_tid = edges[i].owner,
            .address = edges[i].object,
            .stack_id = edges[i].stack_id,
        };
    deadlocks->list[deadlocks->n++] = (struct deadlock){.n_members = n, .members = members};
}

int deadlocks_update(struct deadlocks *deadlocks, struct wait_edge *edges, size_t n)
{
    struct deadlocks now CLEANUP(deadlocks_free) = {0};
    struct deadlocks before CLEANUP(deadlocks_free) = {0};
    struct deadlock_member *members;
    size_t position = 0;
    int r;

    r = cycles_find(edges, n, &now.cycles);
    if (r)
        return r;
    if (now.cycles.n) {
        now.list = calloc(now.cycles.n, sizeof(*now.list));
        now.members = calloc(now.cycles.ends[now.cycles.n - 1], sizeof(*now.members));
        if (!now.list || !now.members)
            return -ENOMEM;
    }
    members = now.members;
    for (size_t i = 0; i < now.cycles.n; i++) {
        size_t length;
        const struct wait_edge *cycle = cycle_at(&now.cycles, i, &length);

        if (!had_cycle(&deadlocks->cycles, cycle, length, &position))
            continue;
        add_deadlock(&now, cycle, length, members);
        members += length;
    }
    before = *deadlocks;
    *deadlocks = now;
    now = (struct deadlocks){0};
    return 0;
}

void deadlocks_free(struct deadlocks *deadlocks)
{
    cycles_free(&deadlocks->cycles);
    free(deadlocks->list);
    free(deadlocks->members);
    *deadlocks = (struct deadlocks){0};
}
