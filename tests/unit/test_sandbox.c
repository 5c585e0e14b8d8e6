/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a role may still do in its sandbox: tried by a child, which writes its findings to a pipe.
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
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

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

/* One system call and what it gives: 0 for any success, or -errno. */
struct attempt {
    const char *name;
    long number;
    long arguments[6];
    long expected;
};

static uint8_t scratch[64];
static struct stat file;
static struct timespec now;
static const struct timespec no_time;
static const char *const no_arguments[] = {NULL};

#define ADDRESS(object) ((long)(intptr_t)(object))

/* Of the analyst and of the monitor. */
static const struct attempt both[] = {
    {"open", SYS_open, {ADDRESS("/dev/null"), O_RDONLY}, -EPERM},
    {"openat", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_RDONLY}, -EPERM},
    {"creat", SYS_creat, {ADDRESS("/tmp/parkwatch-unit"), 0600}, -EPERM},
    {"memfd_create", SYS_memfd_create, {ADDRESS("x"), 0}, -EPERM},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}, -EPERM},
    {"connect", SYS_connect, {3, 0, 0}, -EPERM},
    {"bind", SYS_bind, {3, 0, 0}, -EPERM},
    {"execve", SYS_execve, {ADDRESS("/bin/true"), ADDRESS(no_arguments), 0}, -EPERM},
    {"fork", SYS_fork, {0}, -EPERM},
    {"clone", SYS_clone, {SIGCHLD}, -EPERM},
    {"clone3", SYS_clone3, {0, 0}, -EPERM},
    {"ptrace", SYS_ptrace, {PTRACE_TRACEME}, -EPERM},
    {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}, -EPERM},
    {"kill", SYS_kill, {1, 0}, -EPERM},
    {"bpf", SYS_bpf, {0, 0, 0}, -EPERM},
    {"prctl", SYS_prctl, {3 /* PR_GET_DUMPABLE */}, -EPERM},
    {"io_uring_setup", SYS_io_uring_setup, {1, 0}, -EPERM},
    {"setuid", SYS_setuid, {0}, -EPERM},
    {"unlink", SYS_unlink, {ADDRESS("/tmp/parkwatch-unit")}, -EPERM},
    {"read", SYS_read, {0, ADDRESS(scratch), 0}, 0},
    {"write", SYS_write, {2, ADDRESS(scratch), 0}, 0},
    {"fstat", SYS_newfstatat, {2, ADDRESS(""), ADDRESS(&file), AT_EMPTY_PATH}, 0},
    {"stat", SYS_newfstatat, {AT_FDCWD, ADDRESS("/dev/null"), ADDRESS(&file), 0}, -EPERM},
    {"clock_gettime", SYS_clock_gettime, {CLOCK_MONOTONIC, ADDRESS(&now)}, 0},
    {"getpid", SYS_getpid, {0}, 0},
    {"poll", SYS_poll, {0, 0, 0}, 0},
    {"ppoll", SYS_ppoll, {0, 0, ADDRESS(&no_time), 0}, 0},
    {"mmap", SYS_mmap, {0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0}, 0},
    {"mmap for code",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
     -EPERM},
    {"mprotect for code", SYS_mprotect, {0x10000, 4096, PROT_EXEC | PROT_READ}, -EPERM},
    {"mprotect", SYS_mprotect, {0x10000, 0, PROT_READ}, 0},
};

/* The monitor serves connections; to the analyst that is nothing. */
static const struct attempt analyst_only[] = {
    {"accept4", SYS_accept4, {-1, 0, 0, 0}, -EPERM},
    {"epoll_wait", SYS_epoll_wait, {-1, 0, 0, 0}, -EPERM},
    {"ioctl", SYS_ioctl, {-1, TCGETS, 0}, -EPERM},
    {"fcntl", SYS_fcntl, {2, F_GETFD}, -EPERM},
    {"getdents64", SYS_getdents64, {-1, 0, 0}, -EPERM},
};

static const struct attempt monitor_only[] = {
    {"accept4", SYS_accept4, {-1, 0, 0, 0}, -EBADF},
    {"epoll_wait", SYS_epoll_wait, {-1, 0, 1, 0}, -EBADF},
    {"ioctl", SYS_ioctl, {-1, TCGETS, 0}, -EPERM},
    {"fcntl", SYS_fcntl, {2, F_GETFD}, 0},
    {"getdents64", SYS_getdents64, {-1, 0, 0}, -EBADF},
    {"mmap to write",
     SYS_mmap,
     {0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0},
     0},
};

/* A terminal may be drawn on; where there is none, that is what it says. Nothing is typed into it.
 */
static const struct attempt screen_only[] = {
    {"TCGETS", SYS_ioctl, {-1, TCGETS, 0}, -EBADF},
    {"TCSETSW", SYS_ioctl, {-1, TCSETSW, 0}, -EBADF},
    {"TIOCGWINSZ", SYS_ioctl, {-1, TIOCGWINSZ, 0}, -EBADF},
    {"TIOCGPGRP", SYS_ioctl, {-1, TIOCGPGRP, 0}, -EBADF},
    {"TIOCSTI", SYS_ioctl, {-1, TIOCSTI, 0}, -EPERM},
    {"TIOCLINUX", SYS_ioctl, {-1, TIOCLINUX, 0}, -EPERM},
    {"TIOCSPGRP", SYS_ioctl, {-1, TIOCSPGRP, 0}, -EPERM},
    {"getpgrp", SYS_getpgrp, {0}, 0},
    {"accept4", SYS_accept4, {-1, 0, 0, 0}, -EPERM},
    {"epoll_wait", SYS_epoll_wait, {-1, 0, 0, 0}, -EPERM},
};

