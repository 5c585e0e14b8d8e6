/* SPDX-License-Identifier: Apache-2.0 */
/* Cycles of owners, with and without tails, and what stands over two scans. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "monitor/deadlock.h"

static struct wait_edge edge(uint32_t tid, uint32_t owner)
{
    return (struct wait_edge){
        .tid = tid, .owner = owner, .object = 0x1000 + owner, .since_ns = 7, .stack_id = tid};
}

static void test_none(void **state)
{
    struct wait_edge chain[] = {edge(3, 2), edge(2, 1), edge(1, 99)};
    struct cycles cycles;

    (void)state;
    assert_int_equal(cycles_find(NULL, 0, &cycles), 0);
    assert_int_equal(cycles.n, 0);
    cycles_free(&cycles);
    assert_int_equal(cycles_find(chain, 3, &cycles), 0);
    assert_int_equal(cycles.n, 0);
    cycles_free(&cycles);
}

/* A cycle of each length, with a tail of smaller and one of greater TIDs that lead into it. */
static void test_lengths_with_tails(void **state)
{
    (void)state;
    for (uint32_t length = 1; length <= 5; length++) {
        struct wait_edge edges[9];
        struct cycles cycles;
        size_t n = 0;

        edges[n++] = edge(2, 1);
        edges[n++] = edge(1, 10 + length / 2);
        for (uint32_t i = 0; i < length; i++)
            edges[n++] = edge(10 + i, 10 + (i + 1) % length);
        edges[n++] = edge(20, 21);
        edges[n++] = edge(21, 10);
        assert_int_equal(cycles_find(edges, n, &cycles), 0);
        assert_int_equal(cycles.n, 1);
        assert_int_equal(cycles.ends[0], length);
        for (uint32_t i = 0; i < length; i++)
            assert_int_equal(cycles.members[i].tid, 10 + i);
        cycles_free(&cycles);
    }
}

static void test_order(void **state)
{
    /* Found through 1's tail first, but 5 and 6 come before 7 and 8. */
    struct wait_edge edges[] = {edge(8, 7), edge(7, 8), edge(1, 7), edge(6, 5), edge(5, 6)};
    struct cycles cycles;

    (void)state;
    assert_int_equal(cycles_find(edges, 5, &cycles), 0);
    assert_int_equal(cycles.n, 2);
    assert_int_equal(cycles.members[0].tid, 5);
    assert_int_equal(cycles.members[1].tid, 6);
    assert_int_equal(cycles.members[2].tid, 7);
    assert_int_equal(cycles.members[3].tid, 8);
    cycles_free(&cycles);
}

static size_t update(struct deadlocks *deadlocks, const struct wait_edge *edges, size_t n)
{
    struct wait_edge copy[8];

    for (size_t i = 0; i < n; i++)
        copy[i] = edges[i];
    assert_int_equal(deadlocks_update(deadlocks, copy, n), 0);
    return deadlocks->n;
}

static void test_unchanged_over_two_scans(void **state)
{
    const struct wait_edge cycle[] = {edge(5, 6), edge(6, 5)};
    struct wait_edge other[] = {edge(5, 6), edge(6, 5)};
    struct deadlocks deadlocks = {0};

    (void)state;
    assert_int_equal(update(&deadlocks, cycle, 2), 0);
    assert_int_equal(update(&deadlocks, cycle, 2), 1);
    assert_int_equal(update(&deadlocks, cycle, 2), 1);
    assert_int_equal(deadlocks.list[0].n_members, 2);
    assert_int_equal(deadlocks.list[0].members[0].tid, 5);
    assert_int_equal(deadlocks.list[0].members[0].owner_tid, 6);
    assert_int_equal(deadlocks.list[0].members[0].address, 0x1006);
    assert_int_equal(deadlocks.list[0].members[1].stack_id, 6);

    other[1].since_ns++;
    assert_int_equal(update(&deadlocks, other, 2), 0);
    assert_int_equal(update(&deadlocks, other, 2), 1);
    other[0].object++;
    assert_int_equal(update(&deadlocks, other, 2), 0);
    assert_int_equal(update(&deadlocks, NULL, 0), 0);
    assert_int_equal(update(&deadlocks, other, 2), 0);
    deadlocks_free(&deadlocks);
}

/* One of several goes, one comes, one grows: only the one that stayed counts. */
static void test_several(void **state)
{
    const struct wait_edge first[] = {edge(1, 2), edge(2, 1), edge(3, 3), edge(5, 6), edge(6, 5)};
    const struct wait_edge then[] = {edge(2, 4), edge(4, 2), edge(3, 3),
                                     edge(5, 6), edge(6, 7), edge(7, 5)};
    struct deadlocks deadlocks = {0};

    (void)state;
    assert_int_equal(update(&deadlocks, first, 5), 0);
    assert_int_equal(update(&deadlocks, then, 6), 1);
    assert_int_equal(deadlocks.list[0].n_members, 1);
    assert_int_equal(deadlocks.list[0].members[0].tid, 3);
    assert_int_equal(update(&deadlocks, then, 6), 3);
    deadlocks_free(&deadlocks);
}

/* One walk over all: a chain of 200,000 that ends in a cycle. */
static void test_long_chain(void **state)
{
    const uint32_t n = 200000;
    struct wait_edge *edges = calloc(n, sizeof(*edges));
    struct cycles cycles;

    (void)state;
    assert_non_null(edges);
    for (uint32_t i = 0; i < n; i++)
        edges[i] = edge(i + 1, i + 1 < n ? i + 2 : n - 1);
    assert_int_equal(cycles_find(edges, n, &cycles), 0);
    assert_int_equal(cycles.n, 1);
    assert_int_equal(cycles.ends[0], 2);
    assert_int_equal(cycles.members[0].tid, n - 1);
    cycles_free(&cycles);
    free(edges);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_none),    cmocka_unit_test(test_lengths_with_tails),
        cmocka_unit_test(test_order),   cmocka_unit_test(test_unchanged_over_two_scans),
        cmocka_unit_test(test_several), cmocka_unit_test(test_long_chain),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
