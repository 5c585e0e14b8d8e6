/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/gather.h"

#include <errno.h>
#include <stdbool.h>

#include "clock.h"

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
static bool add(struct gather_request *request, const struct piece *piece, uint32_t gap)
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
static void plan(struct gather_request *request, const struct piece *pieces, size_t first, size_t n,
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

/* Asks for what comes next, of the first gathering of which not all is asked for. */
static int ask(struct gatherer *gatherer)
{
    struct gather_request *request = &gatherer->requests[gatherer->n_asked % RPC_AHEAD_SLOTS];
    struct gathering *asking = gatherer->asking;
    int r;

    plan(request, asking->pieces, asking->n_asked, asking->n, asking->gap);
    if (request->first == request->end)
        return -E2BIG;
    r = gatherer->memory->ask(gatherer->memory->context, request->ranges, request->n);
    if (r)
        return r;
    gatherer->n_asked++;
    asking->n_asked = request->end;
    if (asking->n_asked == asking->n)
        gatherer->asking = asking->next;
    return 0;
}

/* As far as there are slots. */
static void ask_ahead(struct gatherer *gatherer)
{
    while (!gatherer->error && gatherer->asking &&
           gatherer->n_asked - gatherer->n_taken < RPC_AHEAD_SLOTS)
        gatherer->error = ask(gatherer);
}

static void hand_out(const struct gather_request *request, const struct gathering *gathering,
                     const uint8_t *bytes, const uint32_t *lengths)
{
    size_t range = 0;

    for (size_t i = request->first; i < request->end; i++) {
        const struct piece *piece = &gathering->pieces[i];
        uint64_t offset;
        size_t got = 0;

        while (!holds(&request->ranges[range], piece))
            bytes += lengths[range++];
        offset = piece->address - request->ranges[range].address;
        if (offset < lengths[range])
            got = lengths[range] - offset < piece->size ? lengths[range] - offset : piece->size;
        gathering->take(gathering->context, piece, bytes + (got ? offset : 0), got);
    }
}

static void work_meanwhile(const struct go_memory *memory)
{
    while (memory->work && memory->is_late(memory->context) && memory->work(memory->worker))
        ;
}

/* The oldest answer. Its slot is free again when its pieces are handed out. */
static void take_next(struct gatherer *gatherer)
{
    const struct gather_request *request =
        &gatherer->requests[gatherer->n_taken++ % RPC_AHEAD_SLOTS];
    struct gathering *gathering = gatherer->first;
    const uint32_t *lengths;
    const uint8_t *bytes;

    gatherer->error = gatherer->memory->take(gatherer->memory->context, &bytes, &lengths);
    if (gatherer->error)
        return;
    gatherer->taken_ns = clock_now();
    hand_out(request, gathering, bytes, lengths);
    gathering->n_taken = request->end;
    if (gathering->n_taken == gathering->n)
        gatherer->first = gathering->next;
    if (!gatherer->first)
        gatherer->last = NULL;
}

static void forget(struct gatherer *gatherer)
{
    gatherer->first = gatherer->last = gatherer->asking = NULL;
}

void gatherer_init(struct gatherer *gatherer, const struct go_memory *memory)
{
    gatherer->memory = memory;
    forget(gatherer);
    gatherer->n_asked = gatherer->n_taken = 0;
    gatherer->error = 0;
}

void gatherer_clear(struct gatherer *gatherer)
{
    const uint32_t *lengths;
    const uint8_t *bytes;

    while (gatherer->n_taken < gatherer->n_asked) {
        (void)gatherer->memory->take(gatherer->memory->context, &bytes, &lengths);
        gatherer->n_taken++;
    }
    forget(gatherer);
    gatherer->error = 0;
}

void gather_begin(struct gatherer *gatherer, struct gathering *gathering)
{
    gathering->n_asked = gathering->n_taken = 0;
    gathering->next = NULL;
    if (!gathering->n || gatherer->error)
        return;
    if (gatherer->last)
        gatherer->last->next = gathering;
    else
        gatherer->first = gathering;
    gatherer->last = gathering;
    if (!gatherer->asking)
        gatherer->asking = gathering;
    ask_ahead(gatherer);
}

int gather_finish(struct gatherer *gatherer, struct gathering *gathering)
{
    while (!gatherer->error && gathering->n_taken < gathering->n) {
        work_meanwhile(gatherer->memory);
        take_next(gatherer);
        ask_ahead(gatherer);
    }
    /* Nobody will finish the others, which may be gone by the next call. */
    if (gatherer->error)
        forget(gatherer);
    return gatherer->error;
}

int gather_with(struct gatherer *gatherer, const struct piece *pieces, size_t n, uint32_t gap,
                gather_take take, void *context)
{
    struct gathering gathering = {
        .pieces = pieces, .n = n, .gap = gap, .take = take, .context = context};

    gather_begin(gatherer, &gathering);
    return gather_finish(gatherer, &gathering);
}

int gather(const struct go_memory *memory, const struct piece *pieces, size_t n, uint32_t gap,
           gather_take take, void *context)
{
    struct gatherer gatherer;
    int r;

    gatherer_init(&gatherer, memory);
    r = gather_with(&gatherer, pieces, n, gap, take, context);
    gatherer_clear(&gatherer);
    return r;
}
