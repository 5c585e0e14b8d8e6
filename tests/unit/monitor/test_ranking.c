/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/ranking.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define GROUPS_MAX 100

/* Groups as a report has them, each of a stack of its own. */
struct scene {
    struct ranking ranking;
    struct stack stacks[GROUPS_MAX];
    struct group groups[GROUPS_MAX];
    size_t n;
    struct ranking_counts counts;
};

static struct group *add(struct scene *scene, const char *site, uint64_t count)
{
    struct stack *stack = &scene->stacks[scene->n];
    struct group *group = &scene->groups[scene->n];

    *stack = (struct stack){.id = scene->n + 1, .kind = SAMPLE_THREAD, .reason = "futex wait"};
    *group = (struct group){.stack = stack, .count = count};
    snprintf(group->site, sizeof(group->site), "%s", site);
    scene->n++;
    return group;
}

/* `n` sites with as many waiters each. */
static void add_sites(struct scene *scene, const char *name, size_t n, uint64_t count)
{
    char site[64];

    for (size_t i = 0; i < n; i++) {
        snprintf(site, sizeof(site), "%s_%zu", name, i);
        add(scene, site, count);
    }
}

static void take(struct scene *scene)
{
    assert_int_equal(ranking_take(&scene->ranking, scene->groups, scene->n, &scene->counts), 0);
}

/* The column of a site, or RANKING_OWN. */
static size_t column_of(const struct scene *scene, const char *site)
{
    size_t i = 0;

    while (i < RANKING_OWN &&
           (!scene->ranking.own[i].key || strcmp(scene->ranking.own[i].site, site)))
        i++;
    return i;
}

static uint64_t sum(const struct scene *scene)
{
    uint64_t total = 0;

    for (size_t i = 0; i < RANKING_COLUMNS; i++)
        total += scene->counts.waiters[i];
    return total;
}

static bool any_cleared(const struct scene *scene)
{
    for (size_t i = 0; i < RANKING_OWN; i++)
        if (scene->counts.cleared[i])
            return true;
    return false;
}

static void counts_stacks_of_one_site_together(void **state)
{
    struct scene scene = {0};
    size_t column;

    (void)state;
    add(&scene, "main.leak main.go:7", 3);
    add(&scene, "main.leak main.go:7", 4);
    take(&scene);
    column = column_of(&scene, "main.leak main.go:7");
    assert_true(column < RANKING_SITES_MAX);
    assert_int_equal(scene.counts.waiters[column], 7);
    assert_int_equal(sum(&scene), 7);
    assert_string_equal(scene.ranking.own[column].reason, "futex wait");
}

static void tells_reasons_kinds_and_idleness_apart(void **state)
{
    struct scene scene = {0};
    size_t n = 0;

    (void)state;
    add(&scene, "f", 1);
    add(&scene, "f", 2)->idle_rule = "redis";
    add(&scene, "f", 4);
    scene.stacks[2].kind = SAMPLE_GOROUTINE;
    add(&scene, "f", 8);
    scene.stacks[3].reason = "futex lock";
    take(&scene);
    for (size_t i = 0; i < RANKING_OWN; i++)
        n += scene.ranking.own[i].key != 0;
    assert_int_equal(n, 4);
    assert_int_equal(scene.counts.waiters[RANKING_SITES_MAX], 2);
    assert_true(ranking_is_idle(RANKING_SITES_MAX));
    assert_int_equal(sum(&scene), 15);
}

static void a_column_stays_with_its_site(void **state)
{
    struct scene scene = {0};
    size_t column;

    (void)state;
    add(&scene, "f", 5);
    add(&scene, "g", 6);
    take(&scene);
    column = column_of(&scene, "g");
    scene.n = 0;
    add(&scene, "h", 9);
    add(&scene, "g", 1);
    take(&scene);
    assert_int_equal(column_of(&scene, "g"), column);
    assert_int_equal(scene.counts.waiters[column], 1);
    assert_int_equal(scene.counts.waiters[column_of(&scene, "f")], 0);
    assert_int_equal(scene.counts.waiters[column_of(&scene, "h")], 9);
    assert_false(any_cleared(&scene));
}

