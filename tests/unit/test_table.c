/* SPDX-License-Identifier: Apache-2.0 */
/* The set with a dense array, against a plain array of flags. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>

#include "room.h"
#include "table.h"

#define KEYS 4096

struct item {
    uint64_t id;
    uint64_t value;
};

static unsigned n_looks; /* at elements */

static struct table_key item_key(const void *element)
{
    n_looks++;
    return (struct table_key){.high = 1, .low = ((const struct item *)element)->id};
}

static const struct table_type items = {.size = sizeof(struct item), .max = KEYS, .key = item_key};

static struct table_key key_of(uint64_t id)
{
    return (struct table_key){.high = 1, .low = id};
}

static void test_empty(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, &items);
    assert_null(table_find(&table, key_of(1)));
    table_clear(&table);
    assert_null(table_find(&table, key_of(1)));
}

static void test_both_words_are_the_key(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, &items);
    assert_int_equal(table_add(&table, &(struct item){.id = 5}, NULL), 0);
    assert_non_null(table_find(&table, key_of(5)));
    assert_null(table_find(&table, (struct table_key){.high = 2, .low = 5}));
    table_clear(&table);
}

static void test_taken(void **state)
{
    struct table table;
    struct item *taken;
    size_t bytes;

    (void)state;
    table_init(&table, &items);
    assert_null(table_take(&table, &bytes));
    assert_int_equal(bytes, 0);
    for (uint64_t i = 0; i < KEYS; i++)
        assert_int_equal(table_add(&table, &(struct item){.id = i, .value = i * i}, NULL), 0);
    taken = table_take(&table, &bytes);
    assert_true(bytes >= KEYS * sizeof(*taken));
    for (uint64_t i = 0; i < KEYS; i++)
        assert_true(taken[i].id == i && taken[i].value == i * i);
    room_free(taken, bytes);
    assert_null(table_find(&table, key_of(1)));
    assert_int_equal(table_add(&table, &(struct item){.id = 1}, NULL), 0);
    assert_non_null(table_find(&table, key_of(1)));
    table_clear(&table);
}

static void test_bound(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, &items);
    for (uint64_t i = 0; i < KEYS; i++)
        assert_int_equal(table_add(&table, &(struct item){.id = i}, NULL), 0);
    assert_int_equal(table_add(&table, &(struct item){.id = KEYS}, NULL), -ENOSPC);
    assert_int_equal(table.n, KEYS);
    assert_null(table_find(&table, key_of(KEYS)));
    table_clear(&table);
}

static void check(const struct table *table, const uint64_t *values)
{
    uint32_t n = 0;

    for (uint64_t id = 0; id < KEYS; id++) {
        const struct item *item = table_find(table, key_of(id));

        n += values[id] != 0;
        assert_int_equal(item ? item->value : 0, values[id]);
    }
    assert_int_equal(table->n, n);
}

/* Adds and removes at random, with keys so close and so many that probes run into each other. */
static void test_random(void **state)
{
    uint64_t values[KEYS] = {0};
    struct table table;

    (void)state;
    table_init(&table, &items);
    srandom(1);
    for (uint64_t i = 1; i <= 200000; i++) {
        uint64_t id = (uint64_t)random() % KEYS;

        if (values[id]) {
            table_remove(&table, table_find(&table, key_of(id)));
            values[id] = 0;
        } else {
            void *place;

            assert_int_equal(table_add(&table, &(struct item){id, i}, &place), 0);
            assert_int_equal(((struct item *)place)->value, i);
            values[id] = i;
        }
        if (i % 20000 == 0)
            check(&table, values);
    }
    table_clear(&table);
}

