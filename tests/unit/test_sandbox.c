/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a role may still do in its sandbox: tried by a child, which sends its findings to a socket.
 * There it makes bare system calls only: the sanitizers' run-time would need more than is allowed.
 * What takes root to be dropped is only seen when the tests run as root.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attempts.h"
#include "user/sandbox.h"

/* What this process limited itself to. */
struct limits {
    bool bounds_core;
    rlim_t core;
    rlim_t data; /* 0: not bounded */
};

static struct limits limits;

/* The sanitizers' memory alone is more than an analyst may have: that limit is only noted. */
int setrlimit(__rlimit_resource_t resource, const struct rlimit *limit)
{
    if (resource == RLIMIT_DATA) {
        limits.data = limit->rlim_max;
        return 0;
    }
    if (resource == RLIMIT_CORE) {
        limits.bounds_core = true;
        limits.core = limit->rlim_max;
    }
    return (int)syscall(SYS_prlimit64, 0, resource, limit, NULL);
}

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

struct sandbox {
    int (*enter)(void);
    const struct attempt *first;
    size_t n_first;
    const struct attempt *more;
    size_t n_more;
};

static const struct sandbox analyst = {sandbox_analyst, both, LENGTH(both), analyst_only,
                                       LENGTH(analyst_only)};
static const struct sandbox monitor = {sandbox_monitor, both, LENGTH(both), monitor_only,
                                       LENGTH(monitor_only)};
static const struct sandbox reader = {sandbox_reader, reader_only, LENGTH(reader_only), NULL, 0};
static const struct sandbox probe = {sandbox_probe, probe_only, LENGTH(probe_only), NULL, 0};
static const struct sandbox screen = {sandbox_screen, both, LENGTH(both), screen_only,
                                      LENGTH(screen_only)};

/* The call's result as in struct attempt. */
static long try_call(const struct attempt *attempt)
{
    const long *a = attempt->arguments;
    long r = syscall(attempt->number, a[0], a[1], a[2], a[3], a[4], a[5]);

    return r == -1 ? -errno : 0;
}

static void try_all(int fd, const struct attempt *attempts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        long result = try_call(&attempts[i]);

        if (send(fd, &result, sizeof(result), 0) != sizeof(result))
            syscall(SYS_exit_group, 2);
    }
}

struct confined {
    pid_t pid;
    int findings; /* a long for each attempt */
    int leave;    /* closed: the child ends */
    struct limits limits;
};

static void be_confined(const struct sandbox *sandbox, int findings, int leave)
{
    long entered = sandbox->enter();

    if (send(findings, &entered, sizeof(entered), 0) != sizeof(entered) ||
        send(findings, &limits, sizeof(limits), 0) != sizeof(limits))
        syscall(SYS_exit_group, 2);
    try_all(findings, sandbox->first, sandbox->n_first);
    try_all(findings, sandbox->more, sandbox->n_more);
    /* Not _exit(): calls that do not return make AddressSanitizer look at the signal stack. */
    syscall(SYS_exit_group, read(leave, scratch, 1) < 0);
}

static struct confined confine(const struct sandbox *sandbox)
{
    int findings[2], leave[2];
    struct confined confined;
    long entered = -1;

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, findings), 0);
    assert_int_equal(pipe(leave), 0);
    confined = (struct confined){fork(), findings[0], leave[1], {0}};
    if (!confined.pid) {
        close(findings[0]);
        close(leave[1]);
        be_confined(sandbox, findings[1], leave[0]);
    }
    close(findings[1]);
    close(leave[0]);
    assert_int_equal(read(confined.findings, &entered, sizeof(entered)), sizeof(entered));
    assert_int_equal(entered, 0);
    assert_int_equal(read(confined.findings, &confined.limits, sizeof(confined.limits)),
                     sizeof(confined.limits));
    return confined;
}

static void release(struct confined *confined)
{
    int status;

    close(confined->leave);
    assert_int_equal(waitpid(confined->pid, &status, 0), confined->pid);
    assert_int_equal(status, 0);
    close(confined->findings);
}

static void assert_findings(int fd, const struct attempt *attempts, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        long result = 1;

        assert_int_equal(read(fd, &result, sizeof(result)), sizeof(result));
        if (result != attempts[i].expected)
            fail_msg("%s gave %ld, not %ld", attempts[i].name, result, attempts[i].expected);
    }
}

static void assert_calls(const struct sandbox *sandbox)
{
    struct confined confined = confine(sandbox);

    assert_findings(confined.findings, sandbox->first, sandbox->n_first);
    assert_findings(confined.findings, sandbox->more, sandbox->n_more);
    release(&confined);
}

static void test_calls_of_an_analyst(void **state)
{
    (void)state;
    assert_calls(&analyst);
}

static void test_calls_of_the_monitor(void **state)
{
    (void)state;
    assert_calls(&monitor);
}

static void test_calls_of_a_screen(void **state)
{
    (void)state;
    assert_calls(&screen);
}

static void test_calls_of_a_reader(void **state)
{
    (void)state;
    assert_calls(&reader);
}

static void test_calls_of_the_probe(void **state)
{
    (void)state;
    assert_calls(&probe);
}

/* What only Landlock denies, so that it shows whether it is there: a datagram to an abstract socket
 * of the outside, from a socket of before. Known from version 6 on. */
