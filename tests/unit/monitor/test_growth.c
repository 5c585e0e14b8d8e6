/* SPDX-License-Identifier: Apache-2.0 */
/* Histories of groups: growth claims and series that stay. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "monitor/growth.h"

#define GROUPS_MAX 8

static const struct stack stacks[GROUPS_MAX] = {{.id = 0}, {.id = 1}, {.id = 2}, {.id = 3},
                                                {.id = 4}, {.id = 5}, {.id = 6}, {.id = 7}};

static int set_up(void **state)
{
    static struct growth growth;

    growth_init(&growth);
    *state = &growth;
    return 0;
}

static int tear_down(void **state)
{
    growth_clear(*state);
    return 0;
}

/* One scan with the counts of stacks 0, 1, ...; 0: no such group. Returns the group of stack `id`.
 */
static struct group scan(struct growth *growth, uint64_t now_ns, const uint64_t *n_waiters,
                         size_t n_stacks, uint64_t id)
{
    struct group groups[GROUPS_MAX] = {0};
    struct group found = {0};
    size_t n = 0;

    for (size_t i = 0; i < n_stacks; i++)
        if (n_waiters[i])
            groups[n++] = (struct group){.stack = &stacks[i], .count = n_waiters[i]};
    assert_int_equal(growth_update(growth, now_ns, 2, groups, n), 0);
    for (size_t i = 0; i < n; i++)
        if (groups[i].stack->id == id)
            found = groups[i];
    return found;
}

static struct group scan_one(struct growth *growth, uint64_t now_ns, uint64_t count)
{
    return scan(growth, now_ns, &count, 1, 0);
}

static void test_growing_takes_three_scans(void **state)
{
    struct group group;

    assert_false(scan_one(*state, 10, 5).growing);
    assert_false(scan_one(*state, 20, 6).growing);
    group = scan_one(*state, 35, 6);
    assert_true(group.growing);
    assert_int_equal(group.first_count, 5);
    assert_int_equal(group.min_count, 5);
    assert_int_equal(group.max_count, 6);
    assert_int_equal(group.observed_ns, 25);
}

static void test_standing_is_not_growing(void **state)
{
    for (uint64_t i = 0; i < 5; i++)
        assert_false(scan_one(*state, i, 5).growing);
}

static void test_shrinking_once_ends_it(void **state)
{
    struct group group;

    scan_one(*state, 1, 5);
    scan_one(*state, 2, 9);
    scan_one(*state, 3, 8);
    group = scan_one(*state, 4, 100);
    assert_false(group.growing);
    assert_int_equal(group.min_count, 5);
    assert_int_equal(group.max_count, 100);
    assert_int_equal(scan_one(*state, 5, 2).min_count, 2);
}

static void test_gone_is_forgotten(void **state)
{
    struct group group;

    scan_one(*state, 1, 5);
    scan_one(*state, 2, 0);
    group = scan_one(*state, 3, 2);
    assert_int_equal(group.first_count, 2);
    assert_int_equal(group.observed_ns, 0);
}

/* Two series: the first two have them, keep them when others outgrow them, and leave them free. */
static void test_series_stay(void **state)
{
    assert_true(scan(*state, 1, (uint64_t[]){9, 8, 7}, 3, 0).has_series);
    assert_true(scan(*state, 2, (uint64_t[]){9, 8, 7}, 3, 1).has_series);
    assert_false(scan(*state, 3, (uint64_t[]){1, 1, 70}, 3, 2).has_series);
    assert_true(scan(*state, 4, (uint64_t[]){1, 1, 70}, 3, 1).has_series);
    assert_true(scan(*state, 5, (uint64_t[]){1, 0, 70}, 3, 2).has_series);
    assert_false(scan(*state, 6, (uint64_t[]){1, 9, 70}, 3, 1).has_series);
    assert_true(scan(*state, 7, (uint64_t[]){1, 9, 70}, 3, 0).has_series);
}

/* The order of groups decides who gets a free one. */
static void test_series_go_to_the_first(void **state)
{
    struct group groups[3] = {{.stack = &stacks[6], .count = 9},
                              {.stack = &stacks[2], .count = 5},
                              {.stack = &stacks[4], .count = 5}};

    assert_int_equal(growth_update(*state, 1, 1, groups, 3), 0);
    assert_true(groups[0].has_series);
    assert_false(groups[1].has_series);
    assert_int_equal(growth_update(*state, 2, 2, groups, 3), 0);
    assert_true(groups[1].has_series);
    assert_false(groups[2].has_series);
    assert_int_equal(growth_update(*state, 3, 0, groups, 3), 0);
    assert_true(groups[0].has_series);
}

/* One scan of stacks 0, 1, ...: an "i" is idle by design, any other is not, "-": no such group.
 * They come with the most waiters first. Returns who has one of `max_series`, "*" for each. */
static const char *series_of(struct growth *growth, size_t max_series, const char *stacks_there)
{
    static char owners[GROUPS_MAX + 1];
    struct group groups[GROUPS_MAX] = {0};
    size_t n = 0;

    for (size_t i = 0; stacks_there[i]; i++)
        if (stacks_there[i] != '-')
            groups[n++] = (struct group){
                .stack = &stacks[i],
                .count = GROUPS_MAX - i,
                .idle_rule = stacks_there[i] == 'i' ? "sleep" : NULL,
            };
    assert_int_equal(growth_update(growth, 1, max_series, groups, n), 0);
    n = 0;
    for (size_t i = 0; stacks_there[i]; i++)
        owners[i] = stacks_there[i] != '-' && groups[n++].has_series ? '*' : '.';
    owners[strlen(stacks_there)] = '\0';
    return owners;
}

static void test_series_go_to_idle_ones_last(void **state)
{
    assert_string_equal(series_of(*state, 3, "iinin"), "*.*.*");
}

/* A leak that begins when all series are taken gets that of the idle group with the fewest waiters;
 * those of groups that are not idle stay, whoever has more waiters. */
static void test_idle_ones_give_way(void **state)
{
    assert_string_equal(series_of(*state, 3, "---iin"), "...***");
    assert_string_equal(series_of(*state, 3, "n--iin"), "*..*.*");
    assert_string_equal(series_of(*state, 3, "nn-iin"), "**...*");
    assert_string_equal(series_of(*state, 3, "nnniin"), "**...*");
    assert_string_equal(series_of(*state, 3, "nnniin"), "**...*");
}

/* A group that comes and goes makes no idle one's series come and go with it. */
static void test_idle_ones_give_way_once(void **state)
{
    assert_string_equal(series_of(*state, 1, "i"), "*");
    assert_string_equal(series_of(*state, 1, "in"), ".*");
    assert_string_equal(series_of(*state, 1, "i-"), "..");
    assert_string_equal(series_of(*state, 1, "i-i"), "..*");
    assert_string_equal(series_of(*state, 1, "--i"), "..*");
    assert_string_equal(series_of(*state, 2, "i-i"), "*.*");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_growing_takes_three_scans),
        TEST(test_standing_is_not_growing),
        TEST(test_shrinking_once_ends_it),
        TEST(test_gone_is_forgotten),
        TEST(test_series_stay),
        TEST(test_series_go_to_the_first),
        TEST(test_series_go_to_idle_ones_last),
        TEST(test_idle_ones_give_way),
        TEST(test_idle_ones_give_way_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
