/* SPDX-License-Identifier: Apache-2.0 */
/* Threads in logical waits, and who holds what they wait on. */
#include "follow.h"

#define SECOND FOLLOW_SECOND

static int start(void **state)
{
    *state = follow_new(SECOND);
    return 0;
}

static int end(void **state)
{
    follow_free(*state);
    return 0;
}

/* The wait ended unserved, and was taken up again at once. */
static void time_out(struct thread_record *record)
{
    record->flags |= RECORD_FOLLOWED;
    record->switches += 2;
    record->arrival_ns = record->park.start_ns = record->now_ns - SECOND / 100;
    record->park.wait_address = record->regs[REGS_DI];
    record->park.wait_timeouts++;
}

static void test_wait_that_began_before_goes_on(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);

    record->arrival_ns = FOLLOW_ATTACH - 100 * SECOND;
    follow_scan(follow);
    for (uint32_t i = 1; i <= 3; i++) {
        follow_wait(follow, 5 * SECOND);
        time_out(record);
        follow_scan(follow);
        assert_int_equal(follow->mailbox->n_puts, 1);
        assert_int_equal(follow_sample(follow, 10)->since_ns, FOLLOW_ATTACH - 100 * SECOND);
        /* Proven is the present park alone: a fast path may have served it in between. */
        assert_int_equal(follow_sample(follow, 10)->seen_ns, record->park.start_ns);
        assert_int_equal(follow_sample(follow, 10)->rewaits, i);
        assert_int_equal(follow_sample(follow, 10)->not_before_ns, 0);
    }
}

/* It is remembered of a park that was never described. */
static void test_wait_goes_on_from_below_the_threshold(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);

    record->arrival_ns = FOLLOW_NOW - SECOND / 2;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, 0);
    follow_wait(follow, SECOND);
    time_out(record);
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->since_ns, FOLLOW_NOW - SECOND / 2);
}

/* Met between two of its waits. */
static void test_wait_goes_on_although_it_was_seen_running(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);

    follow_scan(follow);
    record->state = 0;
    record->switches++;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, 0);
    record->state = 1;
    time_out(record);
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->since_ns, FOLLOW_NOW - 10 * SECOND);
}

static void test_wait_without_an_earlier_sample_counts_from_the_attach(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);

    time_out(record);
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->since_ns, FOLLOW_ATTACH);
    assert_int_equal(follow_sample(follow, 10)->seen_ns, record->park.start_ns);
    assert_int_equal(follow_sample(follow, 10)->not_before_ns, 0);
}

static void test_wait_on_another_futex_is_another_wait(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);

    follow_scan(follow);
    record->regs[REGS_DI] += 4;
    time_out(record);
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->since_ns, FOLLOW_ATTACH);
    assert_int_equal(follow_sample(follow, 10)->object, record->regs[REGS_DI]);
}

static void test_wait_of_another_thread_of_the_same_tid(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);

    follow_scan(follow);
    record->start_ns++;
    time_out(record);
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->since_ns, FOLLOW_ATTACH);
}

static void test_served_wait_starts_anew(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);

    follow_scan(follow);
    time_out(record);
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->rewaits, 1);

    /* Woken, and in its first wait since. */
    follow_wait(follow, 30 * SECOND);
    record->switches += 2;
    record->park = (struct park){.start_ns = record->now_ns - 2 * SECOND, .served = 1};
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->since_ns, record->park.start_ns);
    assert_int_equal(follow_sample(follow, 10)->rewaits, 0);

    /* From now on the kernel's side knows the start of the logical wait. */
    record->park.wait_since_ns = record->park.start_ns;
    follow_wait(follow, 10 * SECOND);
    time_out(record);
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->since_ns, record->park.wait_since_ns);
    assert_int_equal(follow_sample(follow, 10)->not_before_ns, record->park.wait_since_ns);
    assert_int_equal(follow_sample(follow, 10)->rewaits, 1);
}

/* Below: pretended primitives. Only their names count, and that they are called from nowhere. */

static __attribute__((noinline)) void pthread_mutex_lock_example(void)
{
    __asm__ volatile("nop; nop");
}

static __attribute__((noinline)) void pthread_cond_wait_example(void)
{
    __asm__ volatile("nop; nop; nop");
}

static uint64_t inside(void (*function)(void))
{
    return (uint64_t)(uintptr_t)function + 1;
}

/* As glibc lays out a pthread_mutex_t. */
struct mutex {
    uint32_t lock;
    uint32_t count;
    uint32_t owner;
};

static void lock(struct thread_record *record, const struct mutex *mutex)
{
    record->regs[REGS_DI] = (uint64_t)(uintptr_t)&mutex->lock;
    record->regs[REGS_DX] = 2;
    record->regs[REGS_IP] = inside(pthread_mutex_lock_example);
}

static void test_owner_is_named_by_the_first_scan(void **state)
{
    struct follow *follow = *state;
    struct mutex mutex = {.owner = 11};
    const struct sample *sample;

    lock(follow_add(follow, 10), &mutex);
    follow_add(follow, 11)->state = 0; /* holds it and runs */
    follow_scan(follow);
    sample = follow_sample(follow, 10);
    assert_int_equal(sample->owner, 11);
    assert_string_equal(follow->mailbox->strings[sample->detail], "mutex");
    assert_int_equal(follow->mailbox->n_puts, 1);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_messages, 1);
}

/* Another owner at each reading: 11, 12, 11, ... */
static void pass_on(struct fake_probe *probe, const struct rpc_request *request)
{
    struct mutex *mutex = probe->context;

    if (request->type == RPC_READ && request->n_ranges == 1 &&
        request->ranges[0].address == (uint64_t)(uintptr_t)&mutex->owner)
        mutex->owner = 23 - mutex->owner;
}