/* Looks at everything, touches nothing. */
static const struct attempt reader_only[] = {
    {"open to read", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_RDONLY | O_CLOEXEC}, 0},
    {"open a path", SYS_openat, {AT_FDCWD, ADDRESS("/"), O_PATH | O_DIRECTORY}, 0},
    {"open to write", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_WRONLY}, -EPERM},
    {"open to read and write", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_RDWR}, -EPERM},
    {"open to make", SYS_openat, {AT_FDCWD, ADDRESS("/nowhere/x"), O_CREAT, 0600}, -EPERM},
    {"open to cut", SYS_openat, {AT_FDCWD, ADDRESS("/dev/null"), O_TRUNC}, -EPERM},
    {"open", SYS_open, {ADDRESS("/dev/null"), O_RDONLY}, -EPERM},
    {"creat", SYS_creat, {ADDRESS("/nowhere/x"), 0600}, -EPERM},
    {"memfd_create", SYS_memfd_create, {ADDRESS("x"), 0}, -EPERM},
    {"unlink", SYS_unlink, {ADDRESS("/nowhere/x")}, -EPERM},
    {"mkdir", SYS_mkdir, {ADDRESS("/nowhere/x"), 0700}, -EPERM},
    {"socket", SYS_socket, {AF_INET, SOCK_STREAM, 0}, -EPERM},
    {"execve", SYS_execve, {ADDRESS("/bin/true"), ADDRESS(no_arguments), 0}, -EPERM},
    {"fork", SYS_fork, {0}, -EPERM},
    {"clone", SYS_clone, {SIGCHLD}, -EPERM},
    {"ptrace", SYS_ptrace, {PTRACE_TRACEME}, -EPERM},
    {"setns", SYS_setns, {-1, 0}, -EPERM},
    {"kill", SYS_kill, {1, 0}, -EPERM},
    {"tgkill", SYS_tgkill, {1, 1, SIGTERM}, -EPERM},
    {"process_vm_writev", SYS_process_vm_writev, {1, 0, 0, 0, 0, 0}, -EPERM},
    {"process_vm_readv", SYS_process_vm_readv, {1, 0, 0, 0, 0, 0}, 0},
    {"bpf: load a program", SYS_bpf, {5, 0, 0}, -EPERM},
    {"bpf: make a map", SYS_bpf, {0, 0, 0}, -EPERM},
    {"setuid", SYS_setuid, {0}, -EPERM},
    {"poll", SYS_poll, {0, 0, 0}, 0},
};

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

        if (write(fd, &result, sizeof(result)) != sizeof(result))
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

    if (write(findings, &entered, sizeof(entered)) != sizeof(entered) ||
        write(findings, &limits, sizeof(limits)) != sizeof(limits))
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

    assert_int_equal(pipe(findings), 0);
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

/* It opens files and looks into processes: that is its use. But it is no root any more. */
static void test_probe_keeps_what_it_needs(void **state)
{
    /* DAC_READ_SEARCH, KILL, SETGID, SETUID, SYS_PTRACE, PERFMON, BPF, CHECKPOINT_RESTORE */
    const uint64_t most = 1ull << 2 | 1ull << 5 | 1ull << 6 | 1ull << 7 | 1ull << 19 | 1ull << 38 |
                          1ull << 39 | 1ull << 40;
    uint64_t before = capabilities(getpid(), "CapPrm");
    int findings[2], leave[2];
    pid_t pid;
    long entered;

    (void)state;
    assert_int_equal(pipe(findings), 0);
    assert_int_equal(pipe(leave), 0);
    pid = fork();
    if (!pid) {
        close(leave[1]);
        entered = sandbox_probe();
        if (write(findings[1], &entered, sizeof(entered)) != sizeof(entered))
            _exit(2);
        _exit(read(leave[0], scratch, 1) < 0);
    }
    close(leave[0]);
    assert_int_equal(read(findings[0], &entered, sizeof(entered)), sizeof(entered));
    assert_int_equal(entered, 0);
    assert_int_equal(capabilities(pid, "CapPrm"), before & most);
    assert_int_equal(capabilities(pid, "CapEff"), before & most);
    assert_int_equal(capabilities(pid, "CapInh"), 0);
    assert_status(pid, "NoNewPrivs", "1");
    release(&(struct confined){pid, findings[0], leave[1], {0}});
    close(findings[1]);
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
    assert_status(confined.pid, "NoNewPrivs", "1");
    assert_status(confined.pid, "Seccomp", "2");
    release(&confined);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_calls_of_an_analyst),
        cmocka_unit_test(test_calls_of_the_monitor),
        cmocka_unit_test(test_calls_of_a_screen),
        cmocka_unit_test(test_calls_of_a_reader),
        cmocka_unit_test(test_reader_keeps_less_than_the_probe),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_probe_keeps_what_it_needs),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
