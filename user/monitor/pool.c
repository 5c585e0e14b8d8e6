/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Byte strings by number: one buffer of all bytes, and open addressing over it.
 */
#include "monitor/pool.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hash.h"

#define SLOTS_MIN    64
#define CAPACITY_MIN 4096

void pool_free(struct pool *pool)
{
    free(pool->bytes);
    free(pool->entries);
    free(pool->slots);
    *pool = (struct pool){0};
}

const void *pool_get(const struct pool *pool, uint32_t number, size_t *ret_size)
{
    *ret_size = pool->entries[number].size;
    return pool->bytes + pool->entries[number].offset;
}

/* The slot that holds these bytes, or the free one where they belong. Half of the slots are free,
 * so the walk ends. */
static uint32_t *find_slot(const struct pool *pool, const void *bytes, size_t size)
{
    uint32_t at = (uint32_t)hash_bytes(HASH_START, bytes, size);

    for (;; at++) {
        uint32_t *slot = &pool->slots[at & (pool->n_slots - 1)];
        const struct pool_entry *entry;

        if (!*slot)
            return slot;
        entry = &pool->entries[*slot - 1];
        if (entry->size == size && (!size || !memcmp(pool->bytes + entry->offset, bytes, size)))
            return slot;
    }
}

static int grow_slots(struct pool *pool)
{
    const uint32_t n_slots = pool->n_slots ? pool->n_slots * 2 : SLOTS_MIN;
    struct pool_entry *entries;
    uint32_t *slots;

    if (n_slots / 2 > POOL_MAX)
        return -ENOSPC;
    entries = realloc(pool->entries, n_slots / 2 * sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    pool->entries = entries;
    slots = calloc(n_slots, sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    free(pool->slots);
    pool->slots = slots;
    pool->n_slots = n_slots;
    for (uint32_t i = 0; i < pool->n; i++) {
        size_t size;
        const void *bytes = pool_get(pool, i, &size);

        *find_slot(pool, bytes, size) = i + 1;
    }
    return 0;
}

static int grow_bytes(struct pool *pool, size_t size)
{
    size_t capacity = pool->capacity ? pool->capacity : CAPACITY_MIN;
    uint8_t *bytes;

    while (capacity - pool->size < size)
        capacity *= 2;
    if (capacity == pool->capacity)
        return 0;
    bytes = realloc(pool->bytes, capacity);
    if (!bytes)
        return -ENOMEM;
    pool->bytes = bytes;
    pool->capacity = capacity;
    return 0;
}

int pool_add(struct pool *pool, const void *bytes, size_t size, uint32_t *ret_number)
{
    uint32_t *slot;
    int r = 0;

    if (pool->n >= pool->n_slots / 2)
        r = grow_slots(pool);
    if (!r)
        r = grow_bytes(pool, size);
    if (r)
        return r;
    slot = find_slot(pool, bytes, size);
    if (!*slot) {
        if (size)
            memcpy(pool->bytes + pool->size, bytes, size);
        pool->entries[pool->n] = (struct pool_entry){pool->size, size};
        pool->size += size;
        *slot = ++pool->n;
    }
    *ret_number = *slot - 1;
    return 0;
}
