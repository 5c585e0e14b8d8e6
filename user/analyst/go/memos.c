/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/memos.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"

#define CHUNK (128 * 1024) /* addresses taken at once */

static int by_address(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return (x > y) - (x < y);
}

/* Mostly they are sorted as they are: g's are allocated one behind the other. */
static void sort(uint64_t *gs, size_t n)
{
    size_t i = 1;

    while (i < n && gs[i - 1] <= gs[i])
        i++;
    if (i < n)
        qsort(gs, n, sizeof(*gs), by_address);
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
            all[--to] = (struct memo){.g = gs[--n]};
    }
    return 0;
}

int memos_grow(struct memos *memos, struct go_runtime *runtime)
{
    AUTO_FREE uint64_t *gs = NULL;
    uint64_t total;
    size_t n;
    int r;

    do {
        size_t room = MEMOS_MAX - memos->n < CHUNK ? MEMOS_MAX - memos->n : CHUNK;

        if (!gs)
            gs = malloc(CHUNK * sizeof(*gs));
        if (!gs)
            return -ENOMEM;
        r = go_runtime_gs(runtime, memos->n, room, gs, &n, &total);
        if (r)
            return r;
        sort(gs, n);
        if (n)
            r = merge(memos, gs, n);
    } while (!r && n);
    memos->left_out = memos->n == MEMOS_MAX ? total - memos->n : 0;
    return r;
}

void memos_clear(struct memos *memos)
{
    free(memos->all);
    *memos = (struct memos){0};
}
