/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox.h"

#include <cap-ng.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <seccomp.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cleanup.h"

#define NOBODY 65534
/* Private writable memory; mapped files are not in it. The sanitizers' shadow of all memory is. */
#ifdef __SANITIZE_ADDRESS__
#define ANALYST_MEMORY_MAX (1ul << 50)
#else
#define ANALYST_MEMORY_MAX (1ul << 30)
#endif

static const unsigned int probe_capabilities[] = {
    CAP_BPF,    CAP_PERFMON, CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_CHECKPOINT_RESTORE,
    CAP_SETUID, CAP_SETGID,  CAP_KILL,
};

static const unsigned int reader_capabilities[] = {
    CAP_SYS_PTRACE,
    CAP_DAC_READ_SEARCH,
    CAP_CHECKPOINT_RESTORE,
};

/* Drops all capabilities but these, as far as it has them. */
static int keep_capabilities(const unsigned int *kept, size_t n)
{
    bool may_bound, held[CAP_LAST_CAP + 1];

    if (capng_get_caps_process())
        return -EPERM;
    may_bound = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP);
    for (size_t i = 0; i < n; i++)
        held[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]);
    capng_clear(CAPNG_SELECT_BOTH);
    for (size_t i = 0; i < n; i++)
        if (held[i])
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
                         kept[i]);
    /* The bounding set takes CAP_SETPCAP; who lacks that has less to drop. */
    if (capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS))
        return -EPERM;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

int sandbox_probe(void)
{
    return keep_capabilities(probe_capabilities, LENGTH(probe_capabilities));
}

static int drop_identity(void)
{
    capng_flags_t flags = CAPNG_DROP_SUPP_GRP;

    if (capng_get_caps_process())
        return -EPERM;
    /* An analyst's bounding set is the probe's already. */
    if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP))
        flags |= CAPNG_CLEAR_BOUNDING;
    capng_clear(CAPNG_SELECT_CAPS);
    if (geteuid() == 0) {
        if (capng_change_id(NOBODY, NOBODY, flags))
            return -EPERM;
    } else if (capng_apply(CAPNG_SELECT_CAPS)) {
        return -EPERM;
    }
    /* A change of user takes back the signal at the parent's death. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ||
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        return -errno;
    return 0;
}

/* For both: memory, clocks, and what descriptors that are there already are for. */
static const int common_calls[] = {
    SCMP_SYS(read),         SCMP_SYS(write),        SCMP_SYS(pread64),
    SCMP_SYS(readv),        SCMP_SYS(writev),       SCMP_SYS(close),
    SCMP_SYS(fstat),        SCMP_SYS(lseek),        SCMP_SYS(recvmsg),
    SCMP_SYS(recvfrom),     SCMP_SYS(sendmsg),      SCMP_SYS(sendto),
    SCMP_SYS(munmap),       SCMP_SYS(mremap),       SCMP_SYS(madvise),
    SCMP_SYS(brk),          SCMP_SYS(futex),        SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday), SCMP_SYS(getrandom),    SCMP_SYS(poll),
    SCMP_SYS(ppoll),        SCMP_SYS(exit),         SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn), SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask),
    SCMP_SYS(getpid),       SCMP_SYS(gettid),       SCMP_SYS(restart_syscall),
#ifdef __SANITIZE_ADDRESS__
    SCMP_SYS(sigaltstack),
#endif
};

static const int monitor_calls[] = {
    SCMP_SYS(accept4),    SCMP_SYS(epoll_wait), SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),
    SCMP_SYS(setsockopt), SCMP_SYS(getsockopt), SCMP_SYS(getsockname), SCMP_SYS(getpeername),
    SCMP_SYS(shutdown),   SCMP_SYS(fcntl),      SCMP_SYS(getdents64),  SCMP_SYS(getrusage),
};

static const int screen_calls[] = {
    SCMP_SYS(getdents64),
    SCMP_SYS(getrusage),
    SCMP_SYS(getpgrp),
    SCMP_SYS(getpgid),
};

