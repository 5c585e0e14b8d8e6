/* SPDX-License-Identifier: Apache-2.0 */
/* What a thread waits on: by names, by arithmetic, and by what the probe tells. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/futex.h>
#include <poll.h>
#include <sys/syscall.h>

#include "analyst/waits.h"
#include "fake_probe.h"

#define NR_FUTEX_WAITV 449

static enum wait_shape shape_of(const char *function)
{
    const struct frame frame = {.function = function};

    return waits_shape(&frame, 1);
}

static void test_shapes_of_names(void **state)
{
    static const struct {
        const char *function;
        enum wait_shape shape;
    } cases[] = {
        {"pthread_mutex_lock", WAIT_MUTEX},
        {"__pthread_mutex_lock", WAIT_MUTEX},
        {"___pthread_mutex_lock", WAIT_MUTEX},
        {"__GI___pthread_mutex_lock", WAIT_MUTEX},
        {"__pthread_mutex_lock_full", WAIT_MUTEX},
        {"pthread_mutex_timedlock", WAIT_MUTEX},
        {"lll_mutex_lock_optimized", WAIT_MUTEX},
        {"__pthread_rwlock_rdlock_full64", WAIT_RWLOCK},
        {"___pthread_rwlock_wrlock", WAIT_RWLOCK},
        {"___pthread_cond_wait", WAIT_CONDITION},
        {"__pthread_cond_wait_common", WAIT_CONDITION},
        {"pthread_cond_clockwait", WAIT_CONDITION},
        {"__new_sem_wait_slow64", WAIT_SEMAPHORE},
        {"__new_sem_wait_slow64.constprop.0", WAIT_SEMAPHORE},
        {"sem_timedwait", WAIT_SEMAPHORE},
        {"__GI___sem_clockwait", WAIT_SEMAPHORE},
        {"__pthread_barrier_wait", WAIT_BARRIER},
        {"pthread_join", WAIT_JOIN},
        {"___pthread_join", WAIT_JOIN},
        {"__pthread_clockjoin_ex", WAIT_JOIN},
        {"__pthread_timedjoin_ex", WAIT_JOIN},
        {"__lll_lock_wait", WAIT_UNKNOWN}, /* of anything: the frame below tells */
        {"__futex_abstimed_wait_common", WAIT_UNKNOWN},
        {"my_pthread_mutex_lock", WAIT_UNKNOWN},
        {"semaphore_take", WAIT_UNKNOWN},
        {"GI_", WAIT_UNKNOWN},
        {"", WAIT_UNKNOWN},
        {NULL, WAIT_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_int_equal(shape_of(cases[i].function), cases[i].shape);
}

static void test_shape_is_that_of_the_innermost(void **state)
{
    struct frame frames[16] = {0};

    (void)state;
    frames[0].function = "__lll_lock_wait";
    frames[2].function = "__pthread_cond_wait";
    frames[3].function = "pthread_mutex_lock";
    assert_int_equal(waits_shape(frames, 16), WAIT_CONDITION);
    assert_int_equal(waits_shape(frames, 2), WAIT_UNKNOWN);
    assert_int_equal(waits_shape(frames, 0), WAIT_UNKNOWN);
    /* Far out it is somebody else's: a callback under a lock, say. */
    frames[2].function = frames[3].function = NULL;
    frames[12].function = "pthread_join";
    assert_int_equal(waits_shape(frames, 16), WAIT_UNKNOWN);
}

static struct thread_record waiting(uint64_t nr, uint64_t a, uint64_t b, uint64_t c)
{
    struct thread_record record = {.state = 1};

    record.regs[REGS_ORIG_AX] = nr;
    record.regs[REGS_DI] = a;
    record.regs[REGS_SI] = b;
    record.regs[REGS_DX] = c;
    return record;
}

static void assert_owner(uint64_t futex, uint64_t op, uint64_t value, enum wait_shape shape,
                         uint64_t address)
{
    const struct thread_record record = waiting(SYS_futex, futex, op, value);
    struct owner_word word = waits_owner(&record, shape);

    assert_int_equal(word.address, address);
    if (address)
        assert_int_equal(word.mask, UINT32_MAX);
}

