/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/top/rows.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/example.h"

#define LEAK 0x1111111111111111
#define LOCK 0x2222222222222222
#define IDLE 0x3333

static void assert_rows(const struct target_report *target, const struct rows_order *order,
                        size_t n, const uint64_t *ids)
{
    struct rows rows = {0};

    assert_int_equal(rows_make(target, order, &rows), 0);
    assert_int_equal(rows.n, n);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(rows.ids[i], ids[i]);
        assert_int_equal(rows.list[i]->stack->id, ids[i]);
    }
    rows_free(&rows);
}

static void sorts(void **state)
{
    static const struct {
        enum rows_sort sort;
        bool reverse;
        uint64_t ids[3];
    } cases[] = {
        {SORT_COUNT, false, {LEAK, LOCK, IDLE}},  {SORT_COUNT, true, {LOCK, LEAK, IDLE}},
        {SORT_AGE, false, {LOCK, LEAK, IDLE}},    {SORT_AGE, true, {LEAK, LOCK, IDLE}},
        {SORT_GROWTH, false, {LEAK, LOCK, IDLE}}, {SORT_GROWTH, true, {LOCK, LEAK, IDLE}},
        {SORT_MEMORY, false, {LOCK, LEAK, IDLE}}, {SORT_MEMORY, true, {LEAK, LOCK, IDLE}},
    };
    struct example example;

    (void)state;
    example_fill(&example);
    example.groups[1].oldest_ns = example.groups[0].oldest_ns + 1;
    example.groups[1].memory_bytes = example.groups[0].memory_bytes + 1;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rows_order order = {.sort = cases[i].sort, .reverse = cases[i].reverse};

        assert_rows(&example.target, &order, 3, cases[i].ids);
    }
}

/* Those that shrank come after those that stayed; equal ones stay in the report's order. */
static void sorts_by_signed_growth(void **state)
{
    struct rows_order order = {.sort = SORT_GROWTH};
    struct example example;

    (void)state;
    example_fill(&example);
    example.groups[0].first_count = example.groups[0].count + 5;
    assert_int_equal(rows_growth(&example.groups[0]), -5);
    assert_rows(&example.target, &order, 3, (uint64_t[]){LOCK, LEAK, IDLE});
    example.groups[0].first_count = example.groups[0].count;
    assert_rows(&example.target, &order, 3, (uint64_t[]){LEAK, LOCK, IDLE});
    order.reverse = true;
    assert_rows(&example.target, &order, 3, (uint64_t[]){LEAK, LOCK, IDLE});
}

static void filters(void **state)
{
    static const struct {
        const char *filter;
        size_t n;
        uint64_t ids[3];
    } cases[] = {
        {"", 3, {LEAK, LOCK, IDLE}},   {"FETCHSCORES", 1, {LEAK}}, /* its site, in any case */
        {"gopark", 1, {LEAK}},                                     /* another frame */
        {"main.recommend", 1, {LEAK}},                             /* the creator */
        {"libvendor", 1, {LOCK}},                                  /* a module without a name */
        {"loop.c", 1, {IDLE}},                                     /* a file */
        {"futex lock", 1, {LOCK}},                                 /* the reason */
        {"event loop", 1, {IDLE}},                                 /* the rule */
        {"nowhere", 0, {0}},
    };
    struct example example;

    (void)state;
    example_fill(&example);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct rows_order order = {0};

        snprintf(order.filter, sizeof(order.filter), "%s", cases[i].filter);
        assert_rows(&example.target, &order, cases[i].n, cases[i].ids);
    }
}

static void hides_idle_ones(void **state)
{
    struct rows_order order = {.hide_idle = true, .filter = "main"};
    struct example example;
    struct rows rows = {0};

    (void)state;
    example_fill(&example);
    assert_int_equal(rows_make(&example.target, &order, &rows), 0);
    assert_int_equal(rows.n, 1);
    assert_int_equal(rows.n_idle, 1);
    assert_int_equal(rows.n_filtered, 1);
    assert_int_equal(rows_find(&rows, LEAK), 0);
    assert_int_equal(rows_find(&rows, LOCK), 1);
    rows_free(&rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sorts),
        cmocka_unit_test(sorts_by_signed_growth),
        cmocka_unit_test(filters),
        cmocka_unit_test(hides_idle_ones),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
