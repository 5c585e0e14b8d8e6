/* SPDX-License-Identifier: Apache-2.0 */
/* How the Go side reaches its target: a seam for tests, which have no target. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rpc.h"

struct go_memory {
    /* Copies `size` bytes. All or nothing: 0 or -errno. */
    int (*read)(void *context, uint64_t address, void *buffer, size_t size);
    /* Copies ranges, at most RPC_RANGES_MAX and RPC_DATA_SIZE together, packed one behind the
     * other; lengths[i] of range i could be read. Results are good until the next call of these
     * two. 0 or -errno. */
    int (*read_ranges)(void *context, const struct rpc_range *ranges, size_t n,
                       const uint8_t **ret_bytes, const uint32_t **ret_lengths);
    void *context;
    /* The same in two steps, of at most RPC_AHEAD_SIZE together, at most RPC_AHEAD_SLOTS at a time.
     * Answers are taken in the order of asking; each is good until more is asked for, whatever is
     * read meanwhile. */
    int (*ask)(void *context, const struct rpc_range *ranges, size_t n);
    int (*take)(void *context, const uint8_t **ret_bytes, const uint32_t **ret_lengths);
    /* Whether take() would have to wait. */
    bool (*is_late)(void *context);
    /* Does some microseconds of work while an answer is late, and may read, but not ask. False:
     * there is none. NULL: there never is. */
    bool (*work)(void *worker);
    void *worker;
};
