/* SPDX-License-Identifier: Apache-2.0 */
/* ask() and take() of a made-up memory, out of its read_ranges(): what was asked is read when it is
 * taken, and stays where it is until the next but one is asked for. */
#pragma once

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyst/go/memory.h"

struct asked {
    struct {
        struct rpc_range ranges[RPC_RANGES_MAX];
        size_t n;
        uint32_t lengths[RPC_RANGES_MAX];
        uint8_t bytes[RPC_AHEAD_SIZE];
    } slots[RPC_AHEAD_SLOTS];
    size_t n_asked, n_taken;
};

static inline int asked_ask(struct asked *asked, const struct rpc_range *ranges, size_t n)
{
    size_t slot = asked->n_asked % RPC_AHEAD_SLOTS;
    uint64_t total = 0;

    assert_in_range(n, 1, RPC_RANGES_MAX);
    for (size_t i = 0; i < n; i++) {
        assert_true(ranges[i].length <= RPC_AHEAD_SIZE - total);
        total += ranges[i].length;
    }
    if (asked->n_asked - asked->n_taken == RPC_AHEAD_SLOTS)
        return -EBUSY;
    memcpy(asked->slots[slot].ranges, ranges, n * sizeof(*ranges));
    asked->slots[slot].n = n;
    asked->n_asked++;
    return 0;
}

static inline int asked_take(struct asked *asked, const struct go_memory *memory,
                             const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    size_t slot = asked->n_taken % RPC_AHEAD_SLOTS, used = 0;
    const uint32_t *lengths;
    const uint8_t *bytes;
    int r;

    assert_true(asked->n_taken < asked->n_asked);
    asked->n_taken++;
    r = memory->read_ranges(memory->context, asked->slots[slot].ranges, asked->slots[slot].n,
                            &bytes, &lengths);
    if (r)
        return r;
    for (size_t i = 0; i < asked->slots[slot].n; i++)
        used += lengths[i];
    memcpy(asked->slots[slot].bytes, bytes, used);
    memcpy(asked->slots[slot].lengths, lengths, asked->slots[slot].n * sizeof(*lengths));
    *ret_bytes = asked->slots[slot].bytes;
    *ret_lengths = asked->slots[slot].lengths;
    return 0;
}
