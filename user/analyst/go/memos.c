/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/memos.h"

#include <errno.h>

#include "analyst/go/sort.h"
#include "room.h"

#define CHUNK (128 * 1024) /* addresses read at once */
#define SLACK 8 /* 1/SLACK of the memos: room for more of them, so that they rarely move */

/* For `n` memos. */
static size_t room_for(size_t n)
{
    size_t room = n + n / SLACK;

    return room < MEMOS_MAX ? room : MEMOS_MAX;
}

/* Room for `n` more memos. */
static int make_room(struct memos *memos, size_t n)
{
    size_t room = room_for(memos->n + n);
    struct memo *all;

    if (memos->n + n <= memos->room)
        return 0;
    all = room_grow(memos->all, memos->room * sizeof(*all), room * sizeof(*all));
    if (!all)
        return -ENOMEM;
    memos->all = all;
    memos->room = room;
    return 0;
}

/* What the list has beyond the g's that are known. */
struct newcomers {
    uint64_t *gs;
    size_t n, room;
};

static int make_room_for(struct newcomers *newcomers, size_t room)
{
    uint64_t *gs;

    if (room <= newcomers->room)
        return 0;
    gs = room_grow(newcomers->gs, newcomers->room * sizeof(*gs), room * sizeof(*gs));
    if (!gs)
        return -ENOMEM;
    newcomers->gs = gs;
    newcomers->room = room;
    return 0;
}

/* All of them, or those that could be had before it failed. The list may become longer meanwhile
 * than it was said to be at first: the rest is for the next time. */
static int read_list(struct memos *memos, struct go_runtime *runtime, struct newcomers *newcomers)
{
    size_t n, most = MEMOS_MAX - memos->n, wanted = most < CHUNK ? most : CHUNK;
    uint64_t total;
    int r;

    do {
        size_t known = memos->n + newcomers->n;

        r = make_room_for(newcomers, newcomers->n + wanted);
        if (!r)
            r = go_runtime_gs(runtime, known, wanted, newcomers->gs + newcomers->n, &n, &total);
        if (r)
            break;
        memos->left_out = total > MEMOS_MAX ? total - MEMOS_MAX : 0;
        if (!newcomers->n)
            most = total - known < most ? total - known : most;
        newcomers->n += n;
        wanted = most - newcomers->n < CHUNK ? most - newcomers->n : CHUNK;
    } while (n && wanted);
    return r;
}

static struct memo new_memo(uint64_t g)
{
    return (struct memo){.g = g, .flags = MEMO_NEW};
}

/* Puts sorted addresses in their places among the memos, from the last one on: so the first memos
 * of all may take the room of their addresses. */
static void merge(struct memos *memos, const uint64_t *gs, size_t n)
{
    struct memo *all = memos->all;
    size_t to = memos->n + n, from = memos->n;

    memos->n += n;
    while (n) {
        if (from && all[from - 1].g > gs[n - 1])
            all[--to] = all[--from];
        else
            all[--to] = new_memo(gs[--n]);
    }
}

/* The list itself becomes the memos: memory that is touched first is dear. */
static int turn_into_memos(struct memos *memos, struct newcomers *newcomers)
{
    const size_t room = room_for(newcomers->n);
    void *all = room_grow(newcomers->gs, newcomers->room * sizeof(*newcomers->gs),
                          room * sizeof(struct memo));

    if (!all)
        return -ENOMEM;
    *memos = (struct memos){all, 0, room, memos->left_out};
    sort_addresses(all, (uint64_t *)all + newcomers->n, newcomers->n);
    merge(memos, all, newcomers->n);
    newcomers->gs = NULL;
    newcomers->room = 0;
    return 0;
}

/* The list is in the order of making, by several threads that allocate in places of their own. */
static int add(struct memos *memos, struct newcomers *newcomers)
{
    size_t bytes = newcomers->n * sizeof(*newcomers->gs);
    uint64_t *spare;

    if (!newcomers->gs || !newcomers->n)
        return 0;
    if (!memos->all)
        return turn_into_memos(memos, newcomers);
    if (make_room(memos, newcomers->n))
        return -ENOMEM;
    spare = room_new(bytes);
    if (!spare)
        return -ENOMEM;
    sort_addresses(newcomers->gs, spare, newcomers->n);
    room_free(spare, bytes);
    merge(memos, newcomers->gs, newcomers->n);
    return 0;
}

int memos_grow(struct memos *memos, struct go_runtime *runtime)
{
    struct newcomers newcomers = {.n = 0};
    int listed = read_list(memos, runtime, &newcomers);
    int r = add(memos, &newcomers);

    room_free(newcomers.gs, newcomers.room * sizeof(*newcomers.gs));
    return r ? r : listed;
}

void memos_clear(struct memos *memos)
{
    room_free(memos->all, memos->room * sizeof(*memos->all));
    *memos = (struct memos){0};
}
