/* SPDX-License-Identifier: Apache-2.0 */
/* Threads from sweep to sweep: what makes a park the same one, and what is sent of it. */
#include "follow.h"

#define SECOND FOLLOW_SECOND

static int start(void **state)
{
    *state = follow_new(SECOND);
    return 0;
}

static int start_with_all(void **state)
{
    *state = follow_new(0);
    return 0;
}

static int end(void **state)
{
    follow_free(*state);
    return 0;
}

static void test_same_park_is_unwound_and_sent_once(void **state)
{
    struct follow *follow = *state;
    unsigned int n_reads, n_resident;

    follow_add(follow, 10);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_puts, 1);
    assert_int_equal(follow->mailbox->n_stacks, 1);
    assert_int_equal(follow->probe.n_maps, 1);
    assert_int_equal(follow->probe.n_requests[RPC_SCAN], 2);
    n_reads = follow->probe.n_requests[RPC_READ];
    n_resident = follow->probe.n_requests[RPC_RESIDENT];

    for (unsigned int i = 1; i <= 3; i++) {
        follow_wait(follow, 5 * SECOND);
        follow_scan(follow);
        assert_int_equal(follow->mailbox->n_messages, 1);            /* the end of the scan */
        assert_int_equal(follow->probe.n_requests[RPC_SCAN], 2 + i); /* nothing to confirm */
    }
    assert_int_equal(follow->probe.n_requests[RPC_READ], n_reads);
    assert_int_equal(follow->probe.n_requests[RPC_RESIDENT], n_resident);
    assert_int_equal(follow->probe.n_maps, 1);
    assert_int_equal(follow->mailbox->n_samples, 1);
}

static void test_sample_of_a_park_from_before(void **state)
{
    struct follow *follow = *state;
    const struct sample *sample;

    follow_add(follow, 10);
    follow_scan(follow);
    sample = follow_sample(follow, 10);
    assert_int_equal(sample->kind, SAMPLE_THREAD);
    assert_int_equal(sample->since_ns, FOLLOW_NOW - 10 * SECOND);
    assert_int_equal(sample->not_before_ns, FOLLOW_NOW - 10 * SECOND);
    assert_int_equal(sample->seen_ns, FOLLOW_NOW);
    assert_int_equal(sample->object_kind, OBJECT_FUTEX);
    assert_int_equal(sample->object, 0x10000 + 640);
    assert_int_equal(sample->memory_bytes, 8192);
    assert_int_equal(sample->rewaits, 0);
    assert_int_equal(sample->owner, 0);
    assert_int_equal(sample->stack_id, follow->mailbox->stacks[0].head.id);
}

/* A new park is looked at anew, and replaces the sample of the one before. */
static void test_new_park_starts_anew(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);
    unsigned int n_resident;

    follow_scan(follow);
    n_resident = follow->probe.n_requests[RPC_RESIDENT];
    follow_wait(follow, 60 * SECOND);
    follow_repark(record, 2 * SECOND);
    record->flags |= RECORD_FOLLOWED;
    record->park.start_ns = record->now_ns - 3 * SECOND / 2;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_puts, 1);
    assert_int_equal(follow->mailbox->n_drops, 0);
    assert_int_equal(follow->probe.n_requests[RPC_RESIDENT], n_resident + 1);
    assert_int_equal(follow_sample(follow, 10)->since_ns, record->park.start_ns);
    assert_int_equal(follow_sample(follow, 10)->seen_ns, record->park.start_ns);
    assert_int_equal(follow_sample(follow, 10)->not_before_ns, record->park.start_ns);
    /* Its maps may have changed between the scans. */
    assert_int_equal(follow->probe.n_maps, 2);
}

