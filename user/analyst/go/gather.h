/* SPDX-License-Identifier: Apache-2.0 */
/* Reads many small pieces of a target's memory with few requests: neighbours are read together. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/memory.h"

struct piece {
    uint64_t address;
    uint32_t size;
    uint32_t index; /* the caller's own */
};

/* Called for each piece with the `got` bytes of it that could be read, in the pieces' order. */
typedef void (*gather_take)(void *context, const struct piece *piece, const uint8_t *bytes,
                            size_t got);

/*
 * Reads `n` pieces, each of at most RPC_AHEAD_SIZE. Those in ascending order that are at most `gap`
 * bytes apart become one range. While pieces are handed out, the next ones are being copied: `take`
 * may read memory, but not gather. While an answer is late, memory->work is done. 0 or -errno of
 * the reader, after which the rest is not read.
 */
int gather(const struct go_memory *memory, const struct piece *pieces, size_t n, uint32_t gap,
           gather_take take, void *context);
