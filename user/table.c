/* SPDX-License-Identifier: Apache-2.0 */
/* A set of elements in a dense array with an open-addressing index: linear probing, no tombstones.
 */
#include "table.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>

#include "room.h"

#define CAPACITY_MIN 16
#define SLOTS_MIN    32

/* Keys are chosen by targets, so the hash is seeded: nobody outside can make them collide. Two
 * folded 64x64 multiplications, as wyhash does it. */
static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;

    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint32_t hash_of(const struct table *table, struct table_key key)
{
    uint64_t hash = fold(key.low ^ table->seed[0], key.high ^ table->seed[1]);

    return (uint32_t)fold(hash ^ table->seed[1], 0x9e3779b97f4a7c15);
}

/* A hash is the home slot in its low bits, which number slots, and a mark in the others. A slot has
 * its element's mark, so that others are passed over without a look at them, which mostly costs a
 * cache miss; the low bits hold 1 + position: there are fewer elements than slots. */
static uint32_t mask(const struct table *table)
{
    return table->n_slots - 1;
}

static uint32_t slot_value(const struct table *table, uint32_t hash, uint32_t position)
{
    return (hash & ~mask(table)) | (position + 1);
}

static uint32_t slot_position(const struct table *table, uint32_t slot)
{
    return (table->slots[slot] & mask(table)) - 1;
}

static void *element_at(const struct table *table, uint32_t position)
{
    return (char *)table->elements + position * table->type->size;
}

static uint32_t position_of(const struct table *table, const void *element)
{
    return (uint32_t)((size_t)((const char *)element - (const char *)table->elements) /
                      table->type->size);
}

static bool has_key(const struct table *table, uint32_t slot, uint32_t hash, struct table_key key)
{
    struct table_key other;

    if ((table->slots[slot] ^ hash) & ~mask(table))
        return false;
    other = table->type->key(element_at(table, slot_position(table, slot)));
    return other.high == key.high && other.low == key.low;
}

/* The slot that holds the key, or the free one where it belongs. There always is a free one. */
static uint32_t find_slot(const struct table *table, uint32_t hash, struct table_key key)
{
    uint32_t slot = hash & mask(table);

    while (table->slots[slot] && !has_key(table, slot, hash, key))
        slot = (slot + 1) & mask(table);
    return slot;
}

/* Of a key that is not in the table. */
static uint32_t free_slot(const struct table *table, uint32_t hash)
{
    uint32_t slot = hash & mask(table);

    while (table->slots[slot])
        slot = (slot + 1) & mask(table);
    return slot;
}

static void take_slot(struct table *table, struct table_key key, uint32_t position)
{
    uint32_t hash = hash_of(table, key);

    table->slots[free_slot(table, hash)] = slot_value(table, hash, position);
}

static int grow_elements(struct table *table)
{
    uint32_t capacity = table->capacity ? table->capacity * 2 : CAPACITY_MIN;
    size_t size = table->type->size;
    void *elements;

    if (table->n < table->capacity)
        return 0;
    elements = room_grow(table->elements, table->capacity * size, capacity * size);
    if (!elements)
        return -ENOMEM;
    table->elements = elements;
    table->capacity = capacity;
    return 0;
}

/* Keeps at most three quarters of the slots in use. */
static int grow_slots(struct table *table)
{
    uint32_t n_slots = table->n_slots ? table->n_slots * 2 : SLOTS_MIN;
    uint32_t *slots;

    if (table->n + 1 <= table->n_slots / 4 * 3)
        return 0;
    slots = room_new(n_slots * sizeof(*slots));
    if (!slots)
        return -ENOMEM;
    room_free(table->slots, table->n_slots * sizeof(*slots));
    table->slots = slots;
    table->n_slots = n_slots;
    for (uint32_t i = 0; i < table->n; i++)
        take_slot(table, table->type->key(element_at(table, i)), i);
    return 0;
}

static uint32_t slot_of(const struct table *table, const void *element)
{
    struct table_key key = table->type->key(element);

    return find_slot(table, hash_of(table, key), key);
}

/* Frees a slot and moves back what was pushed behind it by linear probing (Knuth 6.4, algorithm R).
 */
static void give_slot_back(struct table *table, uint32_t slot)
{
    uint32_t next = slot;

    for (;;) {
        uint32_t home;

        next = (next + 1) & mask(table);
        if (!table->slots[next])
            break;
        home = hash_of(table, table->type->key(element_at(table, slot_position(table, next))));
        if (((next - home) & mask(table)) < ((next - slot) & mask(table)))
            continue;
        table->slots[slot] = table->slots[next];
        slot = next;
    }
    table->slots[slot] = 0;
}

void table_init(struct table *table, const struct table_type *type)
{
    *table = (struct table){.type = type};
    /* Early in boot this may fail; a seed of stack addresses is then still not a fixed one. */
    if (getrandom(table->seed, sizeof(table->seed), GRND_NONBLOCK) != sizeof(table->seed)) {
        table->seed[0] = (uintptr_t)table;
        table->seed[1] = ~(uintptr_t)&type;
    }
}

void table_clear(struct table *table)
{
    size_t bytes;
    void *elements = table_take(table, &bytes);

    room_free(elements, bytes);
}

void *table_take(struct table *table, size_t *ret_bytes)
{
    void *elements = table->elements;

    *ret_bytes = table->capacity * table->type->size;
    room_free(table->slots, table->n_slots * sizeof(*table->slots));
    table->elements = NULL;
    table->slots = NULL;
    table->n = 0;
    table->capacity = 0;
    table->n_slots = 0;
    return elements;
}

void *table_find(const struct table *table, struct table_key key)
{
    uint32_t slot;

    if (!table->n)
        return NULL;
    slot = find_slot(table, hash_of(table, key), key);
    return table->slots[slot] ? element_at(table, slot_position(table, slot)) : NULL;
}

void table_prefetch(const struct table *table, struct table_key key)
{
    if (table->n_slots)
        __builtin_prefetch(&table->slots[hash_of(table, key) & mask(table)]);
}

int table_add(struct table *table, const void *element, void **ret_element)
{
    void *place;

    if (table->n >= table->type->max)
        return -ENOSPC;
    if (grow_elements(table) || grow_slots(table))
        return -ENOMEM;
    take_slot(table, table->type->key(element), table->n);
    place = element_at(table, table->n);
    memcpy(place, element, table->type->size);
    table->n++;
    if (ret_element)
        *ret_element = place;
    return 0;
}

void table_remove(struct table *table, void *element)
{
    uint32_t position = position_of(table, element);
    uint32_t last = table->n - 1;

    give_slot_back(table, slot_of(table, element));
    if (position != last) {
        void *moved = element_at(table, last);
        uint32_t slot = slot_of(table, moved);

        table->slots[slot] = slot_value(table, table->slots[slot], position);
        memcpy(element, moved, table->type->size);
    }
    table->n--;
}
