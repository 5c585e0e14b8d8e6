/* SPDX-License-Identifier: Apache-2.0 */
#include "role.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/oom.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "log.h"

/* As if it had half of the memory there is, besides what it has (proc(5), oom_score_adj). */
#define SPARE_SCORE 500L

static int by_number(const void *a, const void *b)
{
    return *(const int *)a - *(const int *)b;
}

static int close_others(const struct role *role)
{
    int keep[ROLE_KEEP_MAX + 1];
    unsigned int next = STDERR_FILENO + 1;
    size_t n = 0;

    for (size_t i = 0; i < role->n_keep; i++)
        keep[n++] = role->keep[i];
    qsort(keep, n, sizeof(keep[0]), by_number);
    for (size_t i = 0; i < n; i++) {
        if (keep[i] < (int)next)
            continue;
        if (keep[i] > (int)next && syscall(SYS_close_range, next, keep[i] - 1, 0))
            return -errno;
        next = keep[i] + 1;
    }
    return syscall(SYS_close_range, next, ~0u, 0) ? -errno : 0;
}

static bool is_kept(const struct role *role, int fd)
{
    for (size_t i = 0; i < role->n_keep; i++)
        if (role->keep[i] == fd)
            return true;
    return false;
}

static int silence_standard(const struct role *role)
{
    AUTO_CLOSE int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    int last = role->quiet ? STDERR_FILENO : STDOUT_FILENO;

    if (null < 0)
        return -errno;
    for (int fd = STDIN_FILENO; fd <= last; fd++)
        if (!is_kept(role, fd) && dup2(null, fd) < 0)
            return -errno;
    return 0;
}

/* The probe alone decides what signals from the terminal mean; it ends its sockets. A role that the
 * terminal stopped would stay so where only the probe is told to go on. */
static void leave_signals(void)
{
    sigset_t none;

    signal(SIGINT, SIG_IGN);
    signal(SIGTERM, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGTSTP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
}

/* O_RDWR is what the probe's filter lets through. */
static int open_score(void)
{
    return open("/proc/self/oom_score_adj", O_RDWR | O_CLOEXEC);
}

int role_check_spare(void)
{
    AUTO_CLOSE int fd = open_score();

    return fd < 0 ? -errno : 0;
}

/* On top of what the probe was given. Where it cannot be said all roles stay alike, and nothing is
 * logged here: the probe did so, once for all of them (role_check_spare()). */
static void offer_to_end(void)
{
    AUTO_CLOSE int fd = open_score();
    char text[32] = "";
    long score;

    if (fd < 0 || pread(fd, text, sizeof(text) - 1, 0) <= 0)
        return;
    score = strtol(text, NULL, 10) + SPARE_SCORE;
    snprintf(text, sizeof(text), "%ld", score < OOM_SCORE_ADJ_MAX ? score : OOM_SCORE_ADJ_MAX);
    if (pwrite(fd, text, strlen(text), 0) < 0)
        return;
}

static int become(const struct role *role, pid_t parent)
{
    int r;

    if (prctl(PR_SET_PDEATHSIG, SIGKILL))
        return -errno;
    if (getppid() != parent)
        return -ECHILD;
    prctl(PR_SET_NAME, role->name);
    if (role->spare)
        offer_to_end();
    leave_signals();
    r = silence_standard(role);
    return r ? r : close_others(role);
}

/* The child's part, to its end. */
static int play(const struct role *role, pid_t parent)
{
    int r = become(role, parent);

    if (!r)
        return role->run(role->context);
    log_error("%s cannot start: %s", role->name, strerror(-r));
    return EXIT_FAILURE;
}

int role_start(const struct role *role, pid_t *ret_pid)
{
    pid_t parent = getpid(), pid;

    if (role->n_keep > ROLE_KEEP_MAX)
        return -E2BIG;
    pid = fork();
    if (pid < 0)
        return -errno;
    if (!pid)
        _exit(play(role, parent));
    *ret_pid = pid;
    return 0;
}