static void test_owner_of_a_mutex(void **state)
{
    (void)state;
    assert_owner(0x1000, FUTEX_WAIT_PRIVATE, 2, WAIT_MUTEX, 0x1008);
    assert_owner(0x1000, FUTEX_WAIT, 2, WAIT_MUTEX, 0x1008);
    /* The mutex that a condition's waiter takes again; not the condition itself. */
    assert_owner(0x1000, FUTEX_WAIT_PRIVATE, 2, WAIT_CONDITION, 0x1008);
    assert_owner(0x1000, FUTEX_WAIT_BITSET_PRIVATE, 2, WAIT_CONDITION, 0);
    assert_owner(0x1000, FUTEX_WAIT_PRIVATE, 3, WAIT_CONDITION, 0);
    assert_owner(0x1000, FUTEX_WAIT_PRIVATE, 2, WAIT_UNKNOWN, 0);
    assert_owner(0x1000, FUTEX_WAIT_PRIVATE, 2, WAIT_SEMAPHORE, 0);
    assert_owner(0x1000, FUTEX_WAIT_PRIVATE, 2, WAIT_BARRIER, 0);
}

static void test_owner_of_a_rwlock(void **state)
{
    (void)state;
    /* The lock is at 0x1000: its word of writers, of the phase, of readers. */
    assert_owner(0x100c, FUTEX_WAIT_PRIVATE, 2, WAIT_RWLOCK, 0x1018);
    assert_owner(0x100c, FUTEX_WAIT_BITSET_PRIVATE, 1, WAIT_RWLOCK, 0x1018);
    assert_owner(0x1008, FUTEX_WAIT_BITSET_PRIVATE, 2, WAIT_RWLOCK, 0x1018);
    assert_owner(0x1008, FUTEX_WAIT_BITSET_PRIVATE, 3, WAIT_RWLOCK, 0x1018);
    assert_owner(0x1000, FUTEX_WAIT_BITSET_PRIVATE, 12, WAIT_RWLOCK, 0x1018);
}

static void test_owner_of_others(void **state)
{
    struct thread_record record = waiting(SYS_futex, 0x1000, FUTEX_LOCK_PI_PRIVATE, 0);

    (void)state;
    assert_int_equal(waits_owner(&record, WAIT_MUTEX).address, 0x1000);
    assert_int_equal(waits_owner(&record, WAIT_UNKNOWN).mask, FUTEX_TID_MASK);
    /* pthread_join() waits for the TID itself to become 0. */
    assert_owner(0x1000, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 1234, WAIT_JOIN, 0x1000);
    record = waiting(SYS_read, 0x1000, 0, 2);
    assert_int_equal(waits_owner(&record, WAIT_MUTEX).address, 0);
    record = waiting(SYS_futex, 0x1000, FUTEX_WAIT, 2);
    record.flags = RECORD_COMPAT;
    assert_int_equal(waits_owner(&record, WAIT_MUTEX).address, 0);
}

/* What needs the probe. */

struct fixture {
    struct fake_probe probe;
    struct remote *remote;
};

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fake_probe_start(&fixture->probe);
    *state = fixture;
    return remote_new(fixture->probe.sockets[0], fixture->probe.area, &fixture->remote);
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    remote_free(&fixture->remote);
    fake_probe_stop(&fixture->probe);
    free(fixture);
    return 0;
}

static void assert_wait(struct fixture *fixture, const struct thread_record *record,
                        enum wait_shape shape, enum object_kind kind, uint64_t object,
                        const char *detail)
{
    struct wait wait = {.detail = "stale"};

    assert_int_equal(waits_describe(fixture->remote, record, shape, &wait), 0);
    assert_int_equal(wait.kind, kind);
    assert_int_equal(wait.object, object);
    assert_string_equal(wait.detail, detail);
}

static void test_futexes(void **state)
{
    struct thread_record record = waiting(SYS_futex, 0x1000, FUTEX_WAIT_PRIVATE, 0);

    assert_wait(*state, &record, WAIT_UNKNOWN, OBJECT_FUTEX, 0x1000, "");
    assert_wait(*state, &record, WAIT_CONDITION, OBJECT_FUTEX, 0x1000, "condition variable");
    assert_wait(*state, &record, WAIT_JOIN, OBJECT_FUTEX, 0x1000, "end of a thread");
    assert_wait(*state, &record, WAIT_SEMAPHORE, OBJECT_FUTEX, 0x1000, "semaphore");
    assert_wait(*state, &record, WAIT_BARRIER, OBJECT_FUTEX, 0x1000, "barrier");
    assert_wait(*state, &record, WAIT_RWLOCK, OBJECT_FUTEX, 0x1000, "rwlock");
    record.regs[REGS_DX] = 2;
    assert_wait(*state, &record, WAIT_CONDITION, OBJECT_FUTEX, 0x1000, "mutex");
    record.regs[REGS_SI] = FUTEX_LOCK_PI;
    assert_wait(*state, &record, WAIT_UNKNOWN, OBJECT_FUTEX, 0x1000, "priority-inheriting mutex");
}

