/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of user/monitor/target.c: the memory that several targets share. What a target makes of its
 * messages is in test_store.c. */
#include "monitor/target.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define POOL    ((size_t)1 << 20)
#define MANY    100000 /* samples: more than one's own and the pool hold */
#define FEW     10000  /* that one's own holds */
#define TARGETS 2

struct fixture {
    struct store_options options;
    size_t pool;
    struct target targets[TARGETS];
};

static int take(struct target *target, uint32_t type, const void *payload, size_t length)
{
    const struct wire_header header = {.type = type, .length = (uint32_t)length};

    return target_take_analyst(target, &header, payload);
}

static void name(struct target *target)
{
    const struct wire_stack stack = {.id = 1, .reason = 1};

    assert_int_equal(take(target, WIRE_STRING, "\1\0\0\0sleep", 9), 0);
    assert_int_equal(take(target, WIRE_STACK, &stack, sizeof(stack)), 0);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->pool = POOL;
    for (uint32_t i = 0; i < TARGETS; i++) {
        target_init(&fixture->targets[i], &fixture->options, &fixture->pool);
        target_take_target(&fixture->targets[i], &(struct wire_target){.index = i, .up = 1});
        name(&fixture->targets[i]);
    }
    *state = fixture;
    return 0;
}

/* All that was taken comes back. */
static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    for (size_t i = 0; i < TARGETS; i++) {
        target_free(&fixture->targets[i]);
        assert_int_equal(fixture->targets[i].budget.used, 0);
    }
    assert_int_equal(fixture->pool, POOL);
    free(fixture);
    return 0;
}

/* `n` samples one after the other. Returns how many there are then. */
static size_t put(struct target *target, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct sample sample = {.id = 1 + i, .stack_id = 1};

        assert_int_equal(take(target, WIRE_PUT, &sample, sizeof(sample)), 0);
    }
    return target->samples.n;
}

static void drop(struct target *target, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct wire_key key = {.id = 1 + i};

        assert_int_equal(take(target, WIRE_DROP, &key, sizeof(key)), 0);
    }
}

static void test_one_leaves_others_theirs(void **state)
{
    struct fixture *fixture = *state;
    struct target *greedy = &fixture->targets[0], *modest = &fixture->targets[1];
    const size_t kept = put(greedy, MANY);

    assert_in_range(kept, FEW, MANY - 1);
    assert_int_equal(greedy->own.count[LOSS_samples_capped], MANY - kept);
    assert_true(greedy->budget.used <= BUDGET_OWN + POOL);
    assert_int_equal(put(modest, FEW), FEW);
    assert_int_equal(modest->own.count[LOSS_samples_capped], 0);
}

/* A table keeps its room, so what was dropped is no room for anything else. */
static void test_dropped_samples_stay_counted(void **state)
{
    struct fixture *fixture = *state;
    struct target *target = &fixture->targets[0];
    const size_t kept = put(target, MANY), used = target->budget.used;

    drop(target, MANY);
    assert_int_equal(target->samples.n, 0);
    assert_int_equal(target->budget.used, used);
    assert_int_equal(put(target, MANY), kept);
    assert_int_equal(target->budget.used, used);
}

static void test_another_analyst_begins_anew(void **state)
{
    struct fixture *fixture = *state;
    struct target *target = &fixture->targets[0];
    const size_t kept = put(target, MANY);

    target_reset_analyst(target);
    name(target);
    assert_int_equal(put(target, MANY), kept);
}

/* As many as are kept: what they wait on may be as many things. */
static void test_what_is_told_once_is_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct target *target = &fixture->targets[0];
    const size_t kept = put(&fixture->targets[1], MANY);
    const uint64_t time_ns = 1;
    size_t used;

    target_reset_analyst(&fixture->targets[1]);
    assert_int_equal(take(target, WIRE_LOOK, &time_ns, sizeof(time_ns)), 0);
    for (size_t i = 0; i < MANY; i++) {
        const struct sample sample = {.id = 1 + i, .stack_id = 1, .kind = SAMPLE_GOROUTINE};

        assert_int_equal(take(target, WIRE_PUT, &sample, sizeof(sample)), 0);
    }
    assert_int_equal(target->samples.n, 0);
    assert_int_equal(target->n_counted, kept);
    assert_int_equal(target->own.count[LOSS_samples_capped], MANY - kept);
    used = target->budget.used;
    target_reset_analyst(target);
    assert_true(target->budget.used < used);
    assert_int_equal(target->n_counted, 0);
}

/* Distinct stacks and names are counted, too. */
static void test_stacks_and_strings(void **state)
{
    struct fixture *fixture = *state;
    struct target *target = &fixture->targets[0];
    char string[sizeof(uint32_t) + WIRE_STRING_MAX];
    uint32_t id = 1;

    memset(string, 'x', sizeof(string));
    while (!target->own.count[LOSS_strings_capped]) {
        id++;
        memcpy(string, &id, sizeof(id));
        assert_int_equal(take(target, WIRE_STRING, string, sizeof(string)), 0);
    }
    assert_in_range(id, (BUDGET_OWN + POOL) / WIRE_STRING_MAX / 2,
                    (BUDGET_OWN + POOL) / WIRE_STRING_MAX);
    assert_int_equal(take(target, WIRE_STACK, &(struct wire_stack){.id = 2, .reason = 1},
                          sizeof(struct wire_stack)),
                     0);
    assert_int_equal(target->own.count[LOSS_stacks_capped], 1);
    assert_true(target->budget.used <= BUDGET_OWN + POOL);
}

/* One that is refused takes nothing. */
static void test_refused_stacks_take_nothing(void **state)
{
    struct fixture *fixture = *state;
    struct target *target = &fixture->targets[0];
    const size_t used = target->budget.used;
    const struct wire_stack unknown = {.id = 2, .reason = 77};

    assert_int_equal(take(target, WIRE_STACK, &unknown, sizeof(unknown)), -EBADMSG);
    assert_int_equal(target->budget.used, used);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_one_leaves_others_theirs),    TEST(test_dropped_samples_stay_counted),
        TEST(test_another_analyst_begins_anew), TEST(test_stacks_and_strings),
        TEST(test_refused_stacks_take_nothing), TEST(test_what_is_told_once_is_bounded),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
