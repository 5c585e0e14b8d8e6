/* SPDX-License-Identifier: Apache-2.0 */
/* Groups: totals, ages and their bounds, who counts, what is waited on. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "monitor/group.h"

#define SECOND 1000000000ULL
#define NOW    (1000 * SECOND)

/* Strings 1 "futex lock", 2 "write", 3 "flush", 4 "/src/cache.c", 5 "unbuffered", 6 "closed",
 * 7 "unbuffered" again; stack 1 without frames, stack 2 in flush(), stack 3 of goroutines. */
static const struct idle no_patterns;

struct fixture {
    size_t pool;
    struct budget budget;
    struct names *names;
    struct losses losses;
    struct table samples;
    struct groups groups;
    struct group_policy policy;
};

static void add_string(struct fixture *fixture, uint32_t id, const char *text)
{
    char payload[64];

    memcpy(payload, &id, sizeof(id));
    memcpy(payload + sizeof(id), text, strlen(text));
    assert_int_equal(
        names_add_string(fixture->names, payload, sizeof(id) + strlen(text), &fixture->losses), 0);
}

static void add_stack(struct fixture *fixture, uint64_t id, enum sample_kind kind, uint32_t reason,
                      uint32_t n_frames)
{
    const struct {
        struct wire_stack stack;
        struct wire_frame frame;
    } message = {
        .stack = {.id = id, .kind = kind, .reason = reason, .n_frames = n_frames},
        .frame = {.function = 3, .file = 4, .line = 88},
    };

    assert_int_equal(names_add_stack(fixture->names, &message, &fixture->losses), 0);
}