static void test_outsiders_are_out_of_reach(void **state)
{
    const struct sandbox sandboxes[] = {analyst, monitor, screen};
    const struct sockaddr_un address = {AF_UNIX, "\0parkwatch-test"};
    bool known = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u) >= 6;
    int outside = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    int from = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const struct attempt attempt = {
        "datagram to an outsider",
        SYS_sendto,
        {from, ADDRESS(scratch), 1, 0, ADDRESS(&address), sizeof(address)},
        known ? -EPERM : 0,
    };

    (void)state;
    assert_int_equal(bind(outside, (const struct sockaddr *)&address, sizeof(address)), 0);
    for (size_t i = 0; i < LENGTH(sandboxes); i++)
        assert_calls(&(struct sandbox){sandboxes[i].enter, &attempt, 1, NULL, 0});
    close(outside);
    close(from);
}

/* The value of a line of /proc/PID/status. */
static void status_line(pid_t pid, const char *name, char *ret_value, size_t size)
{
    char path[64], line[256];
    size_t length = strlen(name);
    FILE *lines;

    ret_value[0] = '\0';
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    lines = fopen(path, "re");
    assert_non_null(lines);
    while (fgets(line, sizeof(line), lines))
        if (!strncmp(line, name, length) && line[length] == ':')
            snprintf(ret_value, size, "%s", line + length + 1 + strspn(line + length + 1, "\t "));
    fclose(lines);
    ret_value[strcspn(ret_value, "\n")] = '\0';
}

static void assert_status(pid_t pid, const char *name, const char *expected)
{
    char value[256];

    status_line(pid, name, value, sizeof(value));
    assert_string_equal(value, expected);
}

static uint64_t capabilities(pid_t pid, const char *name)
{
    char value[256];

    status_line(pid, name, value, sizeof(value));
    return strtoull(value, NULL, 16);
}

static void assert_identity(const struct sandbox *sandbox)
{
    struct confined confined = confine(sandbox);

    assert_status(confined.pid, "NoNewPrivs", "1");
    assert_status(confined.pid, "Seccomp", "2");
    assert_int_equal(capabilities(confined.pid, "CapEff"), 0);
    assert_int_equal(capabilities(confined.pid, "CapPrm"), 0);
    assert_int_equal(capabilities(confined.pid, "CapInh"), 0);
    assert_int_equal(capabilities(confined.pid, "CapAmb"), 0);
    if (!geteuid()) {
        assert_status(confined.pid, "Uid", "65534\t65534\t65534\t65534");
        assert_status(confined.pid, "Gid", "65534\t65534\t65534\t65534");
        assert_status(confined.pid, "Groups", "");
    }
    release(&confined);
}

static void test_identity(void **state)
{
    (void)state;
    assert_identity(&analyst);
    assert_identity(&monitor);
    assert_identity(&screen);
}

static void assert_limits(const struct sandbox *sandbox, bool bounds_data)
{
    struct confined confined = confine(sandbox);

    assert_true(confined.limits.bounds_core);
    assert_int_equal(confined.limits.core, 0);
    assert_int_equal(confined.limits.data > 0, bounds_data);
    release(&confined);
}

static void test_limits(void **state)
{
    (void)state;
    assert_limits(&analyst, true);
    assert_limits(&monitor, false);
    assert_limits(&screen, false);
}

/* It starts readers and analysts: that is its use. But it is no root any more. */
static void test_probe_keeps_what_it_needs(void **state)
{
    /* DAC_READ_SEARCH, KILL, SETGID, SETUID, SYS_PTRACE, PERFMON, BPF, CHECKPOINT_RESTORE */
    const uint64_t most = 1ull << 2 | 1ull << 5 | 1ull << 6 | 1ull << 7 | 1ull << 19 | 1ull << 38 |
                          1ull << 39 | 1ull << 40;
    uint64_t before = capabilities(getpid(), "CapPrm");
    struct confined confined = confine(&probe);

    (void)state;
    assert_int_equal(capabilities(confined.pid, "CapPrm"), before & most);
    assert_int_equal(capabilities(confined.pid, "CapEff"), before & most);
    assert_int_equal(capabilities(confined.pid, "CapInh"), 0);
    assert_int_equal(capabilities(confined.pid, "CapAmb"), 0);
    assert_status(confined.pid, "NoNewPrivs", "1");
    assert_status(confined.pid, "Seccomp", "2");
    release(&confined);
}

static void test_reader_keeps_less_than_the_probe(void **state)
{
    /* DAC_READ_SEARCH, SYS_PTRACE, CHECKPOINT_RESTORE */
    const uint64_t most = 1ull << 2 | 1ull << 19 | 1ull << 40;
    uint64_t before = capabilities(getpid(), "CapPrm");
    struct confined confined = confine(&reader);

    (void)state;
    assert_int_equal(capabilities(confined.pid, "CapPrm"), before & most);
    assert_int_equal(capabilities(confined.pid, "CapEff"), before & most);
    assert_int_equal(capabilities(confined.pid, "CapInh"), 0);
    assert_int_equal(capabilities(confined.pid, "CapAmb"), 0);
    assert_status(confined.pid, "NoNewPrivs", "1");
    assert_status(confined.pid, "Seccomp", "2");
    if (!geteuid()) {
        assert_status(confined.pid, "Uid", "65534\t65534\t65534\t65534");
        assert_status(confined.pid, "Groups", "");
    }
    release(&confined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_of_an_analyst),
        cmocka_unit_test(test_calls_of_the_monitor),
        cmocka_unit_test(test_calls_of_a_screen),
        cmocka_unit_test(test_calls_of_a_reader),
        cmocka_unit_test(test_calls_of_the_probe),
        cmocka_unit_test(test_outsiders_are_out_of_reach),
        cmocka_unit_test(test_reader_keeps_less_than_the_probe),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_probe_keeps_what_it_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
