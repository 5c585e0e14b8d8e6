/* SPDX-License-Identifier: Apache-2.0 */
/* What a role finds itself with: descriptors, signals, a name, and an end. Roles answer with what
 * they found as their exit status. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "user/role.h"

#define SCANNED_FDS 256

/* The exit status of a role. */
static int status_of(const struct role *role)
{
    int status = 0;
    pid_t pid = 0;

    assert_int_equal(role_start(role, &pid), 0);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static int return_context(void *context)
{
    return *(const int *)context;
}

static void test_value_becomes_the_exit_status(void **state)
{
    int value = 0;
    const struct role role = {.name = "test", .run = return_context, .context = &value};

    (void)state;
    assert_int_equal(status_of(&role), 0);
    value = 42;
    assert_int_equal(status_of(&role), 42);
}

static bool is_open(int fd)
{
    return fcntl(fd, F_GETFD) >= 0;
}

struct expected_fds {
    const int *keep;
    size_t n_keep;
};

/* 0, or a descriptor that is open and should not be, or the other way round, plus 1. */
static int check_fds(void *context)
{
    const struct expected_fds *expected = context;

    for (int fd = 0; fd < SCANNED_FDS - 1; fd++) {
        bool wanted = fd <= STDERR_FILENO;

        for (size_t i = 0; i < expected->n_keep; i++)
            wanted |= expected->keep[i] == fd;
        if (is_open(fd) != wanted)
            return fd + 1;
    }
    return 0;
}

static void assert_fds_kept(const int *keep, size_t n_keep)
{
    struct expected_fds expected = {keep, n_keep};
    const struct role role = {
        .name = "test", .run = check_fds, .context = &expected, .keep = keep, .n_keep = n_keep};

    assert_int_equal(status_of(&role), 0);
}

static void test_other_descriptors_are_closed(void **state)
{
    int fds[12];

    (void)state;
    for (size_t i = 0; i < 12; i++)
        fds[i] = fcntl(STDERR_FILENO, F_DUPFD, 20);
    assert_fds_kept(NULL, 0);
    assert_fds_kept((int[]){fds[11]}, 1);
    assert_fds_kept((int[]){fds[0], fds[1]}, 2);
    assert_fds_kept((int[]){fds[3], STDOUT_FILENO}, 2);
    assert_fds_kept((int[]){STDIN_FILENO}, 1);
    /* In any order, with gaps, with those that are there anyway, and twice. */
    assert_fds_kept((int[]){fds[9], STDERR_FILENO, fds[2], fds[5], fds[9], STDOUT_FILENO}, 6);
    for (size_t i = 0; i < 12; i++) {
        assert_true(is_open(fds[i])); /* ours stay */
        close(fds[i]);
    }
}

static void test_too_many_descriptors(void **state)
{
    static const int keep[ROLE_KEEP_MAX + 1];
    const struct role role = {
        .name = "test", .run = check_fds, .keep = keep, .n_keep = ROLE_KEEP_MAX + 1};
    pid_t pid = 0;

    (void)state;
    assert_int_equal(role_start(&role, &pid), -E2BIG);
    assert_int_equal(pid, 0);
}

/* Bits: standard input, standard output is /dev/null. */
static int which_are_null(void *context)
{
    int null = 0;

    (void)context;
    for (int fd = STDIN_FILENO; fd <= STDOUT_FILENO; fd++) {
        struct stat stat;

        if (!fstat(fd, &stat) && S_ISCHR(stat.st_mode) && stat.st_rdev == makedev(1, 3))
            null |= 1 << fd;
    }
    return null;
}

/* Which may be /dev/null to begin with. */
static void put_pipe_at(int fd, int *ret_saved)
{
    int ends[2];

    *ret_saved = dup(fd);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(dup2(ends[fd == STDOUT_FILENO], fd), fd);
    close(ends[0]);
    close(ends[1]);
}

static void put_back(int fd, int saved)
{
    assert_int_equal(dup2(saved, fd), fd);
    close(saved);
}

static void test_standard_input_and_output_are_null(void **state)
{
    static const int output[] = {STDOUT_FILENO};
    struct role role = {.name = "test", .run = which_are_null};
    int in, out, without, with;

    (void)state;
    put_pipe_at(STDIN_FILENO, &in);
    put_pipe_at(STDOUT_FILENO, &out);
    without = status_of(&role);
    role.keep = output;
    role.n_keep = 1;
    with = status_of(&role);
    put_back(STDIN_FILENO, in);
    put_back(STDOUT_FILENO, out);
    assert_int_equal(without, 3);
    assert_int_equal(with, 1);
}

static int survive_signals(void *context)
{
    char name[16] = "";
    sigset_t blocked;

    (void)context;
    raise(SIGINT);
    raise(SIGTERM);
    raise(SIGHUP);
    raise(SIGPIPE);
    raise(SIGQUIT);
    raise(SIGTSTP);
    if (sigprocmask(SIG_SETMASK, NULL, &blocked) || sigismember(&blocked, SIGINT) ||
        sigismember(&blocked, SIGCHLD))
        return 1;
    return prctl(PR_GET_NAME, name) || strcmp(name, "pw-test");
}

/* Even where the probe has blocked them, to take them from a descriptor. */
static void test_signals_and_name(void **state)
{
    const struct role role = {.name = "pw-test", .run = survive_signals};
    sigset_t set, before;
    int status;

    (void)state;
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, &before);
    status = status_of(&role);
    sigprocmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(status, 0);
}

