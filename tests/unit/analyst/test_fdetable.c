/* SPDX-License-Identifier: Apache-2.0 */
/* Entries by address: by a table that is made, and by a linker's. Those of real files:
 * test_fderow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/fdetable.h"
#include "frames.h"

#define ADDRESS 0x8000 /* of the section */
#define HDR     0x7000 /* of .eh_frame_hdr */

struct range {
    uint64_t start, size;
};

static struct frames frames_for(const struct range *ranges, size_t n, uint64_t *ret_offsets)
{
    struct frames frames = frames_of(ADDRESS, false);

    frames_add_cie(&frames, "zR\x1b", NULL, 0);
    for (size_t i = 0; i < n; i++)
        ret_offsets[i] = frames_add_fde(&frames, ranges[i].start, ranges[i].size, NULL, 0);
    return frames;
}

static bool finds(struct fde_table *table, uint64_t address, uint64_t start)
{
    struct fde fde;

    return fde_table_find(table, address, &fde) && fde.start == start;
}

static bool finds_none(struct fde_table *table, uint64_t address)
{
    struct fde fde;

    return !fde_table_find(table, address, &fde);
}

static const struct range apart[] = {{0x3000, 0x10}, {0x1000, 0x100}, {0x1100, 1}};

/* Entries stand in any order. */
static void assert_apart(struct fde_table *table)
{
    assert_true(finds(table, 0x1000, 0x1000));
    assert_true(finds(table, 0x10ff, 0x1000));
    assert_true(finds(table, 0x1100, 0x1100));
    assert_true(finds(table, 0x300f, 0x3000));
    assert_true(finds_none(table, 0xfff));
    assert_true(finds_none(table, 0x1101));
    assert_true(finds_none(table, 0x2fff));
    assert_true(finds_none(table, 0x3010));
    assert_true(finds_none(table, 0));
    assert_true(finds_none(table, UINT64_MAX));
}

static void test_table_that_is_made(void **state)
{
    uint64_t offsets[3];
    struct frames frames = frames_for(apart, 3, offsets);
    struct fde_table table = {.section = frames_section(&frames)};

    (void)state;
    assert_apart(&table);
    assert_int_equal(table.n_places, 3);
    fde_table_clear(&table);
    assert_null(table.section.bytes);
    assert_true(finds_none(&table, 0x1000));
}

/* They contradict each other; those that only touch do not. */
static void test_entries_that_overlap(void **state)
{
    static const struct range ranges[] = {{0x1000, 0x100}, {0x1100, 0x100}, {0x1180, 0x10},
                                          {0x11f0, 0x20},  {0x1210, 0x10},  {0x4000, 0x10},
                                          {0x4000, 0x10}};
    uint64_t offsets[7];
    struct frames frames = frames_for(ranges, 7, offsets);
    struct fde_table table = {.section = frames_section(&frames)};

    (void)state;
    assert_true(finds(&table, 0x10ff, 0x1000));
    assert_true(finds_none(&table, 0x1100));
    assert_true(finds_none(&table, 0x1180));
    assert_true(finds_none(&table, 0x1200));
    assert_true(finds(&table, 0x1210, 0x1210));
    assert_true(finds_none(&table, 0x4000));
    assert_int_equal(table.n_places, 2);
    fde_table_clear(&table);
}

static void test_entries_that_are_refused_are_passed_over(void **state)
{
    uint64_t offsets[3];
    struct frames frames = frames_for(apart, 3, offsets);
    struct fde_table table = {.section = frames_section(&frames)};

    (void)state;
    memset(frames.bytes + offsets[1] + 4, 0xff, 4); /* of no CIE */
    table.section.bytes = frames.bytes;
    assert_true(finds(&table, 0x3000, 0x3000));
    assert_true(finds_none(&table, 0x1000));
    assert_true(finds(&table, 0x1100, 0x1100));
    fde_table_clear(&table);
}

