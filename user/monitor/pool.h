/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte strings, each kept once and known by its number: 0, 1, 2 and so on, in the order in which
 * they came.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define POOL_MAX (1u << 28) /* strings of one pool */

struct pool_entry {
    size_t offset; /* in the pool's bytes */
    size_t size;
};

struct pool {
    uint8_t *bytes; /* of all, one after the other; owned, as the arrays below */
    size_t size;
    size_t capacity;
    struct pool_entry *entries;
    uint32_t n;
    uint32_t *slots;  /* 1 + number; 0: free */
    uint32_t n_slots; /* 0 or a power of two; entries has room for half as many */
};

void pool_free(struct pool *pool);

/* The number of these bytes, new or not. -ENOMEM, -ENOSPC beyond POOL_MAX; the pool is then as
 * before. */
int pool_add(struct pool *pool, const void *bytes, size_t size, uint32_t *ret_number);

/* The bytes of a number below pool->n, until the next pool_add(). */
const void *pool_get(const struct pool *pool, uint32_t number, size_t *ret_size);
