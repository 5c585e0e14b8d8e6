/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/usage.h"

#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "probe/child.h"

#define SPIN_US     30000ull
#define HELD        (32ul << 20) /* bytes */
#define NOBODYS_PID 0x7ffffff0   /* beyond the greatest that the kernel gives */

static uint64_t own_cpu_us(void)
{
    struct timespec spent;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &spent);
    return (uint64_t)spent.tv_sec * 1000000 + (uint64_t)spent.tv_nsec / 1000;
}

/* A body: takes CPU time and memory, and tells how much of both. */
static void busy(int note_fd)
{
    void *held = mmap(NULL, HELD, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (held == MAP_FAILED)
        _exit(1);
    memset(held, 1, HELD);
    while (own_cpu_us() < SPIN_US)
        ;
    child_ready(note_fd, &(struct child_note){.address = own_cpu_us()});
    child_sleep();
}

static void test_child(void **state)
{
    struct wire_role_usage role = {.cpu_us = 5, .resident_bytes = 7};
    struct child_note note;
    struct rusage usage;
    pid_t child;

    (void)state;
    child = child_start(busy, &note);
    usage_add(&role, child);
    assert_true(role.cpu_us >= note.address + 5);
    assert_true(role.resident_bytes >= HELD + 7);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(wait4(child, NULL, 0, &usage), child);
    assert_true(usage_cpu_us(&usage) >= SPIN_US);
}

static void test_itself(void **state)
{
    struct wire_role_usage role = {};
    const uint64_t before = own_cpu_us();

    (void)state;
    usage_add(&role, getpid());
    assert_true(role.cpu_us >= before && role.cpu_us <= own_cpu_us());
    assert_true(role.resident_bytes > 0);
}

/* What has ended and was not waited for holds nothing, and keeps its time. */
static void test_zombie(void **state)
{
    struct wire_role_usage role = {};
    struct child_note note;
    siginfo_t end;
    pid_t child;

    (void)state;
    child = child_start(busy, &note);
    assert_int_equal(kill(child, SIGKILL), 0);
    assert_int_equal(waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT), 0);
    usage_add(&role, child);
    assert_true(role.cpu_us >= note.address);
    assert_int_equal(role.resident_bytes, 0);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

static void test_unknown_stays_unknown(void **state)
{
    struct wire_role_usage role = {.cpu_us = 5, .resident_bytes = 7};

    (void)state;
    usage_add(&role, 0);
    usage_add_ended(&role, 10);
    assert_int_equal(role.cpu_us, 15);
    assert_int_equal(role.resident_bytes, 7);
    usage_add(&role, NOBODYS_PID);
    usage_add(&role, getpid());
    usage_add_ended(&role, 10);
    assert_true(role.cpu_us == WIRE_UNKNOWN);
    assert_true(role.resident_bytes == WIRE_UNKNOWN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_child),
        cmocka_unit_test(test_itself),
        cmocka_unit_test(test_zombie),
        cmocka_unit_test(test_unknown_stays_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
