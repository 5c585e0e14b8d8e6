/* SPDX-License-Identifier: Apache-2.0 */
/* Who a target is: pidfd, /proc/PID and start time. */
#include "target.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "cleanup.h"
#include "procfs.h"

#define TASK_PATH_MAX 64

/* Inode of the initial PID namespace (PROC_PID_INIT_INO, include/linux/proc_ns.h). */
#define PID_NAMESPACE_INITIAL 0xEFFFFFFCu

/* /proc/self is in the numbers of the PID namespace that /proc was mounted for. */
static bool proc_is_ours(void)
{
    char text[16];
    ssize_t n = readlink("/proc/self", text, sizeof(text) - 1);
    if (n < 0)
        return false;
    text[n] = '\0';
    return atoi(text) == getpid();
}

static int open_proc(pid_t pid)
{
    char path[TASK_PATH_MAX];

    if (pid <= 0)
        return -ESRCH;
    snprintf(path, sizeof(path), "/proc/%d", pid);
    int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0)
        return fd;
    return errno == ENOENT ? -ESRCH : -errno;
}

static int read_tgid(int proc_fd, pid_t *ret_pid)
{
    struct procfs_status status;

    AUTO_CLOSE int fd = openat(proc_fd, "status", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    int err = procfs_read_status(fd, &status);
    if (err)
        return err;
    *ret_pid = (pid_t)status.tgid;
    return 0;
}

static int read_stat(int proc_fd, const char *path, struct procfs_stat *ret_stat)
{
    AUTO_CLOSE int fd = openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    return procfs_read_stat(fd, ret_stat);
}

/* In a time namespace both the ticks and CLOCK_BOOTTIME are shifted alike (fs/proc/array.c,
 * timens_add_boottime_ns). */
static uint64_t ticks_to_ns(uint64_t ticks)
{
    return ticks * (1000000000 / (uint64_t)sysconf(_SC_CLK_TCK));
}

int target_process_of(pid_t tid, pid_t *ret_pid)
{
    AUTO_CLOSE int proc_fd = open_proc(tid);
    return proc_fd < 0 ? proc_fd : read_tgid(proc_fd, ret_pid);
}

int target_open(pid_t pid, struct target_id *ret_target)
{
    struct procfs_stat stat;
    char path[TASK_PATH_MAX];
    pid_t tgid;

    if (!proc_is_ours())
        return -EXDEV;
    AUTO_CLOSE int proc_fd = open_proc(pid);
    if (proc_fd < 0)
        return proc_fd;
    int err = read_tgid(proc_fd, &tgid);
    if (err)
        return err;
    if (tgid != pid)
        return -EINVAL;

    AUTO_CLOSE int pidfd = pidfd_open(pid, 0);
    if (pidfd < 0)
        return -errno;
    /* The leader's own: that of the process adds up all threads, which takes a while. */
    snprintf(path, sizeof(path), "task/%d/stat", pid);
    /* proc_fd is bound to one process. That it still answers now means that the PID was not reused
     * before pidfd_open() either, so both are of the same process. */
    err = read_stat(proc_fd, path, &stat);
    if (err)
        return err;
    if (stat.flags & PROCFS_PF_KTHREAD)
        return -ENOTSUP;

    struct target_id target = {.pid = pid, .pidfd = pidfd, .start_ticks = stat.start_ticks};
    if (!target_alive(&target))
        return -ESRCH;
    target.start_ns = ticks_to_ns(stat.start_ticks);
    target.pidfd = TAKE_FD(pidfd);
    target.proc_fd = TAKE_FD(proc_fd);
    *ret_target = target;
    return 0;
}

void target_close(struct target_id *target)
{
    cleanup_close(&target->pidfd);
    cleanup_close(&target->proc_fd);
    *target = TARGET_NONE;
}

bool target_is_initial(pid_t pid)
{
    struct stat namespace;
    char path[TASK_PATH_MAX];

    snprintf(path, sizeof(path), "/proc/%d/ns/pid", pid);
    return !stat(path, &namespace) && namespace.st_ino == PID_NAMESPACE_INITIAL;
}

bool target_alive(const struct target_id *target)
{
    struct pollfd poll_fd = {.fd = target->pidfd, .events = POLLIN};

    /* A pidfd becomes readable when the last thread has ended. That it could not be asked says
     * nothing of the kind. */
    return poll(&poll_fd, 1, 0) <= 0;
}

bool target_has_tid(const struct target_id *target, pid_t tid)
{
    /* EPERM: it is there, but this process has no CAP_KILL. */
    bool exists = syscall(SYS_tgkill, target->pid, tid, 0) == 0 || errno == EPERM;
    return exists && target_alive(target);
}

int target_open_task(const struct target_id *target, pid_t tid, const char *name, int flags)
{
    char path[TASK_PATH_MAX];

    int length = snprintf(path, sizeof(path), "task/%d/%s", tid, name);
    if ((size_t)length >= sizeof(path))
        return -ENAMETOOLONG;
    int fd = openat(target->proc_fd, path, flags | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* An exiting thread gives up its memory and files before it becomes a zombie. */
static bool thread_lives(const struct target_id *target, pid_t tid)
{
    struct procfs_stat stat;

    AUTO_CLOSE int fd = target_open_task(target, tid, "stat", O_RDONLY);
    return fd >= 0 && procfs_read_stat(fd, &stat) == 0 && stat.state != 'Z' && stat.state != 'X' &&
           !(stat.flags & PROCFS_PF_EXITING);
}

static int find_live_thread(const struct target_id *target, DIR *tasks, pid_t *ret_tid)
{
    const struct dirent *entry;

    while ((entry = readdir(tasks))) {
        pid_t tid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
        if (tid > 0 && thread_lives(target, tid)) {
            *ret_tid = tid;
            return 0;
        }
    }
    return -ESRCH;
}

int target_live_tid(const struct target_id *target, pid_t *ret_tid)
{
    if (thread_lives(target, target->pid)) {
        *ret_tid = target->pid;
        return 0;
    }

    AUTO_CLOSE int fd = openat(target->proc_fd, "task", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    DIR *tasks = fdopendir(fd);
    if (!tasks)
        return -errno;
    fd = -1; /* the directory stream's now */
    int err = find_live_thread(target, tasks, ret_tid);
    closedir(tasks);
    return err;
}

static int read_comm(const struct target_id *target, char *comm, size_t size)
{
    size_t length;

    AUTO_CLOSE int fd = openat(target->proc_fd, "comm", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT ? -ESRCH : -errno;
    int err = procfs_read(fd, comm, size, &length);
    if (err)
        return err;
    if (length > 0)
        comm[length - 1] = '\0'; /* the newline that the kernel appends; comm may have its own */
    return 0;
}

int target_describe(const struct target_id *target, pid_t live_tid, struct wire_target *ret)
{
    char comm[sizeof(ret->comm)] = "";
    char link[TASK_PATH_MAX];

    int err = read_comm(target, comm, sizeof(comm));
    if (err)
        return err;

    snprintf(link, sizeof(link), "task/%d/exe", live_tid);
    memset(ret->exe, 0, sizeof(ret->exe));
    (void)!readlinkat(target->proc_fd, link, ret->exe, sizeof(ret->exe) - 1);
    memcpy(ret->comm, comm, sizeof(comm));
    ret->pid = (uint32_t)target->pid;
    ret->up = target_alive(target);
    ret->start_ns = target->start_ns;
    return 0;
}
