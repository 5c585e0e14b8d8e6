/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/memos.h"

#include <errno.h>
#include <stdlib.h>

#include "analyst/go/gather.h"
#include "cleanup.h"

#define CHUNK (128 * 1024) /* addresses taken at once */

/* What is taken at once: as the list has it, and sorted. */
struct chunk {
    uint64_t gs[CHUNK];
    struct piece pieces[CHUNK], spare[CHUNK];
};

/* The list is in the order of making, by several threads that allocate in places of their own. */
static void sort(struct chunk *chunk, size_t n)
{
    for (size_t i = 0; i < n; i++)
        chunk->pieces[i] = (struct piece){.address = chunk->gs[i]};
    gather_sort(chunk->pieces, chunk->spare, n);
    for (size_t i = 0; i < n; i++)
        chunk->gs[i] = chunk->pieces[i].address;
}

/* Puts sorted addresses in their places among the memos, from the last one on. */
static int merge(struct memos *memos, const uint64_t *gs, size_t n)
{
    struct memo *all = reallocarray(memos->all, memos->n + n, sizeof(*all));
    size_t to = memos->n + n, from = memos->n;

    if (!all)
        return -ENOMEM;
    memos->all = all;
    memos->n += n;
    while (n) {
        if (from && all[from - 1].g > gs[n - 1])
            all[--to] = all[--from];
        else
            all[--to] = (struct memo){.g = gs[--n], .flags = MEMO_NEW};
    }
    return 0;
}

int memos_grow(struct memos *memos, struct go_runtime *runtime)
{
    AUTO_FREE struct chunk *chunk = malloc(sizeof(*chunk));
    uint64_t total;
    size_t n;
    int r;

    if (!chunk)
        return -ENOMEM;
    do {
        size_t room = MEMOS_MAX - memos->n < CHUNK ? MEMOS_MAX - memos->n : CHUNK;

        r = go_runtime_gs(runtime, memos->n, room, chunk->gs, &n, &total);
        if (r)
            return r;
        sort(chunk, n);
        if (n)
            r = merge(memos, chunk->gs, n);
    } while (!r && n);
    memos->left_out = memos->n == MEMOS_MAX ? total - memos->n : 0;
    return r;
}

void memos_clear(struct memos *memos)
{
    free(memos->all);
    *memos = (struct memos){0};
}