/* From a place that is right, one that is another's by now, and one that there is not. */
static void test_runs(void **state)
{
    struct table table;
    uint32_t position = 0;
    struct item *found;

    (void)state;
    table_init(&table, &items);
    assert_null(table_find_run(&table, key_of(0), &position));
    for (uint64_t i = 0; i < KEYS; i++)
        assert_int_equal(table_add(&table, &(struct item){.id = i, .value = i * i}, NULL), 0);
    found = table_find_run(&table, key_of(KEYS - 1), &position);
    assert_int_equal(found->value, (KEYS - 1) * (KEYS - 1));
    assert_int_equal(position, KEYS - 1);
    n_looks = 0;
    assert_ptr_equal(table_find_run(&table, key_of(KEYS - 1), &position), found);
    assert_int_equal(n_looks, 1);
    assert_null(table_find_run(&table, key_of(KEYS), &position));
    assert_int_equal(position, KEYS - 1);
    table_remove(&table, table_find(&table, key_of(7)));
    found = table_find_run(&table, key_of(KEYS - 1), &position);
    assert_int_equal(found->value, (KEYS - 1) * (KEYS - 1));
    assert_int_equal(position, 7);
    assert_null(table_find_run(&table, key_of(7), &position));
    table_clear(&table);
    assert_null(table_find_run(&table, key_of(KEYS - 1), &position));
}

static void add(struct table *table, uint64_t *values, uint64_t id)
{
    values[id] = id + 1;
    assert_int_equal(table_add(table, &(struct item){id, id + 1}, NULL), 0);
}

static void drop(struct table *table, uint64_t *values, uint64_t id)
{
    values[id] = 0;
    table_remove(table, table_find(table, key_of(id)));
}

/* Until the index has just become too small, and what it had is not where it belongs yet. */
static uint64_t fill(struct table *table, uint64_t *values, uint64_t n)
{
    uint64_t id = 0;

    while (id < n || !table->unmoved)
        add(table, values, id++);
    return id;
}

/* From the front, where elements wait to be moved, from the end, where they are moved first, and at
 * random; then the same keys anew. */
static void test_removed_while_the_index_grows(void **state)
{
    (void)state;
    for (unsigned order = 0; order < 3; order++) {
        uint64_t values[KEYS] = {0};
        struct table table;
        uint64_t n;

        table_init(&table, &items);
        srandom(order);
        n = fill(&table, values, KEYS / 8);
        for (uint64_t left = n; left; left--) {
            const uint32_t at = order < 2 ? order * (table.n - 1) : (uint32_t)random() % table.n;

            drop(&table, values, ((const struct item *)table.elements)[at].id);
            check(&table, values);
        }
        for (uint64_t id = 0; id < n; id++)
            add(&table, values, id);
        check(&table, values);
        table_clear(&table);
    }
}

#define RUNS 20

/* Some come, more go, at random: what waits to be moved goes on being found, and what is gone not.
 */
static void test_changed_while_the_index_grows(void **state)
{
    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        uint64_t values[KEYS] = {0};
        struct table table;
        uint64_t id;

        table_init(&table, &items);
        srandom(run);
        id = fill(&table, values, KEYS / 8);
        while (table.unmoved) {
            const struct item *all = table.elements;

            if (random() % 3)
                drop(&table, values, all[(uint64_t)random() % table.n].id);
            else
                add(&table, values, id++);
            check(&table, values);
        }
        table_clear(&table);
    }
}

#define MANY 200000
#define LOOKS_MAX                                                                                  \
    1000 /* by one call: of those beside one another in the index, and of some to move */

static const struct table_type many_items = {
    .size = sizeof(struct item), .max = MANY, .key = item_key};

/* However large a table is, no addition to it takes longer than another. */
static void test_grows_in_pieces(void **state)
{
    struct table table;

    (void)state;
    table_init(&table, &many_items);
    for (uint64_t id = 0; id < MANY; id++) {
        n_looks = 0;
        assert_int_equal(table_add(&table, &(struct item){.id = id}, NULL), 0);
        assert_in_range(n_looks, 1, LOOKS_MAX);
    }
    for (uint64_t id = MANY; id-- > 0;) {
        void *item = table_find(&table, key_of(id));

        n_looks = 0;
        table_remove(&table, item);
        assert_in_range(n_looks, 1, LOOKS_MAX);
    }
    table_clear(&table);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_empty),
        cmocka_unit_test(test_both_words_are_the_key),
        cmocka_unit_test(test_taken),
        cmocka_unit_test(test_bound),
        cmocka_unit_test(test_runs),
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_removed_while_the_index_grows),
        cmocka_unit_test(test_changed_while_the_index_grows),
        cmocka_unit_test(test_grows_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