static void test_below_threshold_nothing_is_sent(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);
    uint64_t arrival = FOLLOW_NOW - SECOND + 1;

    record->arrival_ns = arrival;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_messages, 1);
    assert_int_equal(follow->probe.n_requests[RPC_RESIDENT], 0);
    assert_int_equal(follow->mailbox->scan.threads[THREAD_SLEEPING], 1);

    follow_wait(follow, 1);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_puts, 1);
    assert_int_equal(follow_sample(follow, 10)->since_ns, arrival);
    /* Seen parked by the scan before already. */
    assert_int_equal(follow_sample(follow, 10)->seen_ns, FOLLOW_NOW);
}

static void test_new_park_below_threshold_takes_the_sample_back(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);

    follow_scan(follow);
    follow_wait(follow, 5 * SECOND);
    follow_repark(record, SECOND / 2);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_drops, 1);
    assert_int_equal(follow->mailbox->n_samples, 0);
    follow_wait(follow, 5 * SECOND);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, 1);
}

static void test_running_thread_loses_its_sample(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);

    follow_scan(follow);
    record->state = 0;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_drops, 1);
    assert_int_equal(follow->mailbox->n_samples, 0);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_messages, 1);
}

static void test_threshold_0_takes_all_waiters(void **state)
{
    struct follow *follow = *state;

    follow_add(follow, 10)->arrival_ns = FOLLOW_NOW;
    follow_add(follow, 11)->arrival_ns = FOLLOW_NOW + 5; /* clocks of two CPUs */
    follow_add(follow, 12)->arrival_ns = 0;
    follow_add(follow, 13)->state = 0;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, 3);
    for (uint32_t tid = 11; tid <= 12; tid++) {
        assert_int_equal(follow_sample(follow, tid)->since_ns, FOLLOW_NOW);
        assert_int_equal(follow_sample(follow, tid)->not_before_ns, 0);
    }
}

/* Lets thread 10 run before each even sweep, as many times as the context says. */
static void run_between_sweeps(struct fake_probe *probe, const struct rpc_request *request)
{
    unsigned int *left = probe->context;
    struct thread_record *record = (struct thread_record *)probe->records;

    if (request->type != RPC_SCAN || probe->n_requests[RPC_SCAN] % 2 || !*left)
        return;
    --*left;
    record->switches += 2;
}

static void test_thread_that_moves_is_looked_at_again(void **state)
{
    struct follow *follow = *state;
    unsigned int left = 2;

    follow->probe.before = run_between_sweeps;
    follow->probe.context = &left;
    follow_add(follow, 10);
    follow_add(follow, 11);
    follow_scan(follow);
    assert_int_equal(left, 0);
    assert_int_equal(follow->probe.n_requests[RPC_SCAN], 6);
    assert_int_equal(follow->mailbox->n_puts, 2);
    assert_int_equal(follow->mailbox->n_samples, 2);
    assert_int_equal(follow->losses.count[LOSS_thread_moved], 0);
}

static void test_thread_that_is_never_quiet_has_no_sample(void **state)
{
    struct follow *follow = *state;
    unsigned int left = 0;

    follow->probe.before = run_between_sweeps;
    follow->probe.context = &left;
    follow_add(follow, 10);
    follow_add(follow, 11);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, 2);
    assert_int_equal(follow->probe.n_requests[RPC_SCAN], 2);

    follow->records[0].switches++; /* else it would not be looked at again */
    left = UINT32_MAX;
    follow_scan(follow);
    assert_int_equal(follow->losses.count[LOSS_thread_moved], 1);
    assert_int_equal(follow->mailbox->n_puts, 0);
    assert_int_equal(follow->mailbox->n_drops, 1);
    assert_non_null(mailbox_sample(follow->mailbox, 11));

    /* Quiet at last. */
    left = 0;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_puts, 1);
    assert_non_null(mailbox_sample(follow->mailbox, 10));
    assert_int_equal(follow->losses.count[LOSS_thread_moved], 1);
}