static void test_futex_waitv(void **state)
{
    const uint64_t list[] = {7, 0x5000, 2, 8, 0x6000, 2}; /* val, uaddr, flags */
    struct thread_record record = waiting(NR_FUTEX_WAITV, (uint64_t)(uintptr_t)list, 2, 0);

    assert_wait(*state, &record, WAIT_UNKNOWN, OBJECT_FUTEX, 0x5000, "first of 2 futexes");
    record.regs[REGS_DI] = 8;
    assert_wait(*state, &record, WAIT_UNKNOWN, OBJECT_NONE, 0, "");
}

static void test_files(void **state)
{
    static const uint64_t calls[] = {SYS_read,    SYS_recvmsg,    SYS_write,
                                     SYS_accept4, SYS_connect,    SYS_io_uring_enter,
                                     SYS_flock,   SYS_epoll_wait, SYS_epoll_pwait};
    struct fixture *fixture = *state;
    struct thread_record record;

    fixture->probe.file = "pipe:[5]";
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        record = waiting(calls[i], 7, 0, 0);
        assert_wait(fixture, &record, WAIT_UNKNOWN, OBJECT_FILE, 7, "pipe:[5]");
    }
    fixture->probe.file = NULL; /* closed meanwhile */
    assert_wait(fixture, &record, WAIT_UNKNOWN, OBJECT_FILE, 7, "");
    record.flags = RECORD_WORKER;
    assert_wait(fixture, &record, WAIT_UNKNOWN, OBJECT_NONE, 0, "");
}

static void test_calls_without_an_object(void **state)
{
    static const uint64_t calls[] = {SYS_nanosleep, SYS_msgrcv, SYS_msgsnd, SYS_wait4, SYS_pause};
    struct fixture *fixture = *state;

    fixture->probe.file = "pipe:[5]";
    for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
        struct thread_record record = waiting(calls[i], 7, 0, 0);

        assert_wait(fixture, &record, WAIT_UNKNOWN, OBJECT_NONE, 0, "");
    }
    assert_int_equal(fixture->probe.n_requests[RPC_FILE], 0);
}

static void test_poll(void **state)
{
    const struct pollfd fds[6] = {{.fd = 9}, {.fd = 10}};
    struct fixture *fixture = *state;
    struct thread_record record = waiting(SYS_poll, (uint64_t)(uintptr_t)fds, 1, 0);

    fixture->probe.file = "pipe:[5]";
    assert_wait(fixture, &record, WAIT_UNKNOWN, OBJECT_FILE, 9, "pipe:[5]");
    record.regs[REGS_SI] = 6;
    assert_wait(fixture, &record, WAIT_UNKNOWN, OBJECT_FILE, 9, "pipe:[5], 1 of 6 descriptors");
    fixture->probe.file = NULL;
    assert_wait(fixture, &record, WAIT_UNKNOWN, OBJECT_FILE, 9, "1 of 6 descriptors");
    record.regs[REGS_SI] = 0; /* a sleep */
    assert_wait(fixture, &record, WAIT_UNKNOWN, OBJECT_NONE, 0, "");
    record = waiting(SYS_ppoll, 8, 1, 0);
    assert_wait(fixture, &record, WAIT_UNKNOWN, OBJECT_NONE, 0, "");
    record = waiting(SYS_select, 12, 0, 0);
    assert_wait(fixture, &record, WAIT_UNKNOWN, OBJECT_NONE, 0, "descriptors below 12");
}

static void test_probe_that_is_gone(void **state)
{
    struct fixture *fixture = *state;
    const struct thread_record record = waiting(SYS_read, 7, 0, 0);
    struct wait wait;

    fake_probe_leave(&fixture->probe);
    assert_int_equal(waits_describe(fixture->remote, &record, WAIT_UNKNOWN, &wait), -ECONNRESET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shapes_of_names),
        cmocka_unit_test(test_shape_is_that_of_the_innermost),
        cmocka_unit_test(test_owner_of_a_mutex),
        cmocka_unit_test(test_owner_of_a_rwlock),
        cmocka_unit_test(test_owner_of_others),
        TEST(test_futexes),
        TEST(test_futex_waitv),
        TEST(test_files),
        TEST(test_calls_without_an_object),
        TEST(test_poll),
        TEST(test_probe_that_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
