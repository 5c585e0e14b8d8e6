/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of user/monitor/budget.c: what is each one's own, and what is shared. */
#include "monitor/budget.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#define POOL 1000

static void test_own_goes_first(void **state)
{
    size_t pool = POOL;
    struct budget one = {.pool = &pool}, other = {.pool = &pool};

    (void)state;
    assert_true(budget_take(&one, BUDGET_OWN));
    assert_int_equal(pool, POOL);
    assert_true(budget_take(&one, POOL));
    assert_int_equal(pool, 0);
    assert_false(budget_take(&one, 1));
    assert_int_equal(one.used, BUDGET_OWN + POOL);
    assert_true(budget_take(&other, BUDGET_OWN));
    assert_false(budget_take(&other, 1));
    budget_give(&one, 300);
    assert_int_equal(pool, 300);
    assert_false(budget_take(&other, 301));
    assert_true(budget_take(&other, 300));
}

static void test_all_comes_back(void **state)
{
    size_t pool = POOL;
    struct budget budget = {.pool = &pool};

    (void)state;
    assert_true(budget_take(&budget, BUDGET_OWN - 10));
    assert_true(budget_take(&budget, 20)); /* half of it beyond */
    assert_int_equal(pool, POOL - 10);
    budget_give(&budget, 15);
    assert_int_equal(pool, POOL);
    budget_give(&budget, BUDGET_OWN - 5);
    assert_int_equal(budget.used, 0);
    assert_int_equal(pool, POOL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_own_goes_first),
        cmocka_unit_test(test_all_comes_back),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