/* Wakes thread 10 for good before the second sweep. */
static void wake_before_second_sweep(struct fake_probe *probe, const struct rpc_request *request)
{
    struct thread_record *record = (struct thread_record *)probe->records;

    if (request->type == RPC_SCAN && probe->n_requests[RPC_SCAN] == 2)
        record->state = 0;
}

static void test_thread_that_wakes_while_it_is_looked_at(void **state)
{
    struct follow *follow = *state;

    follow->probe.before = wake_before_second_sweep;
    follow_add(follow, 10);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_puts, 0);
    assert_int_equal(follow->losses.count[LOSS_thread_moved], 0); /* it was looked at again */
}

static void test_reused_tid_is_another_thread(void **state)
{
    struct follow *follow = *state;
    struct thread_record *record = follow_add(follow, 10);

    follow_scan(follow);
    record->start_ns++;
    record->arrival_ns = record->now_ns - 2 * SECOND; /* same count of switches */
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_drops, 1);
    assert_int_equal(follow->mailbox->n_puts, 1);
    assert_int_equal(follow_sample(follow, 10)->since_ns, record->arrival_ns);
}

/* Another thread gets the TID before the second sweep, and has switched as often. */
static void reuse_before_second_sweep(struct fake_probe *probe, const struct rpc_request *request)
{
    struct thread_record *record = (struct thread_record *)probe->records;

    if (request->type != RPC_SCAN || probe->n_requests[RPC_SCAN] != 2)
        return;
    record->start_ns++;
    record->arrival_ns += SECOND;
}

static void test_tid_that_is_reused_between_sweeps(void **state)
{
    struct follow *follow = *state;

    follow->probe.before = reuse_before_second_sweep;
    follow_add(follow, 10);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_puts, 1);
    assert_int_equal(follow->probe.n_requests[RPC_RESIDENT], 2);
    assert_int_equal(follow_sample(follow, 10)->since_ns, follow->records[0].arrival_ns);
}

static void test_exec_drops_everything(void **state)
{
    struct follow *follow = *state;

    for (uint32_t tid = 10; tid < 13; tid++)
        follow_add(follow, tid);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, 3);

    /* Only the leader is left of it, and looks as it did before. */
    follow->n = 1;
    follow->records[0].exec_id++;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_drops, 3);
    assert_int_equal(follow->mailbox->n_puts, 1);
    assert_int_equal(follow->probe.n_maps, 2); /* another program */

    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_messages, 1);
}

/* The second chunk is already of another program, when stacks of the first are yet to be confirmed.
 */
static void test_exec_between_chunks(void **state)
{
    struct follow *follow = *state;
    unsigned int n_scans;

    for (uint32_t tid = 10; tid < 310; tid++)
        follow_add(follow, tid);
    follow->records[299].exec_id++;
    follow->probe.chunk = 299;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, 1);
    assert_non_null(mailbox_sample(follow->mailbox, 309));

    follow->records[0] = follow->records[299];
    follow->n = 1;
    n_scans = follow->probe.n_requests[RPC_SCAN];
    follow_scan(follow);
    assert_int_equal(follow->probe.n_requests[RPC_SCAN], n_scans + 1); /* nothing to confirm */
    assert_int_equal(follow->mailbox->n_messages, 1);
}

static void test_ended_threads_are_dropped(void **state)
{
    struct follow *follow = *state;

    for (uint32_t tid = 10; tid < 20; tid++)
        follow_add(follow, tid);
    follow_scan(follow);
    follow->records[2] = follow->records[9];
    follow->n = 5;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_drops, 5);
    assert_null(mailbox_sample(follow->mailbox, 12));
    assert_non_null(mailbox_sample(follow->mailbox, 19));

    follow->records[1].exit_state = 0x20; /* EXIT_ZOMBIE */
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_drops, 1);
    assert_null(mailbox_sample(follow->mailbox, 11));
    follow->n = 0;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, 0);
}

