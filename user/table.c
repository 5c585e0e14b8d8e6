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
#define SLOTS_A_STEP 8 /* of an index twice as large, from half to three quarters of this one */
#define MOVES        4 /* to a larger index, with each element added or removed */

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
static uint32_t mask(const struct table_index *index)
{
    return index->n_slots - 1;
}

static uint32_t slot_value(const struct table_index *index, uint32_t hash, uint32_t position)
{
    return (hash & ~mask(index)) | (position + 1);
}

static uint32_t slot_position(const struct table_index *index, uint32_t slot)
{
    return (index->slots[slot] & mask(index)) - 1;
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

static bool is_at(const struct table *table, uint32_t position, struct table_key key)
{
    const struct table_key other = table->type->key(element_at(table, position));

    return other.high == key.high && other.low == key.low;
}

static bool has_key(const struct table *table, const struct table_index *index, uint32_t slot,
                    uint32_t hash, struct table_key key)
{
    if ((index->slots[slot] ^ hash) & ~mask(index))
        return false;
    return is_at(table, slot_position(index, slot), key);
}

/* The slot that holds the key, or the free one where it belongs. There always is a free one. */
static uint32_t find_slot(const struct table *table, const struct table_index *index, uint32_t hash,
                          struct table_key key)
{
    uint32_t slot = hash & mask(index);

    while (index->slots[slot] && !has_key(table, index, slot, hash, key))
        slot = (slot + 1) & mask(index);
    return slot;
}

/* Of a key that is not in the index. */
static uint32_t free_slot(const struct table_index *index, uint32_t hash)
{
    uint32_t slot = hash & mask(index);

    while (index->slots[slot])
        slot = (slot + 1) & mask(index);
    return slot;
}

static void take_slot(struct table *table, struct table_key key, uint32_t position)
{
    struct table_index *index = &table->index;
    uint32_t hash = hash_of(table, key);

    index->slots[free_slot(index, hash)] = slot_value(index, hash, position);
}

/* Of one that may be in the index. */
static void place(struct table *table, struct table_key key, uint32_t position)
{
    struct table_index *index = &table->index;
    uint32_t hash = hash_of(table, key);

    index->slots[find_slot(table, index, hash, key)] = slot_value(index, hash, position);
}

static void free_index(struct table_index *index)
{
    room_free(index->slots, index->n_slots * sizeof(*index->slots));
    *index = (struct table_index){0};
}

/* Some of what is unmoved, from its end: so that is never beyond the elements, whose number falls
 * by one at a time. */
static void move_on(struct table *table)
{
    if (!table->former.slots)
        return;
    for (uint32_t i = 0; i < MOVES && table->unmoved; i++) {
        table->unmoved--;
        place(table, table->type->key(element_at(table, table->unmoved)), table->unmoved);
    }
    if (!table->unmoved)
        free_index(&table->former);
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

/* Without slots: there is no memory. */
static struct table_index new_index(uint32_t n_slots)
{
    return (struct table_index){.slots = room_new(n_slots * sizeof(uint32_t)), .n_slots = n_slots};
}

/* The kernel zeroes memory where it is touched first, a huge page at once, and a new index is
 * touched all over by its first elements. So, from where half of the slots are in use, each
 * addition touches its part of the next one, one behind the other; a large one only, for the memory
 * of others is zero from the start. */
static void prepare_next(struct table *table)
{
    const uint32_t n_slots = table->index.n_slots * 2;
    const uint32_t half = table->index.n_slots / 2;
    struct table_index *next = &table->next;

    if (table->n < half || n_slots * sizeof(*next->slots) < ROOM_LARGE)
        return;
    if (!next->slots)
        *next = new_index(n_slots);
    if (next->slots)
        *(volatile uint32_t *)&next->slots[(table->n - half) * SLOTS_A_STEP] = 0;
}

/* Keeps at most three quarters of the slots in use. By then all is moved that was to be: there have
 * been as many additions since as there were elements. */
static int grow_index(struct table *table)
{
    const uint32_t n_slots = table->index.n_slots;

    if (table->n + 1 <= n_slots / 4 * 3) {
        prepare_next(table);
        return 0;
    }
    if (!table->next.slots)
        table->next = new_index(n_slots ? n_slots * 2 : SLOTS_MIN);
    if (!table->next.slots)
        return -ENOMEM;
    table->former = table->index;
    table->index = table->next;
    table->next = (struct table_index){0};
    table->unmoved = table->n;
    return 0;
}

/* Frees a slot and moves back what was pushed behind it by linear probing (Knuth 6.4, algorithm R).
 */
static void give_slot_back(struct table *table, struct table_index *index, uint32_t slot)
{
    uint32_t next = slot;

    for (;;) {
        uint32_t home;

        next = (next + 1) & mask(index);
        if (!index->slots[next])
            break;
        home = hash_of(table, table->type->key(element_at(table, slot_position(index, next))));
        if (((next - home) & mask(index)) < ((next - slot) & mask(index)))
            continue;
        index->slots[slot] = index->slots[next];
        slot = next;
    }
    index->slots[slot] = 0;
}

static void forget(struct table *table, struct table_index *index, struct table_key key)
{
    uint32_t slot;

    if (!index->slots)
        return;
    slot = find_slot(table, index, hash_of(table, key), key);
    if (index->slots[slot])
        give_slot_back(table, index, slot);
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
    free_index(&table->index);
    free_index(&table->former);
    free_index(&table->next);
    table->elements = NULL;
    table->n = 0;
    table->capacity = 0;
    table->unmoved = 0;
    return elements;
}

static void *find_in(const struct table *table, const struct table_index *index, uint32_t hash,
                     struct table_key key)
{
    const uint32_t slot = find_slot(table, index, hash, key);

    return index->slots[slot] ? element_at(table, slot_position(index, slot)) : NULL;
}

static void *find_former(const struct table *table, uint32_t hash, struct table_key key)
{
    return table->former.slots ? find_in(table, &table->former, hash, key) : NULL;
}

void *table_find(const struct table *table, struct table_key key)
{
    uint32_t hash;
    void *found;

    if (!table->n)
        return NULL;
    hash = hash_of(table, key);
    found = find_in(table, &table->index, hash, key);
    return found ? found : find_former(table, hash, key);
}

void *table_find_run(const struct table *table, struct table_key key, uint32_t *position)
{
    void *found;

    if (*position < table->n && is_at(table, *position, key))
        return element_at(table, *position);
    found = table_find(table, key);
    if (found)
        *position = position_of(table, found);
    return found;
}

static void prefetch(const struct table_index *index, uint32_t hash)
{
    if (index->slots)
        __builtin_prefetch(&index->slots[hash & mask(index)]);
}

void table_prefetch(const struct table *table, struct table_key key)
{
    const uint32_t hash = hash_of(table, key);

    prefetch(&table->index, hash);
    prefetch(&table->former, hash);
}

int table_add(struct table *table, const void *element, void **ret_element)
{
    void *place;

    if (table->n >= table->type->max)
        return -ENOSPC;
    if (grow_elements(table) || grow_index(table))
        return -ENOMEM;
    take_slot(table, table->type->key(element), table->n);
    place = element_at(table, table->n);
    memcpy(place, element, table->type->size);
    table->n++;
    move_on(table);
    if (ret_element)
        *ret_element = place;
    return 0;
}

void table_remove(struct table *table, void *element)
{
    const struct table_key key = table->type->key(element);
    uint32_t position = position_of(table, element);
    uint32_t last = table->n - 1;

    forget(table, &table->index, key);
    forget(table, &table->former, key);
    if (position != last) {
        void *moved = element_at(table, last);
        const struct table_key moved_key = table->type->key(moved);

        forget(table, &table->former, moved_key);
        place(table, moved_key, position);
        memcpy(element, moved, table->type->size);
    }
    table->n--;
    move_on(table);
}
