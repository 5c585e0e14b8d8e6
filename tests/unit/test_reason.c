/* SPDX-License-Identifier: Apache-2.0 */
/* Why a thread is parked: every name that reports use, and what is told from a record. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/futex.h>
#include <sys/syscall.h>

#include "user/reason.h"

#define NR_FUTEX_WAITV 449
#define NR_FUTEX_WAIT  455

/* TASK_* of include/linux/sched.h. */
#define RUNNING         0x0000
#define INTERRUPTIBLE   0x0001
#define UNINTERRUPTIBLE 0x0002
#define STOPPED         0x0004
#define TRACED          0x0008
#define PARKED          0x0040
#define NEW             0x0800
#define FREEZABLE       0x2000
#define FROZEN          0x8000
#define KILLABLE        0x0102
#define IDLE            0x0402

static struct thread_record parked_in(uint64_t nr)
{
    struct thread_record record = {.state = INTERRUPTIBLE};

    record.regs[REGS_ORIG_AX] = nr;
    return record;
}

static struct thread_record futex(uint64_t op, uint64_t value)
{
    struct thread_record record = parked_in(SYS_futex);

    record.regs[REGS_DI] = 0x1000;
    record.regs[REGS_SI] = op;
    record.regs[REGS_DX] = value;
    return record;
}

static void assert_reason(const struct thread_record *record, const char *expected)
{
    char reason[REASON_MAX];

    reason_of(record, reason);
    assert_string_equal(reason, expected);
}

static void test_names_of_syscalls(void **state)
{
    static const struct {
        uint64_t nr;
        const char *reason;
    } cases[] = {
        {NR_FUTEX_WAITV, "futex wait"},
        {NR_FUTEX_WAIT, "futex wait"},
        {SYS_poll, "poll"},
        {SYS_ppoll, "poll"},
        {SYS_select, "poll"},
        {SYS_pselect6, "poll"},
        {SYS_epoll_wait, "poll"},
        {SYS_epoll_pwait, "poll"},
        {SYS_epoll_pwait2, "poll"},
        {SYS_read, "read"}, /* 0 */
        {SYS_readv, "read"},
        {SYS_recvfrom, "read"},
        {SYS_recvmsg, "read"},
        {SYS_msgrcv, "read"},
        {SYS_mq_timedreceive, "read"},
        {SYS_write, "write"},
        {SYS_writev, "write"},
        {SYS_sendto, "write"},
        {SYS_sendmsg, "write"},
        {SYS_accept, "accept"},
        {SYS_accept4, "accept"},
        {SYS_connect, "connect"},
        {SYS_nanosleep, "sleep"},
        {SYS_clock_nanosleep, "sleep"},
        {SYS_wait4, "wait child"},
        {SYS_waitid, "wait child"},
        {SYS_pause, "signal"},
        {SYS_rt_sigsuspend, "signal"},
        {SYS_rt_sigtimedwait, "signal"},
        {SYS_io_uring_enter, "io_uring"},
        {SYS_flock, "syscall flock"},
        {SYS_semtimedop, "syscall semtimedop"},
        {100000, "syscall 100000"},
        {UINT64_MAX, "no syscall"}, /* orig_ax is -1: an exception, or an interrupt */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct thread_record record = parked_in(cases[i].nr);

        assert_reason(&record, cases[i].reason);
    }
}

static void test_names_of_futex_calls(void **state)
{
    static const struct {
        uint64_t op;
        uint64_t value;
        const char *reason;
    } cases[] = {
        {FUTEX_WAIT, 0, "futex wait"},
        {FUTEX_WAIT_PRIVATE, 1, "futex wait"},
        {FUTEX_WAIT_BITSET | FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME, 2, "futex wait"},
        {FUTEX_WAIT_PRIVATE, 2, "futex lock"},
        {FUTEX_WAIT, 2, "futex lock"},
        {FUTEX_WAIT, 0xdeadbeef00000002, "futex lock"}, /* the value has 32 bits */
        {FUTEX_LOCK_PI_PRIVATE, 0, "futex pi lock"},
        {FUTEX_LOCK_PI, 2, "futex pi lock"},
        {13 | FUTEX_PRIVATE_FLAG, 0, "futex pi lock"}, /* FUTEX_LOCK_PI2 */
        {FUTEX_WAIT_REQUEUE_PI_PRIVATE, 0, "futex pi lock"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct thread_record record = futex(cases[i].op, cases[i].value);

        assert_reason(&record, cases[i].reason);
    }
}

static void test_states_are_masks(void **state)
{
    static const struct {
        uint32_t state;
        const char *reason;
    } cases[] = {
        {INTERRUPTIBLE, "futex wait"},
        {INTERRUPTIBLE | FREEZABLE, "futex wait"},
        {UNINTERRUPTIBLE, "io"},
        {UNINTERRUPTIBLE | FREEZABLE, "io"},
        {KILLABLE, "io"},
        {IDLE, "futex wait"},
        {IDLE | FREEZABLE, "futex wait"},
        {STOPPED, "stopped"},
        {0x104, "stopped"}, /* __TASK_STOPPED | TASK_WAKEKILL */
        {TRACED, "stopped"},
        {FROZEN, "stopped"},
    };
    struct thread_record record = futex(FUTEX_WAIT, 0);

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        record.state = cases[i].state;
        assert_reason(&record, cases[i].reason);
        assert_true(reason_is_parked(&record));
    }
}