/* More than a batch and more than a chunk; each of them a multiple of nothing. */
static void test_many_threads_in_many_chunks(void **state)
{
    struct follow *follow = *state;
    size_t n = 2 * NATIVE_BATCH_MAX + 100;

    for (uint32_t i = 0; i < n; i++)
        follow_add(follow, 10 + i)->arrival_ns -= i;
    follow->probe.chunk = 101;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, n);
    assert_int_equal(follow->mailbox->n_puts, n);
    assert_int_equal(follow->mailbox->scan.threads[THREAD_SLEEPING], n);
    for (uint32_t i = 0; i < n; i++)
        assert_int_equal(follow_sample(follow, 10 + i)->since_ns, FOLLOW_NOW - 10 * SECOND - i);
    assert_int_equal(follow->probe.n_requests[RPC_RESIDENT], 3);
    assert_int_equal(follow->probe.n_requests[RPC_SCAN_NEXT], 2 * 6);
    assert_int_equal(follow->probe.n_maps, 1);
}

static void test_second_sweep_ends_with_the_last_new_park(void **state)
{
    struct follow *follow = *state;
    unsigned int n_chunks;

    for (uint32_t i = 0; i < 50; i++)
        follow_add(follow, 10 + i);
    follow->probe.chunk = 10;
    follow_scan(follow);
    n_chunks = follow->probe.n_requests[RPC_SCAN_NEXT];
    assert_int_equal(n_chunks, 2 * 4);
    follow_wait(follow, 60 * SECOND);
    follow_repark(&follow->records[3], 2 * SECOND);
    follow_repark(&follow->records[12], 2 * SECOND);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_puts, 2);
    assert_int_equal(follow->probe.n_requests[RPC_SCAN_NEXT], n_chunks + 4 + 1);
    follow_scan(follow); /* what is left of a sweep is in no other's way */
    assert_int_equal(follow->mailbox->n_puts, 0);
    assert_int_equal(follow->mailbox->n_samples, 50);
}

/* Scans in which Go is not looked for either: the third, the fifth, ... */
static unsigned int count_readings(struct follow *follow)
{
    struct thread_record *record = follow_add(follow, 10);
    unsigned int n_maps;

    follow_scan(follow);
    follow_scan(follow);
    for (int i = 0; i < 2; i++) {
        n_maps = follow->probe.n_maps;
        follow_wait(follow, 60 * SECOND);
        follow_repark(record, 2 * SECOND);
        follow_scan(follow);
        assert_int_equal(follow->mailbox->n_puts, 1);
        if (!i)
            follow_scan(follow);
    }
    return follow->probe.n_maps - n_maps;
}

static void test_new_park_reads_no_maps(void **state)
{
    assert_int_equal(count_readings(*state), 0);
}

/* As before Linux 6.11. */
static void test_new_park_reads_maps_where_it_must(void **state)
{
    struct follow *follow = *state;

    follow->probe.only_all = true;
    assert_int_equal(count_readings(follow), 1);
    assert_int_equal(follow->probe.n_requests[RPC_MAPPED], 1);
}

static void test_states_are_counted(void **state)
{
    struct follow *follow = *state;
    const uint64_t *threads = follow->mailbox->scan.threads;

    follow_add(follow, 10);
    follow_add(follow, 11)->state = 0x402; /* TASK_IDLE */
    follow_add(follow, 12)->state = 0;
    follow_add(follow, 13)->flags = RECORD_ON_CPU; /* on its way to sleep */
    follow_add(follow, 14)->state = 0x2;
    follow_add(follow, 15)->state = 0x4;
    follow_add(follow, 16)->state = 0x8;
    follow_add(follow, 17)->state = 0x8000;
    follow_add(follow, 18)->exit_state = 0x10;
    for (int i = 0; i < 2; i++) { /* of each scan, not of all */
        follow_scan(follow);
        assert_int_equal(threads[THREAD_SLEEPING], 2);
        assert_int_equal(threads[THREAD_RUNNING], 2);
        assert_int_equal(threads[THREAD_UNINTERRUPTIBLE], 1);
        assert_int_equal(threads[THREAD_STOPPED], 3);
        assert_int_equal(threads[THREAD_ZOMBIE], 1);
    }
    assert_true(follow->mailbox->scan.time_ns > 0);
    assert_true(follow->mailbox->scan.duration_ns[SAMPLE_THREAD] > 0);
}

