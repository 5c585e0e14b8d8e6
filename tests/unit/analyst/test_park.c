/* SPDX-License-Identifier: Apache-2.0 */
/* Since when: exact, estimated, and in logical waits. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "user/analyst/park.h"

#define NOW    1000000ull
#define ATTACH 500000ull
#define FUTEX  0x1000

static struct thread_record parked(void)
{
    struct thread_record record = {.now_ns = NOW, .arrival_ns = 300000, .state = 1};

    record.regs[REGS_ORIG_AX] = SYS_futex;
    record.regs[REGS_DI] = FUTEX;
    return record;
}

static struct thread_record rewaiting(uint64_t since, uint32_t timeouts)
{
    struct thread_record record = parked();

    record.flags = RECORD_FOLLOWED;
    record.park = (struct park){.start_ns = 999000,
                                .wait_address = FUTEX,
                                .wait_since_ns = since,
                                .wait_timeouts = timeouts};
    return record;
}

static void assert_since(const struct thread_record *record, const struct earlier_wait *before,
                         uint64_t since, uint64_t seen, uint64_t not_before, uint32_t rewaits)
{
    struct earlier_wait earlier = before ? *before : (struct earlier_wait){0};
    struct sample sample = {.rewaits = 9};

    park_since(record, &earlier, ATTACH, &sample);
    assert_int_equal(sample.since_ns, since);
    assert_int_equal(sample.seen_ns, seen);
    assert_int_equal(sample.not_before_ns, not_before);
    assert_int_equal(sample.rewaits, rewaits);
}

static void test_start_that_was_seen_is_exact(void **state)
{
    struct thread_record record = parked();

    (void)state;
    record.flags = RECORD_FOLLOWED;
    record.park.start_ns = 700000;
    assert_since(&record, NULL, 700000, 700000, 700000, 0);
    record.flags = 0; /* what is there then means nothing */
    assert_since(&record, NULL, 300000, NOW, 300000, 0);
}

static void test_start_from_before_is_estimated(void **state)
{
    struct thread_record record = parked();

    (void)state;
    assert_since(&record, NULL, 300000, NOW, 300000, 0);
    record.flags = RECORD_FOLLOWED; /* but not switched since */
    assert_since(&record, NULL, 300000, NOW, 300000, 0);
}

static void test_without_a_usable_arrival_it_is_now(void **state)
{
    struct thread_record record = parked();

    (void)state;
    record.arrival_ns = 0;
    assert_since(&record, NULL, NOW, NOW, 0, 0);
    record.arrival_ns = NOW + 1;
    assert_since(&record, NULL, NOW, NOW, 0, 0);
    record.arrival_ns = NOW;
    assert_since(&record, NULL, NOW, NOW, NOW, 0);
}

static void test_logical_wait_whose_start_was_seen(void **state)
{
    struct thread_record record = rewaiting(600000, 3);

    (void)state;
    assert_since(&record, NULL, 600000, 999000, 0, 3);
    record.park.served = 1; /* what came before it was another wait */
    assert_since(&record, NULL, 600000, 999000, 600000, 3);
}

static void test_logical_wait_from_before(void **state)
{
    struct thread_record record = rewaiting(0, 2);
    struct earlier_wait before = {.address = FUTEX, .since_ns = 200000};

    (void)state;
    assert_since(&record, NULL, ATTACH, 999000, 0, 2);
    assert_since(&record, &before, 200000, 999000, 0, 2);
    before.address++;
    assert_since(&record, &before, ATTACH, 999000, 0, 2);
}

static void test_what_a_logical_wait_goes_on_from(void **state)
{
    struct thread_record record = parked();
    struct earlier_wait earlier = {0};
    struct sample sample;

    (void)state;
    park_since(&record, &earlier, ATTACH, &sample);
    assert_int_equal(earlier.address, FUTEX);
    assert_int_equal(earlier.since_ns, 300000);
    /* The mutex of a condition variable, between two waits on the latter. */
    record.regs[REGS_DI] = FUTEX + 64;
    record.regs[REGS_SI] = FUTEX_WAIT_PRIVATE;
    record.regs[REGS_DX] = 2;
    park_since(&record, &earlier, ATTACH, &sample);
    assert_int_equal(earlier.address, FUTEX);
    record = rewaiting(0, 2);
    park_since(&record, &earlier, ATTACH, &sample);
    assert_int_equal(sample.since_ns, 300000);
}

static void test_what_is_no_logical_wait(void **state)
{
    struct thread_record record = rewaiting(600000, 0);

    (void)state;
    assert_since(&record, NULL, 999000, 999000, 999000, 0); /* its first wait */
    record = rewaiting(600000, 3);
    record.regs[REGS_DI]++; /* on another address */
    assert_since(&record, NULL, 999000, 999000, 999000, 0);
    record = rewaiting(600000, 3);
    record.regs[REGS_ORIG_AX] = SYS_read;
    assert_since(&record, NULL, 999000, 999000, 999000, 0);
    record = rewaiting(600000, 3);
    record.flags = 0;
    assert_since(&record, NULL, 300000, NOW, 300000, 0);
}

static void test_locks_are_logical_waits_too(void **state)
{
    struct thread_record record = rewaiting(600000, 3);

    (void)state;
    record.regs[REGS_SI] = FUTEX_LOCK_PI_PRIVATE;
    assert_since(&record, NULL, 600000, 999000, 0, 3);
    record.regs[REGS_SI] = FUTEX_WAIT_PRIVATE;
    record.regs[REGS_DX] = 2;
    assert_since(&record, NULL, 600000, 999000, 0, 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_start_that_was_seen_is_exact),
        cmocka_unit_test(test_start_from_before_is_estimated),
        cmocka_unit_test(test_without_a_usable_arrival_it_is_now),
        cmocka_unit_test(test_logical_wait_whose_start_was_seen),
        cmocka_unit_test(test_logical_wait_from_before),
        cmocka_unit_test(test_what_a_logical_wait_goes_on_from),
        cmocka_unit_test(test_what_is_no_logical_wait),
        cmocka_unit_test(test_locks_are_logical_waits_too),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