/* Functions that the linker dropped lie at 0, and over those that are there. */
static void test_entries_of_dropped_functions(void **state)
{
    static const struct range ranges[] = {{0, 0x1010}, {1, 0x1010}, {0x1000, 0x10}};
    uint64_t offsets[3];
    struct frames frames = frames_for(ranges, 3, offsets);
    struct fde_table table = {.section = frames_section(&frames)};

    (void)state;
    assert_true(finds(&table, 0x1000, 0x1000));
    assert_true(finds_none(&table, 0x10));
    fde_table_clear(&table);
}

static void test_no_section_and_an_empty_one(void **state)
{
    struct fde_table none = {.places = NULL};
    struct frames frames = frames_of(ADDRESS, false);
    struct fde_table empty = {.section = frames_section(&frames)};

    (void)state;
    assert_true(finds_none(&none, 0x1000));
    assert_true(finds_none(&empty, 0x1000));
    assert_true(finds_none(&empty, 0x1000));
    fde_table_clear(&empty);
}

/* 32-bit distances from .eh_frame_hdr, ascending. */
static void set_search(uint8_t *search, size_t index, uint64_t start, uint64_t entry)
{
    int32_t distances[] = {(int32_t)(start - HDR), (int32_t)(entry - HDR)};

    memcpy(search + index * FDE_SEARCH_SIZE, distances, sizeof(distances));
}

static void test_table_of_a_linker(void **state)
{
    uint64_t offsets[3];
    uint8_t search[3 * FDE_SEARCH_SIZE];
    struct frames frames = frames_for(apart, 3, offsets);
    struct fde_table table = {
        .section = frames_section(&frames), .search = search, .n_search = 3, .search_address = HDR};

    (void)state;
    set_search(search, 0, 0x1000, ADDRESS + offsets[1]);
    set_search(search, 1, 0x1100, ADDRESS + offsets[2]);
    set_search(search, 2, 0x3000, ADDRESS + offsets[0]);
    assert_apart(&table);
    assert_null(table.places);
}

/* It leads to another function's entry, to a CIE, out of the section, before it. */
static void test_table_that_lies(void **state)
{
    uint64_t offsets[3];
    uint8_t search[FDE_SEARCH_SIZE];
    struct frames frames = frames_for(apart, 3, offsets);
    struct fde_table table = {
        .section = frames_section(&frames), .search = search, .n_search = 1, .search_address = HDR};
    const uint64_t lies[] = {ADDRESS + offsets[0], ADDRESS, ADDRESS + frames.size,
                             ADDRESS + 0x7000000, HDR};

    (void)state;
    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        set_search(search, 0, 0x1000, lies[i]);
        assert_true(finds_none(&table, 0x1000));
    }
}

/* More functions than any program has without a linker's table. */
static void test_entries_without_end(void **state)
{
    const size_t most = 1 << 20, each = 4 + 4 + 16;
    struct frames frames = frames_of(0, true);
    struct fde_table table = {.places = NULL};
    uint8_t *bytes;

    (void)state;
    frames_add_cie(&frames, "", NULL, 0);
    bytes = malloc(frames.size + (most + 1) * each);
    memcpy(bytes, frames.bytes, frames.size);
    for (size_t i = 0; i <= most; i++) {
        uint8_t *at = bytes + frames.size + i * each;
        const uint32_t head[] = {(uint32_t)each - 4, 0};
        const uint64_t range[] = {(i + 1) << 4, 16};

        memcpy(at, head, sizeof(head));
        memcpy(at + sizeof(head), range, sizeof(range));
    }
    table.section = (struct cfi_section){
        .bytes = bytes, .size = frames.size + (most + 1) * each, .is_debug_frame = true};
    assert_true(finds(&table, most << 4, most << 4));
    assert_true(finds_none(&table, (most + 1) << 4));
    assert_int_equal(table.n_places, most);
    fde_table_clear(&table);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table_that_is_made),
        cmocka_unit_test(test_entries_that_overlap),
        cmocka_unit_test(test_entries_that_are_refused_are_passed_over),
        cmocka_unit_test(test_entries_of_dropped_functions),
        cmocka_unit_test(test_no_section_and_an_empty_one),
        cmocka_unit_test(test_table_of_a_linker),
        cmocka_unit_test(test_table_that_lies),
        cmocka_unit_test(test_entries_without_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
