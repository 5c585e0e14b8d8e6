/* SPDX-License-Identifier: Apache-2.0 */
/* The search for runtime.allgs in variables that are vast, or full of what looks like it. */
#include "analyst/go/allgs.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "analyst/go/asked.h"
#include "analyst/go/layout.h"

#define DATA_AT   0x500000ul
#define DATA_SIZE (1ul << 40)
#define ARRAY_AT  0xc000000000ul /* of one pointer, to the g */
#define G_AT      0xc000001000ul

/* Variables that are zero, but for slices of g's and of something else. */
static struct variables {
    uint64_t lists_at, n_lists; /* of g's */
    uint64_t others_at, n_others;
    uint64_t n_bytes; /* that were read of them */
    struct asked asked;
    struct go_memory memory;
} variables;

struct slice {
    uint64_t array, length, capacity;
};

static void put_slices(uint64_t at, uint64_t n, uint64_t array, uint64_t address, uint8_t *bytes,
                       size_t size)
{
    const struct slice slice = {array, 5, 8};

    for (uint64_t i = 0; i < n; i++) {
        uint64_t place = at + i * sizeof(slice);

        if (place >= address && place + sizeof(slice) <= address + size)
            memcpy(bytes + (place - address), &slice, sizeof(slice));
    }
}

static void read_variables(uint64_t address, uint8_t *bytes, size_t size)
{
    variables.n_bytes += size;
    memset(bytes, 0, size);
    put_slices(variables.lists_at, variables.n_lists, ARRAY_AT, address, bytes, size);
    put_slices(variables.others_at, variables.n_others, DATA_AT, address, bytes, size);
}

/* The array leads to the g, which has its own address where its sched.g is. */
static uint64_t word_at(uint64_t address)
{
    return address == ARRAY_AT || address == G_AT + GO_G_SELF ? G_AT : 0;
}

static int read_memory(void *context, uint64_t address, void *buffer, size_t size)
{
    (void)context;
    assert_in_range(address, DATA_AT, DATA_AT + DATA_SIZE - size);
    read_variables(address, buffer, size);
    return 0;
}

static int read_ranges(void *context, const struct rpc_range *ranges, size_t n,
                       const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    static uint8_t bytes[RPC_DATA_SIZE];
    static uint32_t lengths[RPC_RANGES_MAX];
    size_t used = 0;

    (void)context;
    for (size_t i = 0; i < n; i++) {
        lengths[i] = (uint32_t)ranges[i].length;
        memset(bytes + used, 0, lengths[i]);
        for (uint64_t at = 0; at + 8 <= lengths[i]; at += 8)
            memcpy(bytes + used + at, &(uint64_t){word_at(ranges[i].address + at)}, 8);
        used += lengths[i];
    }
    *ret_bytes = bytes;
    *ret_lengths = lengths;
    return 0;
}

static int ask(void *context, const struct rpc_range *ranges, size_t n)
{
    (void)context;
    return asked_ask(&variables.asked, ranges, n);
}

static int take(void *context, const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    (void)context;
    return asked_take(&variables.asked, &variables.memory, ret_bytes, ret_lengths);
}

static int find(const struct rpc_range *ranges, size_t n)
{
    uint64_t places[ALLGS_PLACES_MAX];
    int found;

    variables.memory = (struct go_memory){
        .read = read_memory, .read_ranges = read_ranges, .ask = ask, .take = take};
    found = allgs_find(&variables.memory, ranges, n, places);
    for (int i = 0; i < found; i++)
        assert_int_equal(places[i], variables.lists_at + (uint64_t)i * sizeof(struct slice));
    return found;
}

/* A terabyte of them: half a gigabyte is looked through. */
static void vast_variables_are_not_searched_to_their_end(void **state)
{
    const struct rpc_range ranges[] = {{DATA_AT, 1ul << 28},
                                       {DATA_AT + (1ul << 28), DATA_SIZE / 2}};

    (void)state;
    variables = (struct variables){.lists_at = DATA_AT + (1ul << 27), .n_lists = 1};
    assert_int_equal(find(ranges, 2), 1);
    assert_in_range(variables.n_bytes, 1ul << 29, (1ul << 29) + (1ul << 16));
    variables = (struct variables){.lists_at = DATA_AT + (1ul << 30), .n_lists = 1};
    assert_int_equal(find(ranges, 2), 0);
}

/* They are looked at some thousands at a time. */
static void what_is_behind_many_that_look_like_it_is_found(void **state)
{
    const struct rpc_range range = {DATA_AT, 1ul << 24};

    (void)state;
    variables = (struct variables){
        .lists_at = DATA_AT + (1ul << 23), .n_lists = 1, .others_at = DATA_AT, .n_others = 100000};
    assert_int_equal(find(&range, 1), 1);
}

static void only_the_first_of_many_lists_are_taken(void **state)
{
    const struct rpc_range range = {DATA_AT, 1ul << 20};

    (void)state;
    variables = (struct variables){.lists_at = DATA_AT + 64, .n_lists = 10000};
    assert_int_equal(find(&range, 1), 8);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(vast_variables_are_not_searched_to_their_end),
        cmocka_unit_test(what_is_behind_many_that_look_like_it_is_found),
        cmocka_unit_test(only_the_first_of_many_lists_are_taken),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
