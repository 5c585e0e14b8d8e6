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
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "cleanup.h"
#include "landlock.h"

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

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Of the capabilities that it has chooses these, and no other: the next capng_ call drops the rest.
 */
static int choose_capabilities(const unsigned int *kept, size_t n)
{
    bool held[CAP_LAST_CAP + 1];

    if (capng_get_caps_process())
        return -EPERM;
    for (size_t i = 0; i < n; i++)
        held[i] = capng_have_capability(CAPNG_PERMITTED, kept[i]);
    capng_clear(CAPNG_SELECT_BOTH);
    for (size_t i = 0; i < n; i++)
        if (held[i])
            capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET,
                         kept[i]);
    return 0;
}

static bool has(unsigned int capability)
{
    return !capng_get_caps_process() && capng_have_capability(CAPNG_EFFECTIVE, capability);
}

/* Who is not root has no other user's rights to lose, and may not change. */
static bool may_become_nobody(void)
{
    return !geteuid() && has(CAP_SETUID) && has(CAP_SETGID);
}

/* The bounding set takes CAP_SETPCAP; who lacks that has less to drop. */
static int apply_capabilities(bool may_bound)
{
    return capng_apply(may_bound ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

/* Keeps these capabilities alone, as user nobody if `nobody`. */
static int drop_all_but(const unsigned int *kept, size_t n, bool nobody)
{
    bool may_bound = has(CAP_SETPCAP);
    int r = choose_capabilities(kept, n);

    if (r)
        return r;
    if (!nobody)
        r = apply_capabilities(may_bound);
    else if (capng_change_id(NOBODY, NOBODY,
                             CAPNG_DROP_SUPP_GRP | (may_bound ? CAPNG_CLEAR_BOUNDING : 0)))
        r = -EPERM;
    if (r)
        return r;
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) ? -errno : 0;
}

/* A change of user takes back the signal at the parent's death. */
static int end_with_parent(void)
{
    return prctl(PR_SET_PDEATHSIG, SIGKILL) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) ? -errno : 0;
}

static int drop_identity(void)
{
    int r = drop_all_but(NULL, 0, may_become_nobody());

    if (!r)
        r = end_with_parent();
    return r ? r : landlock_close();
}

/* For all: memory, clocks, and what descriptors that are there already are for. */
static const int common_calls[] = {
    SCMP_SYS(read),           SCMP_SYS(readv),
    SCMP_SYS(pread64),        SCMP_SYS(close),
    SCMP_SYS(fstat),          SCMP_SYS(lseek),
    SCMP_SYS(recvmsg),        SCMP_SYS(recvfrom),
    SCMP_SYS(sendmsg),        SCMP_SYS(sendto),
    SCMP_SYS(munmap),         SCMP_SYS(mremap),
    SCMP_SYS(madvise),        SCMP_SYS(brk),
    SCMP_SYS(futex),          SCMP_SYS(clock_gettime),
    SCMP_SYS(gettimeofday),   SCMP_SYS(getrandom),
    SCMP_SYS(poll),           SCMP_SYS(ppoll),
    SCMP_SYS(exit),           SCMP_SYS(exit_group),
    SCMP_SYS(rt_sigreturn),   SCMP_SYS(rt_sigaction),
    SCMP_SYS(rt_sigprocmask), SCMP_SYS(getpid),
    SCMP_SYS(gettid),         SCMP_SYS(restart_syscall),
#ifdef __SANITIZE_ADDRESS__
    SCMP_SYS(sigaltstack),
#endif
};

static const int analyst_calls[] = {
    SCMP_SYS(write),
    SCMP_SYS(writev),
};

static const int monitor_calls[] = {
    SCMP_SYS(write),       SCMP_SYS(writev),      SCMP_SYS(accept4),    SCMP_SYS(epoll_wait),
    SCMP_SYS(epoll_pwait), SCMP_SYS(epoll_ctl),   SCMP_SYS(setsockopt), SCMP_SYS(getsockopt),
    SCMP_SYS(getsockname), SCMP_SYS(getpeername), SCMP_SYS(shutdown),   SCMP_SYS(getdents64),
    SCMP_SYS(socketpair),  SCMP_SYS(getrusage),
};

static const int screen_calls[] = {
    SCMP_SYS(write),     SCMP_SYS(writev),  SCMP_SYS(getdents64),
    SCMP_SYS(getrusage), SCMP_SYS(getpgrp), SCMP_SYS(getpgid),
};

