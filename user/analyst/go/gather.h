/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads many small pieces of a target's memory with few requests: neighbours are read together, and
 * the next requests are being answered while the pieces of one are handed out. What else is known
 * to be wanted can be begun before the first is finished: then the reader never waits for the
 * analyst.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/memory.h"

struct piece {
    uint64_t address;
    uint32_t size;
    uint32_t index; /* the caller's own */
};

/* Called for each piece with the `got` bytes of it that could be read, in the pieces' order. It may
 * read memory, but not gather. */
typedef void (*gather_take)(void *context, const struct piece *piece, const uint8_t *bytes,
                            size_t got);

/* Pieces, each of at most RPC_AHEAD_SIZE, that are to be read. Those in ascending order that are at
 * most `gap` bytes apart become one range. */
struct gathering {
    const struct piece *pieces;
    size_t n;
    uint32_t gap;
    gather_take take;
    void *context;

    size_t n_asked, n_taken; /* of the pieces; from here on gather.c's own */
    struct gathering *next;
};

/* Ranges of one request, and the pieces from `first` to `end` that they hold. */
struct gather_request {
    struct rpc_range ranges[RPC_RANGES_MAX];
    size_t n;
    size_t first, end;
    uint64_t total;
};

/* Gatherings under way, in the order in which they were begun. */
struct gatherer {
    const struct go_memory *memory;
    struct gathering *first, *last; /* that are not finished */
    struct gathering *asking;       /* the first of which not all is asked for */
    struct gather_request requests[RPC_AHEAD_SLOTS];
    size_t n_asked, n_taken; /* requests */
    uint64_t taken_ns;       /* when what is handed out had been read */
    int error;               /* of the reader: from then on nothing is read */
};

/* Nothing is under way. */
void gatherer_init(struct gatherer *gatherer, const struct go_memory *memory);

/* Forgets all that are under way, takes the answers that are still to come, and forgets an error.
 */
void gatherer_clear(struct gatherer *gatherer);

/* Begins one: its pieces are read after those of all that were begun before. It is the caller's,
 * and stays where it is, with its pieces, until it is finished or forgotten. */
void gather_begin(struct gatherer *gatherer, struct gathering *gathering);

/* Waits until all of its pieces are handed out, and with them those of all that were begun before
 * it. While an answer is late, memory->work is done. 0 or -errno of the reader: then all that are
 * under way are forgotten, and what is begun or finished before gatherer_clear() is this error. */
int gather_finish(struct gatherer *gatherer, struct gathering *gathering);

/* Both, of one. */
int gather_with(struct gatherer *gatherer, const struct piece *pieces, size_t n, uint32_t gap,
                gather_take take, void *context);

/* The same, where nothing else is under way. */
int gather(const struct go_memory *memory, const struct piece *pieces, size_t n, uint32_t gap,
           gather_take take, void *context);