static void sums_up_what_has_no_column(void **state)
{
    struct scene scene = {0};

    (void)state;
    add_sites(&scene, "busy", RANKING_SITES_MAX, 10);
    take(&scene);
    add_sites(&scene, "small", 5, 2);
    for (size_t i = 0; i < RANKING_IDLE_MAX + 3; i++) {
        char site[16];

        snprintf(site, sizeof(site), "idle_%zu", i);
        add(&scene, site, 1)->idle_rule = "redis";
    }
    take(&scene);
    assert_int_equal(scene.counts.waiters[RANKING_OTHER], 10);
    assert_int_equal(scene.counts.waiters[RANKING_OTHER_IDLE], 3);
    assert_int_equal(sum(&scene), RANKING_SITES_MAX * 10 + 10 + RANKING_IDLE_MAX + 3);
    assert_false(any_cleared(&scene));
}

static void a_site_that_grows_takes_the_column_of_the_least(void **state)
{
    struct scene scene = {0};
    size_t column;

    (void)state;
    add_sites(&scene, "busy", RANKING_SITES_MAX - 1, 30);
    add(&scene, "least", 20);
    take(&scene);
    column = column_of(&scene, "least");
    add(&scene, "leak", 20);
    take(&scene);
    assert_int_equal(column_of(&scene, "leak"), RANKING_OWN);
    assert_int_equal(scene.counts.waiters[RANKING_OTHER], 20);

    scene.groups[scene.n - 1].count = 21;
    take(&scene);
    assert_int_equal(column_of(&scene, "leak"), column);
    assert_int_equal(column_of(&scene, "least"), RANKING_OWN);
    assert_true(scene.counts.cleared[column]);
    assert_int_equal(scene.counts.waiters[column], 21);
    assert_int_equal(scene.counts.waiters[RANKING_OTHER], 20);
    assert_int_equal(sum(&scene), (RANKING_SITES_MAX - 1) * 30 + 41);
    take(&scene);
    assert_false(any_cleared(&scene));
}

static void what_was_full_for_a_moment_gives_way(void **state)
{
    struct scene scene = {0};
    size_t scans = 0;

    (void)state;
    add_sites(&scene, "burst", RANKING_SITES_MAX, 1000);
    take(&scene);
    scene.n = 0;
    add(&scene, "leak", 20);
    while (column_of(&scene, "leak") == RANKING_OWN) {
        assert_true(++scans < 720); /* an hour at 5 s */
        take(&scene);
    }
    assert_true(scans > 12);
}

static void quiet_for_some_scans_keeps_its_column(void **state)
{
    struct scene scene = {0};
    size_t column;

    (void)state;
    add_sites(&scene, "busy", RANKING_SITES_MAX, 30);
    take(&scene);
    column = column_of(&scene, "busy_3");
    scene.n = 0;
    add(&scene, "small", 25);
    for (size_t i = 0; i < 10; i++)
        take(&scene);
    assert_int_equal(column_of(&scene, "busy_3"), column);
    assert_int_equal(scene.counts.waiters[RANKING_OTHER], 25);
}

static void no_groups_are_zeros(void **state)
{
    struct scene scene = {0};

    (void)state;
    take(&scene);
    assert_int_equal(sum(&scene), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_stacks_of_one_site_together),
        cmocka_unit_test(tells_reasons_kinds_and_idleness_apart),
        cmocka_unit_test(a_column_stays_with_its_site),
        cmocka_unit_test(sums_up_what_has_no_column),
        cmocka_unit_test(a_site_that_grows_takes_the_column_of_the_least),
        cmocka_unit_test(what_was_full_for_a_moment_gives_way),
        cmocka_unit_test(quiet_for_some_scans_keeps_its_column),
        cmocka_unit_test(no_groups_are_zeros),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