/* What curses and the screen ask of a terminal. */
static const unsigned int screen_requests[] = {
    TCGETS, TCSETS, TCSETSW, TCSETSF, TCFLSH, TIOCGWINSZ, TIOCGPGRP,
};

/* Neither write() nor anything else that changes a file, whoever opened it. */
static const int reader_calls[] = {
    SCMP_SYS(openat2),    SCMP_SYS(fstatfs),    SCMP_SYS(readlink),
    SCMP_SYS(readlinkat), SCMP_SYS(getdents64), SCMP_SYS(process_vm_readv),
};

/* PAGEMAP_SCAN, whose argument has twelve words; see probe/memory.c. */
#define PAGEMAP_SCAN_IOCTL  _IOWR('f', 16, uint64_t[12])
/* PROCMAP_QUERY, likewise of thirteen; see probe/mapped.c. */
#define PROCMAP_QUERY_IOCTL _IOWR('f', 17, uint64_t[13])

/* What the probe, which starts processes and makes their sockets, has no use for. It is no list of
 * what it may do: that would be most of what libbpf, the C library and all roles do. */
static const int probe_refused[] = {
    SCMP_SYS(execve),
    SCMP_SYS(execveat),
    SCMP_SYS(ptrace),
    SCMP_SYS(process_vm_writev),
    SCMP_SYS(process_madvise),
    SCMP_SYS(socket),
    SCMP_SYS(connect),
    SCMP_SYS(bind),
    SCMP_SYS(listen),
    SCMP_SYS(setns),
    SCMP_SYS(unshare),
    SCMP_SYS(chroot),
    SCMP_SYS(pivot_root),
    SCMP_SYS(mount),
    SCMP_SYS(umount2),
    SCMP_SYS(move_mount),
    SCMP_SYS(open_tree),
    SCMP_SYS(fsopen),
    SCMP_SYS(fsmount),
    SCMP_SYS(mount_setattr),
    SCMP_SYS(mknod),
    SCMP_SYS(mknodat),
    SCMP_SYS(link),
    SCMP_SYS(linkat),
    SCMP_SYS(symlink),
    SCMP_SYS(symlinkat),
    SCMP_SYS(rename),
    SCMP_SYS(renameat),
    SCMP_SYS(renameat2),
    SCMP_SYS(unlink),
    SCMP_SYS(unlinkat),
    SCMP_SYS(mkdir),
    SCMP_SYS(mkdirat),
    SCMP_SYS(rmdir),
    SCMP_SYS(creat),
    SCMP_SYS(truncate),
    SCMP_SYS(chmod),
    SCMP_SYS(fchmod),
    SCMP_SYS(fchmodat),
    SCMP_SYS(chown),
    SCMP_SYS(fchown),
    SCMP_SYS(lchown),
    SCMP_SYS(fchownat),
    SCMP_SYS(setxattr),
    SCMP_SYS(lsetxattr),
    SCMP_SYS(fsetxattr),
    SCMP_SYS(utimensat),
    SCMP_SYS(open_by_handle_at),
    SCMP_SYS(init_module),
    SCMP_SYS(finit_module),
    SCMP_SYS(delete_module),
    SCMP_SYS(kexec_load),
    SCMP_SYS(kexec_file_load),
    SCMP_SYS(perf_event_open),
    SCMP_SYS(io_uring_setup),
    SCMP_SYS(userfaultfd),
    SCMP_SYS(pidfd_getfd),
    SCMP_SYS(add_key),
    SCMP_SYS(request_key),
    SCMP_SYS(keyctl),
    SCMP_SYS(syslog),
    SCMP_SYS(reboot),
    SCMP_SYS(swapon),
    SCMP_SYS(settimeofday),
    SCMP_SYS(clock_settime),
    SCMP_SYS(adjtimex),
    SCMP_SYS(sethostname),
    SCMP_SYS(personality),
    SCMP_SYS(acct),
    SCMP_SYS(quotactl),
    SCMP_SYS(fanotify_init),
    SCMP_SYS(iopl),
    SCMP_SYS(ioperm),
    SCMP_SYS(modify_ldt),
    SCMP_SYS(kcmp),
};

