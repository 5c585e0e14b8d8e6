/* SPDX-License-Identifier: Apache-2.0 */
#include "fdetable.h"

#include <stdlib.h>

#define PLACES_MAX (1u << 20) /* code beyond them has no CFI; the largest programs have a table */

static uint64_t read_relative(const struct fde_table *table, size_t index, size_t at)
{
    const uint8_t *from = table->search + index * FDE_SEARCH_SIZE + at;
    struct cursor cursor = {from, from + 4, false};

    return table->search_address + (uint64_t)cursor_signed(&cursor, 4);
}

static uint64_t start_of(const struct fde_table *table, size_t index)
{
    return table->search ? read_relative(table, index, 0) : table->places[index].start;
}

static uint64_t offset_of(const struct fde_table *table, size_t index)
{
    return table->search ? read_relative(table, index, 4) - table->section.address
                         : table->places[index].offset;
}

/* How many start at or before the address. */
static size_t count_starts(const struct fde_table *table, uint64_t address)
{
    size_t low = 0, high = table->search ? table->n_search : table->n_places;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (start_of(table, middle) <= address)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static int compare_places(const void *a, const void *b)
{
    const struct fde_place *left = a, *right = b;

    if (left->start != right->start)
        return left->start < right->start ? -1 : 1;
    return left->offset < right->offset ? -1 : 1;
}

/* Entries that overlap contradict each other: none of them is believed. */
static void drop_overlapping(struct fde_table *table)
{
    struct fde_place *places = table->places;
    size_t kept = 0, last = 0; /* the one that ends last until here */

    for (size_t i = 1; i < table->n_places; i++) {
        uint64_t end = places[last].end;

        if (places[i].start < end)
            places[i].offset = places[last].offset = UINT64_MAX;
        if (places[i].end > end)
            last = i;
    }
    for (size_t i = 0; i < table->n_places; i++)
        if (places[i].offset != UINT64_MAX)
            places[kept++] = places[i];
    table->n_places = kept;
}

/* False: there is no memory. */
static bool keep(struct fde_table *table, const struct fde *fde, uint64_t offset)
{
    size_t n = table->n_places;

    if ((n & (n - 1)) == 0) {
        struct fde_place *more =
            reallocarray(table->places, n ? 2 * n : 1, sizeof(struct fde_place));

        if (!more)
            return false;
        table->places = more;
    }
    table->places[table->n_places++] = (struct fde_place){fde->start, fde->end, offset};
    return true;
}

/* False: there is no room for it, and nothing is to be read any more. */
static bool take_entry(struct fde_table *table, uint64_t offset)
{
    struct fde fde;

    if (!fde_read(&table->section, offset, &fde) || fde.start < LOWEST_CODE)
        return true;
    return table->n_places < PLACES_MAX && keep(table, &fde, offset);
}

static void make_places(struct fde_table *table)
{
    uint64_t offset = 0, at = 0;

    table->places = malloc(sizeof(struct fde_place));
    if (!table->places)
        return;
    while (fde_next(&table->section, &offset) && take_entry(table, at))
        at = offset;
    qsort(table->places, table->n_places, sizeof(struct fde_place), compare_places);
    drop_overlapping(table);
}

bool fde_table_find(struct fde_table *table, uint64_t address, struct fde *ret_fde)
{
    size_t n;

    if (!table->section.bytes)
        return false;
    if (!table->search && !table->places)
        make_places(table);
    n = count_starts(table, address);
    return n > 0 && fde_read(&table->section, offset_of(table, n - 1), ret_fde) &&
           address >= ret_fde->start && address < ret_fde->end;
}

void fde_table_clear(struct fde_table *table)
{
    free(table->places);
    *table = (struct fde_table){.places = NULL};
}