static int set_up(void **state)
{
    static const char *const strings[] = {"futex lock", "write",  "flush",     "/src/cache.c",
                                          "unbuffered", "closed", "unbuffered"};
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->pool = BUDGET_POOL;
    fixture->budget.pool = &fixture->pool;
    assert_int_equal(names_new(&no_patterns, &fixture->budget, &fixture->names), 0);
    for (uint32_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        add_string(fixture, i + 1, strings[i]);
    add_stack(fixture, 1, SAMPLE_THREAD, 1, 0);
    add_stack(fixture, 2, SAMPLE_THREAD, 2, 1);
    add_stack(fixture, 3, SAMPLE_GOROUTINE, 2, 1);
    table_init(&fixture->samples, &samples_type);
    fixture->policy = (struct group_policy){.now_ns = NOW, .threshold_ns = 10 * SECOND};
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    groups_free(&fixture->groups);
    table_clear(&fixture->samples);
    names_free(&fixture->names);
    free(fixture);
    return 0;
}

static void add(struct fixture *fixture, struct sample sample)
{
    assert_int_equal(table_add(&fixture->samples, &sample, NULL), 0);
}

/* Returns the number of steps. */
static unsigned group(struct fixture *fixture, struct groups *ret_groups)
{
    struct grouping *grouping;
    unsigned n = 1;
    int r;

    assert_int_equal(grouping_new(&fixture->samples, fixture->names, &fixture->policy, &grouping),
                     0);
    for (; (r = grouping_step(grouping)) == 1; n++)
        ;
    assert_int_equal(r, 0);
    grouping_take(grouping, ret_groups);
    grouping_free(&grouping);
    return n;
}

static const struct groups *build(struct fixture *fixture)
{
    groups_free(&fixture->groups);
    group(fixture, &fixture->groups);
    return &fixture->groups;
}

static struct sample aged(uint64_t id, uint64_t stack_id, uint64_t seconds)
{
    return (struct sample){
        .id = id,
        .stack_id = stack_id,
        .kind = stack_id == 3 ? SAMPLE_GOROUTINE : SAMPLE_THREAD,
        .since_ns = NOW - seconds * SECOND,
        .seen_ns = NOW - seconds * SECOND,
    };
}

static void test_no_samples(void **state)
{
    assert_int_equal(build(*state)->n, 0);
}

/* The oldest are listed, in whatever order they come; of equal ones those with the lower ids. */
static void test_listed_waiters(void **state)
{
    const struct group *group;

    for (uint64_t i = 0; i < 101; i++)
        add(*state, aged(1 + i * 37 % 101, 1, 20 + i * 37 % 101 / 4));
    group = &build(*state)->list[0];
    assert_int_equal(group->count, 101);
    assert_int_equal(group->n_waiters, GROUP_WAITERS_MAX);
    assert_int_equal(group->waiters[0].id, 101);
    for (uint64_t i = 1; i < GROUP_WAITERS_MAX; i++) {
        assert_int_equal(group->waiters[i].id, 97 - (i - 1) / 4 * 4 + (i - 1) % 4);
        assert_int_equal(group->waiters[i].age_ns, (20 + (group->waiters[i].id - 1) / 4) * SECOND);
    }
}

static void test_totals(void **state)
{
    const struct groups *groups;

    for (uint64_t i = 0; i < 3; i++) {
        struct sample sample = aged(i + 1, 1, 20 + i);

        sample.rewaits = 10;
        sample.memory_bytes = 8192;
        add(*state, sample);
    }
    add(*state, aged(9, 1, 9)); /* below the threshold */
    groups = build(*state);
    assert_int_equal(groups->n, 1);
    assert_int_equal(groups->n_parked[SAMPLE_THREAD], 3);
    assert_int_equal(groups->n_parked[SAMPLE_GOROUTINE], 0);
    assert_int_equal(groups->list[0].count, 3);
    assert_int_equal(groups->list[0].oldest_ns, 22 * SECOND);
    assert_int_equal(groups->list[0].n_waiters, 3);
    for (uint64_t i = 0; i < 3; i++) {
        assert_int_equal(groups->list[0].waiters[i].id, 3 - i);
        assert_int_equal(groups->list[0].waiters[i].age_ns, (22 - i) * SECOND);
    }
    assert_int_equal(groups->list[0].newest_ns, 20 * SECOND);
    assert_int_equal(groups->list[0].rewaits, 30);
    assert_int_equal(groups->list[0].memory_bytes, 3 * 8192);
    assert_string_equal(groups->list[0].site, "[unknown]");
    assert_null(groups->list[0].idle_rule);
}

static void test_threshold_is_reached_exactly(void **state)
{
    add(*state, aged(1, 1, 10));
    assert_int_equal(build(*state)->n, 1);
}

static void test_order(void **state)
{
    struct fixture *fixture = *state;
    const struct groups *groups;

    add_stack(fixture, 4, SAMPLE_THREAD, 1, 0);
    add_stack(fixture, 5, SAMPLE_THREAD, 1, 0);
    add(fixture, aged(1, 5, 30));
    add(fixture, aged(2, 4, 30));
    add(fixture, aged(3, 1, 31));
    add(fixture, aged(4, 2, 11));
    add(fixture, aged(5, 2, 11));
    groups = build(fixture);
    assert_int_equal(groups->n, 4);
    assert_int_equal(groups->list[0].stack->id, 2);
    assert_int_equal(groups->list[1].stack->id, 1);
    assert_int_equal(groups->list[2].stack->id, 4);
    assert_int_equal(groups->list[3].stack->id, 5);
}

static void test_bounds(void **state)
{
    struct sample oldest = aged(1, 1, 50);
    struct sample proven = aged(2, 1, 40);

    oldest.seen_ns = NOW - 20 * SECOND;
    oldest.not_before_ns = NOW - 60 * SECOND;
    add(*state, oldest);
    proven.not_before_ns = NOW - 90 * SECOND;
    add(*state, proven);
    build(*state);
    assert_int_equal(((struct fixture *)*state)->groups.list[0].at_least_ns, 40 * SECOND);
    assert_int_equal(((struct fixture *)*state)->groups.list[0].at_most_ns, 60 * SECOND);
}

/* Of those that seem equally old the one that may be oldest counts; without a bound it has none. */
static void test_bounds_of_equals(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = aged(1, 1, 50);

    sample.not_before_ns = NOW - 60 * SECOND;
    add(fixture, sample);
    sample.id = 2;
    sample.not_before_ns = NOW - 70 * SECOND;
    add(fixture, sample);
    assert_int_equal(build(fixture)->list[0].at_most_ns, 70 * SECOND);
    sample.id = 3;
    sample.not_before_ns = 0;
    add(fixture, sample);
    sample.id = 4;
    sample.not_before_ns = NOW - 65 * SECOND;
    add(fixture, sample);
    assert_int_equal(build(fixture)->list[0].at_most_ns, -1);
}

/* Whatever an analyst says: at least <= oldest <= at most, and no age is negative. */
static void test_contradictions(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = aged(1, 1, 50);
    const struct group *group;

    sample.seen_ns = NOW - 70 * SECOND;
    sample.not_before_ns = NOW - 20 * SECOND;
    add(fixture, sample);
    group = build(fixture)->list;
    assert_int_equal(group->at_least_ns, 50 * SECOND);
    assert_int_equal(group->at_most_ns, 50 * SECOND);

    sample = (struct sample){.id = 2, .stack_id = 2};
    sample.since_ns = sample.seen_ns = sample.not_before_ns = UINT64_MAX;
    fixture->policy.threshold_ns = 0;
    add(fixture, sample);
    group = &build(fixture)->list[1];
    assert_int_equal(group->oldest_ns, 0);
    assert_int_equal(group->newest_ns, 0);
    assert_int_equal(group->at_least_ns, 0);
    assert_int_equal(group->at_most_ns, 0);
}

static void test_goroutines_by_proof(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = aged(1, 3, 50);

    fixture->policy.proven = true;
    fixture->policy.throughout_ns = NOW;
    sample.seen_ns = NOW - 9 * SECOND;
    add(fixture, sample);
    assert_int_equal(build(fixture)->n_parked[SAMPLE_GOROUTINE], 0);
    add(fixture, aged(2, 3, 10));
    assert_int_equal(build(fixture)->n_parked[SAMPLE_GOROUTINE], 1);
    fixture->policy.threshold_ns = 0;
    assert_int_equal(build(fixture)->n_parked[SAMPLE_GOROUTINE], 2);
}

static void test_goroutines_by_what_may_be(void **state)
{
    struct fixture *fixture = *state;
    struct sample sample = aged(1, 3, 2);

    fixture->policy.throughout_ns = NOW - 2 * SECOND;
    add(fixture, sample);
    sample.id = 2;
    sample.not_before_ns = NOW - 9 * SECOND; /* cannot be that old */
    add(fixture, sample);
    sample = aged(3, 3, 1); /* was not there from the start */
    add(fixture, sample);
    assert_int_equal(build(fixture)->n_parked[SAMPLE_GOROUTINE], 1);
}

static void add_waiting(struct fixture *fixture, uint64_t id, uint64_t object, uint32_t detail,
                        uint32_t owner)
{
    struct sample sample = aged(id, 1, 20);

    sample.object_kind = OBJECT_FUTEX;
    sample.object = object;
    sample.detail = detail;
    sample.owner = owner;
    add(fixture, sample);
}

static void test_waits(void **state)
{
    const struct group *group;

    add_waiting(*state, 1, 0x30, 0, 0);
    add_waiting(*state, 2, 0x10, 5, 0);
    add_waiting(*state, 3, 0x20, 0, 0);
    add_waiting(*state, 4, 0x20, 6, 77);
    add(*state, aged(5, 1, 20)); /* on nothing that is known */
    group = build(*state)->list;
    assert_int_equal(group->count, 5);
    assert_int_equal(group->n_objects, 3);
    assert_int_equal(group->n_waits, 3);
    assert_int_equal(group->waits[0].object, 0x20);
    assert_int_equal(group->waits[0].count, 2);
    assert_int_equal(group->waits[0].kind, OBJECT_FUTEX);
    assert_int_equal(group->waits[0].owner, 77);
    assert_string_equal(group->waits[0].detail, "closed");
    assert_null(group->waits[0].owner_text);
    assert_int_equal(group->waits[1].object, 0x10);
    assert_int_equal(group->waits[2].object, 0x30);
    assert_null(group->waits[2].detail);
    assert_false(group->same_detail);
}

/* Only so many are listed, the most waited-on; all are counted, and their details compared. */
static void test_more_waits_than_listed(void **state)
{
    struct fixture *fixture = *state;
    const struct group *group;
    uint64_t id = 1;

    for (uint64_t object = 1; object <= 100; object++)
        add_waiting(fixture, id++, object, object % 2 ? 5 : 7, 0);
    add_waiting(fixture, id++, 90, 7, 0);
    group = build(fixture)->list;
    assert_int_equal(group->n_objects, 100);
    assert_int_equal(group->n_waits, GROUP_WAITS_MAX);
    assert_int_equal(group->waits[0].object, 90);
    for (size_t i = 1; i < GROUP_WAITS_MAX; i++)
        assert_int_equal(group->waits[i].object, i);
    assert_true(group->same_detail);
    add_waiting(fixture, id++, 200, 6, 0);
    assert_false(build(fixture)->list->same_detail);
}

static void test_owner(void **state)
{
    struct fixture *fixture = *state;

    add_waiting(fixture, 1, 0x10, 0, 4130);
    add(fixture, aged(4130, 2, 999));
    assert_string_equal(build(fixture)->list[1].waits[0].owner_text,
                        "parked 16m39s in write, flush cache.c:88");
}

static void assert_same_groups(const struct groups *a, const struct groups *b)
{
    assert_int_equal(a->n, b->n);
    for (size_t i = 0; i < SAMPLE_KIND_MAX; i++)
        assert_int_equal(a->n_parked[i], b->n_parked[i]);
    for (size_t i = 0; i < a->n; i++) {
        const struct group *x = &a->list[i], *y = &b->list[i];

        assert_int_equal(x->stack->id, y->stack->id);
        assert_int_equal(x->count, y->count);
        assert_int_equal(x->n_waiters, y->n_waiters);
        assert_memory_equal(x->waiters, y->waiters, x->n_waiters * sizeof(x->waiters[0]));
        assert_int_equal(x->oldest_ns, y->oldest_ns);
        assert_int_equal(x->newest_ns, y->newest_ns);
        assert_int_equal(x->at_least_ns, y->at_least_ns);
        assert_int_equal(x->at_most_ns, y->at_most_ns);
        assert_int_equal(x->n_waits, y->n_waits);
        if (x->n_waits && x->waits[0].owner_text)
            assert_string_equal(x->waits[0].owner_text, y->waits[0].owner_text);
    }
}

/* Ages up to 20 s around the threshold of 10 s, and parks that begin while the scan goes on. */
static struct sample any_sample(uint64_t id, unsigned *seed)
{
    struct sample sample = aged(id, 1 + (uint64_t)rand_r(seed) % 3, (uint64_t)rand_r(seed) % 21);

    if (rand_r(seed) % 8 == 0)
        sample.since_ns = NOW + SECOND / 2;
    if (rand_r(seed) % 2)
        sample.seen_ns = NOW - (uint64_t)(rand_r(seed) % 12 - 1) * SECOND;
    if (rand_r(seed) % 2)
        sample.not_before_ns = NOW - (uint64_t)(rand_r(seed) % 30) * SECOND;
    return sample;
}

static void add_any(struct fixture *fixture, unsigned *seed)
{
    int n = 1 + rand_r(seed) % 6;

    fixture->policy.proven = rand_r(seed) % 2;
    fixture->policy.throughout_ns = NOW - (uint64_t)(rand_r(seed) % 5) * SECOND;
    fixture->policy.threshold_ns = (rand_r(seed) % 4 ? 10 : 0) * SECOND;
    for (int i = 1; i <= n; i++)
        add(fixture, any_sample((uint64_t)i, seed));
    add_waiting(fixture, 100, 0x10, 0, 1);
}

/* Groups that stand are those that would be built, whatever the samples are. */
static void test_groups_that_stand(void **state)
{
    struct fixture *fixture = *state;
    unsigned seed = 1, stood = 0, fell = 0;

    for (int round = 0; round < 3000; round++) {
        struct groups later;

        table_clear(&fixture->samples);
        add_any(fixture, &seed);
        fixture->policy.now_ns = NOW;
        build(fixture);
        fixture->policy.now_ns = NOW + (uint64_t)rand_r(&seed) % (8 * SECOND);
        if (!groups_stand(&fixture->groups, fixture->policy.now_ns)) {
            fell++;
            continue;
        }
        stood++;
        assert_int_equal(
            groups_age(&fixture->groups, &fixture->samples, fixture->names, fixture->policy.now_ns),
            0);
        group(fixture, &later);
        assert_same_groups(&fixture->groups, &later);
        groups_free(&later);
    }
    assert_true(stood > 300);
    assert_true(fell > 300);
}

/* They stand until the very moment at which one more counts. */
static void test_groups_stand_until_one_more_counts(void **state)
{
    struct fixture *fixture = *state;

    assert_false(groups_stand(&fixture->groups, NOW));
    add(fixture, aged(1, 1, 20));
    add(fixture, aged(2, 1, 7));
    build(fixture);
    assert_true(groups_stand(&fixture->groups, NOW + 3 * SECOND - 1));
    assert_false(groups_stand(&fixture->groups, NOW + 3 * SECOND));
    assert_false(groups_stand(&fixture->groups, NOW - 1));
}

/* One pass: 14,235 channels and 200,000 waiters at two stacks are no work. */
static void test_many(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t n = 200000;
    const struct groups *groups;
    clock_t start;

    for (uint64_t i = 1; i <= n; i++) {
        struct sample sample = aged(i, 1 + i % 2, 20);

        sample.object_kind = OBJECT_CHANNEL;
        sample.object = 0xc000000000 + i % 14235 * 96;
        add(fixture, sample);
    }
    start = clock();
    groups = build(fixture);
    assert_true((clock() - start) / CLOCKS_PER_SEC < 5);
    assert_int_equal(groups->n, 2);
    assert_int_equal(groups->list[0].count, n / 2);
    assert_int_equal(groups->list[0].n_objects, 14235);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_no_samples),
        TEST(test_listed_waiters),
        TEST(test_totals),
        TEST(test_threshold_is_reached_exactly),
        TEST(test_order),
        TEST(test_bounds),
        TEST(test_bounds_of_equals),
        TEST(test_contradictions),
        TEST(test_goroutines_by_proof),
        TEST(test_goroutines_by_what_may_be),
        TEST(test_waits),
        TEST(test_more_waits_than_listed),
        TEST(test_owner),
        TEST(test_groups_that_stand),
        TEST(test_groups_stand_until_one_more_counts),
        TEST(test_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