/* Two quiet threads and one that parked anew: then any request fails, once or from there on. */
static void fail_and_recover(uint32_t type, unsigned int after, int error)
{
    struct follow *follow = follow_new(SECOND);
    struct wire_scan scan;

    follow->probe.chunk = 1;
    follow->probe.fail_type = type;
    for (uint32_t tid = 10; tid < 13; tid++)
        follow_add(follow, tid);
    follow_scan(follow);
    follow_wait(follow, 60 * SECOND);
    follow_repark(&follow->records[1], 3 * SECOND);
    follow_add(follow, 13)->now_ns = follow->records[0].now_ns;

    follow->probe.fail_after = after;
    follow->probe.fail_error = error;
    assert_int_equal(follow_try(follow, &scan), error);
    follow->probe.fail_error = 0;
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_samples, 4);
    assert_int_equal(follow_sample(follow, 10)->since_ns, FOLLOW_NOW - 10 * SECOND);
    assert_int_equal(follow_sample(follow, 11)->since_ns, follow->records[1].arrival_ns);
    assert_int_equal(follow_sample(follow, 12)->seen_ns, FOLLOW_NOW);
    follow_scan(follow);
    assert_int_equal(follow->mailbox->n_messages, 1);
    follow_free(follow);
}

static void test_failures_are_made_up_for(void **state)
{
    (void)state;
    fail_and_recover(RPC_SCAN, 0, -ESRCH);
    fail_and_recover(RPC_SCAN, 1, -ESRCH); /* the second sweep */
    for (unsigned int i = 0; i < 6; i++)
        fail_and_recover(RPC_SCAN_NEXT, i, -EIO);
    fail_and_recover(RPC_MAPS, 0, -ESRCH);
    fail_and_recover(RPC_RESIDENT, 0, -EPERM);
    fail_and_recover(RPC_READ, 0, -ESRCH);
}

static void test_probe_that_is_gone(void **state)
{
    struct follow *follow = *state;
    struct wire_scan scan;

    follow_add(follow, 10);
    follow_scan(follow);
    fake_probe_leave(&follow->probe);
    assert_int_equal(follow_try(follow, &scan), -ECONNRESET);
}

#define TEST(name)     cmocka_unit_test_setup_teardown(name, start, end)
#define TEST_ALL(name) cmocka_unit_test_setup_teardown(name, start_with_all, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_same_park_is_unwound_and_sent_once),
        TEST(test_sample_of_a_park_from_before),
        TEST(test_new_park_starts_anew),
        TEST(test_below_threshold_nothing_is_sent),
        TEST(test_new_park_below_threshold_takes_the_sample_back),
        TEST(test_running_thread_loses_its_sample),
        TEST_ALL(test_threshold_0_takes_all_waiters),
        TEST(test_thread_that_moves_is_looked_at_again),
        TEST(test_thread_that_is_never_quiet_has_no_sample),
        TEST(test_thread_that_wakes_while_it_is_looked_at),
        TEST(test_reused_tid_is_another_thread),
        TEST(test_tid_that_is_reused_between_sweeps),
        TEST(test_exec_drops_everything),
        TEST(test_exec_between_chunks),
        TEST(test_ended_threads_are_dropped),
        TEST(test_many_threads_in_many_chunks),
        TEST(test_second_sweep_ends_with_the_last_new_park),
        TEST(test_new_park_reads_no_maps),
        TEST(test_new_park_reads_maps_where_it_must),
        TEST(test_states_are_counted),
        cmocka_unit_test(test_failures_are_made_up_for),
        TEST(test_probe_that_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