/* Of bpf(): no new program, no new map, nothing pinned, and no descriptor of another's. */
static const int probe_refused_bpf[] = {
    BPF_PROG_LOAD,         BPF_MAP_CREATE,       BPF_OBJ_PIN,
    BPF_OBJ_GET,           BPF_PROG_ATTACH,      BPF_RAW_TRACEPOINT_OPEN,
    BPF_PROG_GET_FD_BY_ID, BPF_MAP_GET_FD_BY_ID, BPF_LINK_GET_FD_BY_ID,
    BPF_BTF_LOAD,          BPF_LINK_UPDATE,      BPF_PROG_BIND_MAP,
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

/* F_DUPFD to F_SETFL: no locks, no leases, no signals to whom it may concern. */
static int allow_fcntl(scmp_filter_ctx filter)
{
    return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(fcntl), 1,
                            SCMP_A1(SCMP_CMP_LE, F_SETFL));
}

/* Memory is never made executable, and no file is changed through it. */
static int allow_memory(scmp_filter_ctx filter)
{
    int r;

    r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mmap), 2,
                         SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0),
                         SCMP_A3(SCMP_CMP_MASKED_EQ, MAP_SHARED, 0));
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(mprotect), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
    return r;
}

static int allow_common(scmp_filter_ctx filter)
{
    int r = allow(filter, common_calls, LENGTH(common_calls));

    if (!r)
        r = allow_memory(filter);
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
 * nothing but a sweep of the links that are there. What openat2() is asked for no filter sees: it
 * could make an empty file where anybody may, and write nothing to it. */
static int allow_reading(scmp_filter_ctx filter)
{
    int r = allow_fcntl(filter);

    if (!r)
        r = seccomp_rule_add(
            filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1,
            SCMP_A2(SCMP_CMP_MASKED_EQ, O_ACCMODE | O_CREAT | O_TRUNC | O_APPEND, O_RDONLY));
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(tgkill), 1, SCMP_A2(SCMP_CMP_EQ, 0));
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(bpf), 1,
                             SCMP_A0(SCMP_CMP_EQ, BPF_ITER_CREATE));
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_EQ, PAGEMAP_SCAN_IOCTL));
    if (!r)
        r = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
                             SCMP_A1(SCMP_CMP_EQ, PROCMAP_QUERY_IOCTL));
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

/* What the probe itself writes was opened before, and roles are started with /dev/null and their
 * oom_score_adj, which are O_RDWR. It is a hurdle and no boundary: readers need openat2() and have
 * this filter from the probe that they are forked from, and what that is asked for no filter sees.
 */
static int refuse_writing(scmp_filter_ctx filter)
{
    static const int flags[] = {O_CREAT, O_TRUNC, O_WRONLY};
    int r = 0;

    for (size_t i = 0; i < LENGTH(flags) && !r; i++) {
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(openat), 1,
                             SCMP_A2(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
        if (!r)
            r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(open), 1,
                                 SCMP_A1(SCMP_CMP_MASKED_EQ, flags[i], flags[i]));
    }
    return r;
}

static int refuse_calls(void)
{
    CLEANUP(release) scmp_filter_ctx filter = seccomp_init(SCMP_ACT_ALLOW);
    int r = filter ? refuse_writing(filter) : -ENOMEM;

    for (size_t i = 0; i < LENGTH(probe_refused) && !r; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), probe_refused[i], 0);
    for (size_t i = 0; i < LENGTH(probe_refused_bpf) && !r; i++)
        r = seccomp_rule_add(filter, SCMP_ACT_ERRNO(EPERM), SCMP_SYS(bpf), 1,
                             SCMP_A0(SCMP_CMP_EQ, probe_refused_bpf[i]));
    return r ? r : seccomp_load(filter);
}

static void limit(int resource, rlim_t most)
{
    struct rlimit now;

    if (getrlimit(resource, &now) || now.rlim_max < most)
        return;
    setrlimit(resource, &(struct rlimit){most, most});
}

int sandbox_probe(void)
{
    int r = drop_all_but(probe_capabilities, LENGTH(probe_capabilities), false);

    return r ? r : refuse_calls();
}

/* Without these two, root's own files and processes can only be read as root. Landlock is not for a
 * reader: it keeps who is under it from looking into any process that is not. */
int sandbox_reader(void)
{
    bool nobody = may_become_nobody() && has(CAP_SYS_PTRACE) && has(CAP_DAC_READ_SEARCH);
    int r = drop_all_but(reader_capabilities, LENGTH(reader_capabilities), nobody);

    if (!r)
        r = end_with_parent();
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
    return filter_calls(analyst_calls, LENGTH(analyst_calls), NULL);
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
    return filter_calls(monitor_calls, LENGTH(monitor_calls), allow_fcntl);
}
