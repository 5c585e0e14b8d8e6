/* SPDX-License-Identifier: Apache-2.0 */
/* What Landlock alone keeps from a process, with no system call filter beside it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/landlock.h"

/* What a child finds; each is 0 or -errno. */
struct findings {
    int closed;
    int opened;
    int listed;
    int made;
    int connected;
    int signalled;
    int read; /* from a descriptor of before */
};

static int result(long r)
{
    return r < 0 ? -errno : 0;
}

/* Port 1 of the loopback, where nobody listens. */
static int try_connect(int fd)
{
    const struct sockaddr_in address = {
        .sin_family = AF_INET,
        .sin_port = htons(1),
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
    };

    return result(connect(fd, (const struct sockaddr *)&address, sizeof(address)));
}

static void try_all(struct findings *ret)
{
    int socket_fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int before = open("/dev/zero", O_RDONLY | O_CLOEXEC);
    char byte;

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    ret->closed = landlock_close();
    ret->opened = result(open("/proc/version", O_RDONLY | O_CLOEXEC));
    ret->listed = result(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    ret->made = result(open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600));
    ret->connected = try_connect(socket_fd);
    ret->signalled = result(kill(getppid(), 0));
    ret->read = result(read(before, &byte, 1));
}

/* The findings of a child that did `prepare` first. */
static struct findings find(void (*prepare)(void))
{
    struct findings findings = {.closed = -1};
    int results[2];
    int status;
    pid_t pid;

    assert_int_equal(pipe(results), 0);
    pid = fork();
    if (!pid) {
        if (prepare)
            prepare();
        try_all(&findings);
        _exit(write(results[1], &findings, sizeof(findings)) != sizeof(findings));
    }
    assert_int_equal(read(results[0], &findings, sizeof(findings)), sizeof(findings));
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    close(results[0]);
    close(results[1]);
    return findings;
}

static void test_closed(void **state)
{
    long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1u);
    struct findings findings = find(NULL);

    (void)state;
    assert_int_equal(findings.closed, 0);
    assert_int_equal(findings.read, 0);
    assert_int_equal(findings.opened, version >= 1 ? -EACCES : 0);
    assert_int_equal(findings.listed, version >= 1 ? -EACCES : 0);
    assert_int_equal(findings.made, version >= 1 ? -EACCES : 0);
    assert_int_equal(findings.connected, version >= 4 ? -EACCES : -ECONNREFUSED);
    assert_int_equal(findings.signalled, version >= 6 ? -EPERM : 0);
}

/* A kernel before 5.13. */
static void take_landlock_away(void)
{
    scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);

    seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(landlock_create_ruleset), 0);
    seccomp_load(filter);
    seccomp_release(filter);
}

static void test_missing_is_no_error(void **state)
{
    struct findings findings = find(take_landlock_away);

    (void)state;
    assert_int_equal(findings.closed, 0);
    assert_int_equal(findings.opened, 0);
    assert_int_equal(findings.read, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_closed),
        cmocka_unit_test(test_missing_is_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