static int sleep_for_ever(void *context)
{
    int note_fd = *(const int *)context;

    if (write(note_fd, "r", 1) != 1)
        return 1;
    for (;;)
        pause();
}

/* The kept end of a pipe closes when the role ends. */
static void test_role_ends_with_its_parent(void **state)
{
    struct pollfd end = {.events = POLLIN};
    int ends[2], status;
    char note = 0;
    pid_t parent;

    (void)state;
    assert_int_equal(pipe(ends), 0);
    parent = fork();
    if (!parent) {
        const struct role role = {.name = "test",
                                  .run = sleep_for_ever,
                                  .context = &ends[1],
                                  .keep = &ends[1],
                                  .n_keep = 1};
        pid_t pid;
        int failed = role_start(&role, &pid);

        /* Not before the role is what it should be. */
        if (!failed && read(ends[0], &note, 1) != 1)
            failed = 1;
        raise(SIGKILL);
        _exit(failed);
    }
    close(ends[1]);
    assert_int_equal(waitpid(parent, &status, 0), parent);
    end.fd = ends[0];
    assert_int_equal(poll(&end, 1, 10000), 1);
    assert_int_equal(read(ends[0], &note, 1), 0);
    close(ends[0]);
}

static long oom_score(void)
{
    FILE *file = fopen("/proc/self/oom_score_adj", "r");
    long score = -1;

    if (!file || fscanf(file, "%ld", &score) != 1)
        score = -1;
    if (file)
        fclose(file);
    return score;
}

/* By how many hundreds it would go before its parent. */
static int go_before(void *context)
{
    return (int)((oom_score() - *(const long *)context) / 100);
}

static void test_spare_ones_go_first(void **state)
{
    long score = oom_score();
    struct role role = {.name = "test", .run = go_before, .context = &score};

    (void)state;
    assert_int_equal(status_of(&role), 0);
    role.spare = true;
    assert_int_equal(status_of(&role), score < 500 ? 5 : (1000 - score) / 100);
    assert_int_equal(oom_score(), score);
}

/* Its exit status: whether a process that may not write its own score is told so. */
static int check_undumpable(void)
{
    if ((!geteuid() && setresuid(65534, 65534, 65534)) || prctl(PR_SET_DUMPABLE, 0))
        return 2;
    return role_check_spare() != -EACCES;
}

static void test_says_whether_spare_ones_can_go_first(void **state)
{
    int status;
    pid_t pid;

    (void)state;
    assert_int_equal(role_check_spare(), 0);
    pid = fork();
    if (!pid)
        _exit(check_undumpable());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value_becomes_the_exit_status),
        cmocka_unit_test(test_other_descriptors_are_closed),
        cmocka_unit_test(test_too_many_descriptors),
        cmocka_unit_test(test_standard_input_and_output_are_null),
        cmocka_unit_test(test_signals_and_name),
        cmocka_unit_test(test_role_ends_with_its_parent),
        cmocka_unit_test(test_spare_ones_go_first),
        cmocka_unit_test(test_says_whether_spare_ones_can_go_first),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