/* What curses and the screen ask of a terminal. */
static const unsigned int screen_requests[] = {
    TCGETS, TCSETS, TCSETSW, TCSETSF, TCFLSH, TIOCGWINSZ, TIOCGPGRP,
};

static const int reader_calls[] = {
    SCMP_SYS(openat2), SCMP_SYS(fstatfs),    SCMP_SYS(readlink),         SCMP_SYS(readlinkat),
    SCMP_SYS(fcntl),   SCMP_SYS(getdents64), SCMP_SYS(process_vm_readv), SCMP_SYS(ioctl),
};

static int allow(scmp_filter_ctx filter, const int *calls, size_t n)
{
    int r = 0;

    for (size_t i = 0; i < n && !r; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, calls[i], 0);
    return r;
}

static void release(scmp_filter_ctx *filter)
{
    seccomp_release(*filter);
}

static int allow_screen(scmp_filter_ctx filter)
{
    int r = 0;

    for (size_t i = 0; i < LENGTH(screen_requests) && !r; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_EQ, screen_requests[i]));
    return r;
}

static int allow_common(scmp_filter_ctx filter)
{
    int r = allow(filter, common_calls, LENGTH(common_calls));

    /* Memory is never made executable. */
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    /* abort() signals itself; the user that the roles become has other processes. */
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1,
                             SCMP_A0(SCMP_CMP_EQ, getpid()));
    /* fstat() of newer C libraries is newfstatat(fd, "", ..., AT_EMPTY_PATH). A filter does not see
     * that the path is empty: what stat() tells of any file stays to be had, its contents do not.
     */
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(newfstatat), 1,
                             SCMP_A3(SCMP_CMP_EQ, 0x1000));
    return r;
}

/* Opens for reading only, asks whether a thread is there and signals none, and of bpf() makes
 * nothing but a sweep of the links that are there. What openat2() is asked for no filter sees. */
static int allow_reading(scmp_filter_ctx filter)
{
    int r;

    r = seccomp_rule_add(
        filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
        SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY));
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A2(SCMP_CMP_EQ, 0));
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1,
                             SCMP_A0(SCMP_CMP_EQ, BPF_ITER_CREATE));
    return r;
}

/* What is not allowed fails with EPERM, as elfutils expects of files that it may not open. */
static int filter_calls(const int *more, size_t n_more, int (*allow_more)(scmp_filter_ctx filter))
{
    CLEANUP(release) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ERRNO(EPERM));
    int r;

    if (!filter)
        return -ENOMEM;
    r = allow_common(filter);
    if (!r)
        r = allow(filter, more, n_more);
    if (!r && allow_more)
        r = allow_more(filter);
    return r ? r : seccomp_load(filter);
}

static void limit(int resource, rlim_t most)
{
    struct rlimit now;

    if (getrlimit(resource, &now) || now.rlim_max < most)
        return;
    setrlimit(resource, &(struct rlimit){most, most});
}

int sandbox_reader(void)
{
    int r = keep_capabilities(reader_capabilities, LENGTH(reader_capabilities));

    if (r)
        return r;
    limit(RLIMIT_CORE, 0);
    return filter_calls(reader_calls, LENGTH(reader_calls), allow_reading);
}

int sandbox_analyst(void)
{
    int r = drop_identity();

    if (r)
        return r;
    limit(RLIMIT_CORE, 0);
    limit(RLIMIT_DATA, ANALYST_MEMORY_MAX);
    return filter_calls(NULL, 0, NULL);
}

int sandbox_screen(void)
{
    int r = drop_identity();

    if (r)
        return r;
    limit(RLIMIT_CORE, 0);
    return filter_calls(screen_calls, LENGTH(screen_calls), allow_screen);
}

int sandbox_monitor(void)
{
    int r = drop_identity();

    if (r)
        return r;
    limit(RLIMIT_CORE, 0);
    return filter_calls(monitor_calls, LENGTH(monitor_calls), NULL);
}