static void test_who_is_not_parked(void **state)
{
    struct thread_record record = futex(FUTEX_WAIT, 0);

    (void)state;
    assert_true(reason_is_parked(&record));
    record.state = PARKED;
    assert_true(reason_is_parked(&record));
    record.state = RUNNING;
    assert_false(reason_is_parked(&record));
    record.state = NEW;
    assert_false(reason_is_parked(&record));
    record.state = INTERRUPTIBLE;
    record.flags = RECORD_ON_CPU;
    assert_false(reason_is_parked(&record));
    record.flags = RECORD_KERNEL;
    assert_false(reason_is_parked(&record));
    record.flags = RECORD_LEADER | RECORD_FOLLOWED | RECORD_WORKER;
    assert_true(reason_is_parked(&record));
    record.exit_state = 0x20;
    assert_false(reason_is_parked(&record));
}

static void test_kernel_workers(void **state)
{
    struct thread_record record = parked_in(SYS_clone);

    (void)state;
    record.flags = RECORD_WORKER;
    assert_reason(&record, "io_uring");
    record.state = FROZEN;
    assert_reason(&record, "stopped");
}

/* i386 has other numbers: its 3 is read(), its 240 futex(), and its 0 restart_syscall(). */
static void test_32_bit_calls_are_not_mistaken_for_others(void **state)
{
    struct thread_record record = parked_in(0);

    (void)state;
    record.flags = RECORD_COMPAT;
    assert_int_equal(reason_syscall(&record), UINT32_MAX);
    assert_reason(&record, "32-bit syscall 0");
    record.regs[REGS_ORIG_AX] = SYS_futex;
    assert_reason(&record, "32-bit syscall 202");
    record.state = UNINTERRUPTIBLE;
    assert_reason(&record, "io");
    record.state = STOPPED;
    assert_reason(&record, "stopped");
}

/* The call's own registers are still there; what it was is told from the restart block. */
static struct thread_record restarted(uint64_t first, uint64_t second)
{
    struct thread_record record = parked_in(SYS_restart_syscall);

    record.restart[0] = first;
    record.restart[1] = second;
    return record;
}

static void test_restarted_futex(void **state)
{
    struct thread_record record = restarted(0x5000, 2);

    (void)state;
    record.regs[REGS_DI] = 0x5000;
    record.regs[REGS_SI] = FUTEX_WAIT_PRIVATE;
    record.regs[REGS_DX] = 2;
    record.regs[REGS_R10] = 0x7000; /* only a wait with a timeout is restarted */
    assert_int_equal(reason_syscall(&record), SYS_futex);
    assert_reason(&record, "futex lock");
    record.regs[REGS_DX] = record.restart[1] = 7;
    record.regs[REGS_SI] = FUTEX_WAIT_BITSET_PRIVATE;
    assert_reason(&record, "futex wait");
}

static void test_restarted_poll(void **state)
{
    struct thread_record record = restarted(0x5000, 3);

    (void)state;
    record.regs[REGS_DI] = 0x5000;
    record.regs[REGS_SI] = 3;
    record.regs[REGS_DX] = 10000;
    assert_int_equal(reason_syscall(&record), SYS_poll);
    assert_reason(&record, "poll");
    /* As many descriptors as FUTEX_WAIT_BITSET is, and something left in a register. */
    record.regs[REGS_SI] = record.restart[1] = FUTEX_WAIT_BITSET;
    record.regs[REGS_R10] = 0x7000;
    assert_reason(&record, "poll");
}

static void test_restarted_sleep(void **state)
{
    struct thread_record record = restarted(1 /* CLOCK_MONOTONIC */, 1);

    (void)state;
    record.regs[REGS_DI] = 0x7ffc1000; /* nanosleep(): the time */
    assert_reason(&record, "sleep");
    record = restarted(0, 0);
    record.regs[REGS_DI] = 0; /* clock_nanosleep(CLOCK_REALTIME) */
    assert_reason(&record, "sleep");
}

static void test_classes(void **state)
{
    (void)state;
    assert_int_equal(reason_class(SYS_futex), PARK_FUTEX_WAIT);
    assert_int_equal(reason_class(SYS_recvfrom), PARK_READ);
    assert_int_equal(reason_class(SYS_flock), PARK_OTHER);
    assert_int_equal(reason_class(UINT32_MAX), PARK_OTHER);
    for (unsigned int class = 0; class < PARK_CLASS_MAX; class ++)
        assert_non_null(reason_name(class));
    assert_string_equal(reason_name(PARK_OTHER), "other");
    assert_string_equal(reason_name(PARK_FUTEX_PI), "futex pi lock");
    assert_string_equal(reason_name(PARK_CLASS_MAX), "other");
    assert_string_equal(syscall_name(0), "read");
    assert_string_equal(syscall_name(SYS_futex), "futex");
    assert_null(syscall_name(UINT32_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_32_bit_calls_are_not_mistaken_for_others),
        cmocka_unit_test(test_names_of_syscalls),
        cmocka_unit_test(test_names_of_futex_calls),
        cmocka_unit_test(test_states_are_masks),
        cmocka_unit_test(test_who_is_not_parked),
        cmocka_unit_test(test_kernel_workers),
        cmocka_unit_test(test_restarted_futex),
        cmocka_unit_test(test_restarted_poll),
        cmocka_unit_test(test_restarted_sleep),
        cmocka_unit_test(test_classes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
