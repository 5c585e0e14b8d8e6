/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/memos.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "analyst/go/gather.h"
#include "cleanup.h"

#define CHUNK     (128 * 1024) /* addresses read at once */
#define HUGE_PAGE (2ul * 1024 * 1024)
#define SLACK     8 /* 1/SLACK of the memos: room for more of them, so that they rarely move */

/* Room for `n` elements, in huge pages where the kernel has them: of small ones there are
 * thousands, and each costs a fault when it is first touched. */
static void *allocate(size_t n, size_t size)
{
    size_t bytes = (n * size + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    void *memory;

    if (n * size < HUGE_PAGE)
        return malloc(n * size);
    memory = aligned_alloc(HUGE_PAGE, bytes);
    if (memory)
        (void)madvise(memory, bytes, MADV_HUGEPAGE);
    return memory;
}

/* Room for `n` more memos. */
static int make_room(struct memos *memos, size_t n)
{
    size_t room = memos->n + n + (memos->n + n) / SLACK;
    struct memo *all;

    if (memos->n + n <= memos->room)
        return 0;
    if (room > MEMOS_MAX)
        room = MEMOS_MAX;
    all = allocate(room, sizeof(*all));
    if (!all)
        return -ENOMEM;
    if (memos->n)
        memcpy(all, memos->all, memos->n * sizeof(*all));
    free(memos->all);
    memos->all = all;
    memos->room = room;
    return 0;
}

/* What the list has beyond the g's that are known. */
struct newcomers {
    struct piece *pieces, *spare;
    size_t n, room;
};

/* The list may have become longer than it was said to be at first: the rest is for the next time.
 */
static int add(struct newcomers *newcomers, const uint64_t *gs, size_t n, size_t expected)
{
    if (!newcomers->pieces) {
        newcomers->pieces = allocate(expected, sizeof(*newcomers->pieces));
        newcomers->spare = allocate(expected, sizeof(*newcomers->spare));
        newcomers->room = expected;
    }
    if (!newcomers->pieces || !newcomers->spare)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++)
        newcomers->pieces[newcomers->n++] = (struct piece){.address = gs[i]};
    return 0;
}

/* All of them, or those that could be had before it failed. */
static int read_list(struct memos *memos, struct go_runtime *runtime, struct newcomers *newcomers)
{
    AUTO_FREE uint64_t *gs = malloc(CHUNK * sizeof(*gs));
    size_t n, most = MEMOS_MAX - memos->n;
    uint64_t total;
    int r;

    if (!gs)
        return -ENOMEM;
    do {
        size_t known = memos->n + newcomers->n;
        size_t left = (newcomers->pieces ? newcomers->room : most) - newcomers->n;

        r = go_runtime_gs(runtime, known, left < CHUNK ? left : CHUNK, gs, &n, &total);
        if (r)
            break;
        memos->left_out = total > MEMOS_MAX ? total - MEMOS_MAX : 0;
        if (n)
            r = add(newcomers, gs, n, total - known < most ? total - known : most);
    } while (!r && n);
    return r;
}

/* Puts sorted addresses in their places among the memos, from the last one on. */
static void merge(struct memos *memos, const struct piece *pieces, size_t n)
{
    struct memo *all = memos->all;
    size_t to = memos->n + n, from = memos->n;

    memos->n += n;
    while (n) {
        if (from && all[from - 1].g > pieces[n - 1].address)
            all[--to] = all[--from];
        else
            all[--to] = (struct memo){.g = pieces[--n].address, .flags = MEMO_NEW};
    }
}

int memos_grow(struct memos *memos, struct go_runtime *runtime)
{
    struct newcomers newcomers = {.n = 0};
    int listed = read_list(memos, runtime, &newcomers);
    int r = newcomers.n ? make_room(memos, newcomers.n) : 0;

    if (!r && newcomers.n) {
        /* The list is in the order of making, by several threads that allocate in places of their
         * own. */
        gather_sort(newcomers.pieces, newcomers.spare, newcomers.n);
        merge(memos, newcomers.pieces, newcomers.n);
    }
    free(newcomers.pieces);
    free(newcomers.spare);
    return r ? r : listed;
}

void memos_clear(struct memos *memos)
{
    free(memos->all);
    *memos = (struct memos){0};
}
