/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/gather.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

/* Ranges of one request, and the pieces from `first` to `end` that they hold. */
struct request {
    struct rpc_range ranges[RPC_RANGES_MAX];
    size_t n;
    size_t first, end;
    uint64_t total;
};

/* What a range grows by when it takes in `piece`; UINT64_MAX: it can't. */
static uint64_t growth(const struct rpc_range *range, const struct piece *piece, uint32_t gap)
{
    uint64_t range_end = range->address + range->length;
    uint64_t piece_end = piece->address + piece->size;

    if (piece->address < range->address || piece->address > range_end + gap ||
        range_end < range->address || piece_end < piece->address)
        return UINT64_MAX;
    return piece_end > range_end ? piece_end - range_end : 0;
}

/* Whether the request has room for the piece, which then is in it. */
static bool add(struct request *request, const struct piece *piece, uint32_t gap)
{
    struct rpc_range *last = request->n ? &request->ranges[request->n - 1] : NULL;
    uint64_t grown = last ? growth(last, piece, gap) : UINT64_MAX;

    if (grown != UINT64_MAX && grown <= RPC_AHEAD_SIZE - request->total) {
        last->length += grown;
        request->total += grown;
        return true;
    }
    if (request->n == RPC_RANGES_MAX || piece->size > RPC_AHEAD_SIZE - request->total)
        return false;
    request->ranges[request->n++] = (struct rpc_range){piece->address, piece->size};
    request->total += piece->size;
    return true;
}

/* Fills the request from piece `first` on. */
static void plan(struct request *request, const struct piece *pieces, size_t first, size_t n,
                 uint32_t gap)
{
    request->n = 0;
    request->total = 0;
    request->first = request->end = first;
    while (request->end < n && add(request, &pieces[request->end], gap))
        request->end++;
}

static bool holds(const struct rpc_range *range, const struct piece *piece)
{
    return piece->address >= range->address && piece->address - range->address <= range->length &&
           piece->size <= range->length - (piece->address - range->address);
}

/* A gather() under way. */
struct gathering {
    const struct go_memory *memory;
    const struct piece *pieces;
    size_t n;
    uint32_t gap;
    struct request requests[RPC_AHEAD_SLOTS];
    size_t n_asked, n_taken; /* requests */
    size_t end;              /* of the pieces that were asked for */
};

static int ask(struct gathering *gathering)
{
    struct request *request = &gathering->requests[gathering->n_asked % RPC_AHEAD_SLOTS];
    int r;

    plan(request, gathering->pieces, gathering->end, gathering->n, gathering->gap);
    if (request->first == request->end)
        return -E2BIG;
    r = gathering->memory->ask(gathering->memory->context, request->ranges, request->n);
    if (r)
        return r;
    gathering->n_asked++;
    gathering->end = request->end;
    return 0;
}

static void hand_out(const struct request *request, const struct piece *pieces,
                     const uint8_t *bytes, const uint32_t *lengths, gather_take take, void *context)
{
    size_t range = 0;

    for (size_t i = request->first; i < request->end; i++) {
        uint64_t offset;
        size_t got = 0;

        while (!holds(&request->ranges[range], &pieces[i]))
            bytes += lengths[range++];
        offset = pieces[i].address - request->ranges[range].address;
        if (offset < lengths[range])
            got =
                lengths[range] - offset < pieces[i].size ? lengths[range] - offset : pieces[i].size;
        take(context, &pieces[i], bytes + (got ? offset : 0), got);
    }
}

static void work_meanwhile(const struct go_memory *memory)
{
    while (memory->work && memory->is_late(memory->context) && memory->work(memory->worker))
        ;
}

static int take_next(struct gathering *gathering, gather_take take, void *context)
{
    const struct request *request = &gathering->requests[gathering->n_taken++ % RPC_AHEAD_SLOTS];
    const uint32_t *lengths;
    const uint8_t *bytes;
    int r;

    r = gathering->memory->take(gathering->memory->context, &bytes, &lengths);
    if (!r && take)
        hand_out(request, gathering->pieces, bytes, lengths, take, context);
    return r;
}

int gather(const struct go_memory *memory, const struct piece *pieces, size_t n, uint32_t gap,
           gather_take take, void *context)
{
    struct gathering gathering = {.memory = memory, .pieces = pieces, .n = n, .gap = gap};
    int r = n ? ask(&gathering) : 0;

    while (!r && gathering.n_taken < gathering.n_asked) {
        if (gathering.end < n)
            r = ask(&gathering);
        if (!r)
            work_meanwhile(memory);
        if (!r)
            r = take_next(&gathering, take, context);
    }
    while (gathering.n_taken < gathering.n_asked)
        (void)take_next(&gathering, NULL, NULL);
    return r;
}
