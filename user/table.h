/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A set of elements of one type: a dense array, so that walking it is cheap, with an
 * open-addressing index over it. An element costs its own size and 5 to 11 bytes of index, 16 while
 * that grows. No call takes longer for a table that is large: what moves to a larger index does so
 * in pieces, with each addition or removal thereafter.
 *
 * Elements move when others are added or removed: keep positions or pointers no longer than that.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What elements are told apart by. */
struct table_key {
    uint64_t high;
    uint64_t low;
};

struct table_type {
    size_t size;  /* of an element */
    uint32_t max; /* elements; fewer than 2^30 */
    struct table_key (*key)(const void *element);
};

struct table_index {
    uint32_t *slots;  /* 1 + position in `elements`; 0: free */
    uint32_t n_slots; /* 0 or a power of two */
};

struct table {
    const struct table_type *type;
    void *elements; /* the first `n` are in use */
    uint32_t n;
    uint32_t capacity;
    uint32_t unmoved; /* so many of the first may be missing in `index`; `former` has them */
    struct table_index index;  /* where additions go */
    struct table_index former; /* what it outgrew; without slots, where nothing is unmoved */
    struct table_index next;   /* what it will grow to; without slots, where that is not near */
    uint64_t seed[2];
};

/* An empty table; takes no memory yet. `type` is borrowed. */
void table_init(struct table *table, const struct table_type *type);

/* Forgets all elements and gives their memory back; the table stays usable. */
void table_clear(struct table *table);

/* Forgets all elements but leaves their array to the caller: room_free() with *ret_bytes gives it
 * back. NULL: there was none. */
void *table_take(struct table *table, size_t *ret_bytes);

/* The element with this key, or NULL. */
void *table_find(const struct table *table, struct table_key key);

/* As table_find(), for keys that come in runs: *position, 0 at first, is where the last one was,
 * and is looked at before anything else. */
void *table_find_run(const struct table *table, struct table_key key, uint32_t *position);

/* For a key that will be looked up soon, one of many: their cache misses then go on together. */
void table_prefetch(const struct table *table, struct table_key key);

/* Adds a copy of `element`, whose key must not be in the table yet. `ret_element`, if not NULL,
 * gets its place. -ENOSPC beyond the type's bound, -ENOMEM; the table is then as before. */
int table_add(struct table *table, const void *element, void **ret_element);

/* Removes one that is in the table; the last element takes its place in the array. */
void table_remove(struct table *table, void *element);