static void test_owner_that_differs_between_readings_is_not_named(void **state)
{
    struct follow *follow = *state;
    struct mutex mutex = {.owner = 11};

    follow->probe.before = pass_on;
    follow->probe.context = &mutex;
    lock(follow_add(follow, 10), &mutex);
    follow_add(follow, 11);
    follow_add(follow, 12);
    for (int i = 0; i < 3; i++) {
        follow_scan(follow);
        assert_int_equal(follow_sample(follow, 10)->owner, 0);
    }
    follow->probe.before = NULL;
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->owner, mutex.owner);
}

static void test_owner_is_taken_back_when_it_changes(void **state)
{
    static const uint32_t owners[] = {11, 12, 0, 11, 99 /* no thread of it */};
    struct follow *follow = *state;
    struct mutex mutex = {0};

    lock(follow_add(follow, 10), &mutex);
    follow_add(follow, 11);
    follow_add(follow, 12);
    follow_scan(follow);
    for (size_t i = 0; i < sizeof(owners) / sizeof(owners[0]); i++) {
        mutex.owner = owners[i];
        follow_scan(follow);
        assert_int_equal(follow->mailbox->n_puts, 1);
        assert_int_equal(follow_sample(follow, 10)->owner, owners[i] == 99 ? 0 : owners[i]);
    }
}

static void test_owner_that_ended_is_none(void **state)
{
    struct follow *follow = *state;
    struct mutex mutex = {.owner = 11}, other = {.owner = 12};

    lock(follow_add(follow, 10), &mutex);
    lock(follow_add(follow, 13), &other);
    follow_add(follow, 12);
    follow_add(follow, 11);
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->owner, 11);
    assert_int_equal(follow_sample(follow, 13)->owner, 12);
    follow->n = 3;
    follow->records[2].exit_state = 0x20;
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->owner, 0);
    assert_int_equal(follow_sample(follow, 13)->owner, 0);
}

/* The target's memory names threads as its own PID namespace does, which the user does not see. */
static void test_owner_in_another_pid_namespace(void **state)
{
    struct follow *follow = *state;
    struct mutex mutex = {.owner = 7};

    lock(follow_add(follow, 2010), &mutex);
    follow->records[0].ns_tid = 10;
    follow_add(follow, 2007)->ns_tid = 7;
    follow_add(follow, 7)->ns_tid = 3;
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 2010)->owner, 2007);
}

static void test_owner_of_a_pi_mutex(void **state)
{
    struct follow *follow = *state;
    uint32_t word = FUTEX_WAITERS | 11;
    struct thread_record *record = follow_add(follow, 10);

    record->regs[REGS_DI] = (uint64_t)(uintptr_t)&word;
    record->regs[REGS_SI] = FUTEX_LOCK_PI_PRIVATE;
    follow_add(follow, 11);
    follow_scan(follow);
    assert_int_equal(follow_sample(follow, 10)->owner, 11);
}

static void test_owner_is_read_only_where_one_is_to_be_had(void **state)
{
    struct follow *follow = *state;
    struct mutex mutex = {.owner = 11};

    lock(follow_add(follow, 10), &mutex);
    follow->records[0].regs[REGS_IP] = 0x10; /* a lock that has no name */
    lock(follow_add(follow, 12), &mutex);
    follow->records[1].regs[REGS_IP] = inside(pthread_cond_wait_example);
    follow->records[1].regs[REGS_DX] = 0; /* waits for the condition, not for the mutex */
    lock(follow_add(follow, 13), &mutex);
    follow->records[2].regs[REGS_DI] = 0x1000; /* not mapped */
    lock(follow_add(follow, 14), &mutex);
    follow->records[3].regs[REGS_IP] = inside(pthread_cond_wait_example); /* its mutex, again */
    follow_add(follow, 11);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, 5);
    assert_int_equal(follow_sample(follow, 10)->owner, 0);
    assert_int_equal(follow_sample(follow, 12)->owner, 0);
    assert_int_equal(follow_sample(follow, 13)->owner, 0);
    assert_int_equal(follow_sample(follow, 14)->owner, 11);
}

static void test_owners_of_more_than_one_request(void **state)
{
    struct follow *follow = *state;
    struct mutex mutex = {.owner = 11};
    size_t n = RPC_RANGES_MAX + 100;

    follow_add(follow, 11);
    for (uint32_t i = 0; i < n; i++)
        lock(follow_add(follow, 100 + i), &mutex);
    follow_scan(follow);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(follow_sample(follow, 100 + i)->owner, 11);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_wait_that_began_before_goes_on),
        TEST(test_wait_goes_on_from_below_the_threshold),
        TEST(test_wait_goes_on_although_it_was_seen_running),
        TEST(test_wait_without_an_earlier_sample_counts_from_the_attach),
        TEST(test_wait_on_another_futex_is_another_wait),
        TEST(test_wait_of_another_thread_of_the_same_tid),
        TEST(test_served_wait_starts_anew),
        TEST(test_owner_is_named_by_the_first_scan),
        TEST(test_owner_that_differs_between_readings_is_not_named),
        TEST(test_owner_is_taken_back_when_it_changes),
        TEST(test_owner_that_ended_is_none),
        TEST(test_owner_in_another_pid_namespace),
        TEST(test_owner_of_a_pi_mutex),
        TEST(test_owner_is_read_only_where_one_is_to_be_had),
        TEST(test_owners_of_more_than_one_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
