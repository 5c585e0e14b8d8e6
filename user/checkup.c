/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor's checks of one process: through /proc, as the probe would look at it.
 */
#include "checkup.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>

#include <cap-ng.h>

#include "cleanup.h"
#include "probe/memory.h"
#include "probe/procfs.h"
#include "probe/target.h"

#define MAPS_MAX        (4 * 1024 * 1024) /* bytes of maps that are looked at */
#define ADDRESS_32_LAST UINT32_MAX

/* What the mappings tell. */
struct mappings {
    uint64_t readable; /* start of one that can be read; 0: none */
    uint64_t last;     /* highest address, the kernel's [vsyscall] left aside; 0: none */
};

/* What helps where /proc or the memory of a process is not to be read (__ptrace_may_access()). */
static const char *access_remedy(void)
{
    if (capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_PTRACE))
        return "look for a security module or an outer user namespace that forbids it";
    return "run as root, or with CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH";
}

static void refuse_process(struct diagnosis *diagnosis, pid_t pid, int error)
{
    const char *name = "process";
    pid_t process;

    if (error == -EINVAL && !target_process_of(pid, &process))
        diagnosis_missing(diagnosis, name, "name the process", "%d is a thread of process %d", pid,
                          process);
    else if (error == -ESRCH)
        diagnosis_missing(diagnosis, name, "name a process that runs", "%d does not exist", pid);
    else if (error == -ENOTSUP)
        diagnosis_missing(diagnosis, name, "name a process of user space", "%d is a kernel thread",
                          pid);
    else if (error == -EXDEV)
        diagnosis_missing(diagnosis, name, "mount a /proc of this PID namespace",
                          "/proc shows another PID namespace than this one");
    else
        diagnosis_missing(diagnosis, name, access_remedy(), "%d: %s", pid, strerror(-error));
}

static void check_threads(struct diagnosis *diagnosis, const struct target_id *target, pid_t tid)
{
    struct wire_target description;
    struct stat task;
    int r;

    r = target_describe(target, tid, &description);
    if (r < 0) {
        refuse_process(diagnosis, target->pid, r);
        return;
    }
    /* The directory has a link for each thread beside its own two (proc_task_getattr()). */
    if (fstatat(target->proc_fd, "task", &task, 0) < 0 || task.st_nlink < 3)
        diagnosis_ok(diagnosis, "process", "%d (%s)", target->pid, description.comm);
    else
        diagnosis_ok(diagnosis, "process", "%d (%s), threads: %ju", target->pid, description.comm,
                     (uintmax_t)task.st_nlink - 2);
}

static int read_mappings(const struct target_id *target, pid_t tid, struct mappings *ret)
{
    AUTO_CLOSE int fd = target_open_task(target, tid, "maps", O_RDONLY);
    struct mappings mappings = {0};
    struct procfs_lines lines;
    const char *line;

    if (fd < 0)
        return fd;
    procfs_lines_start(&lines, fd, MAPS_MAX);
    while ((line = procfs_lines_next(&lines))) {
        uint64_t start, end;
        char access;

        if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %c", &start, &end, &access) != 3 ||
            strstr(line, "[vsyscall]"))
            continue;
        if (access == 'r' && !mappings.readable)
            mappings.readable = start;
        mappings.last = end - 1;
    }
    *ret = mappings;
    return 0;
}

/* The stack of a 64-bit process lies above 4 GiB, and none of a 32-bit one's mappings does. */
static void check_code(struct diagnosis *diagnosis, const struct mappings *mappings)
{
    if (mappings->last > ADDRESS_32_LAST)
        diagnosis_ok(diagnosis, "code", "64-bit");
    else
        diagnosis_reduced(diagnosis, "code", "only 64-bit processes are unwound",
                          "32-bit: threads and reasons without stacks");
}

static void check_memory(struct diagnosis *diagnosis, const struct target_id *target, pid_t tid,
                         uint64_t address)
{
    const struct rpc_range range = {.address = address, .length = 1};
    uint32_t length = 0;
    uint64_t size;
    uint8_t byte;
    int r;

    r = memory_read(target, tid, &range, 1, &byte, sizeof(byte), &length, &size);
    if (r < 0)
        diagnosis_missing(diagnosis, "memory", access_remedy(), "not readable: %s", strerror(-r));
    else if (!length)
        diagnosis_missing(diagnosis, "memory", access_remedy(), "not readable");
    else
        diagnosis_ok(diagnosis, "memory", "readable");
}

static void check_mappings(struct diagnosis *diagnosis, const struct target_id *target, pid_t tid)
{
    struct mappings mappings;
    int r;

    r = read_mappings(target, tid, &mappings);
    if (!r && !mappings.readable)
        r = -ENOENT;
    if (r < 0) {
        diagnosis_missing(diagnosis, "memory", access_remedy(), "its mappings are not readable: %s",
                          strerror(-r));
        return;
    }
    check_code(diagnosis, &mappings);
    check_memory(diagnosis, target, tid, mappings.readable);
}

/* A namespace's identity is the device and inode of its file. */
static void check_namespace(struct diagnosis *diagnosis, const struct target_id *target,
                            const char *kind, const char *name, const char *consequence)
{
    char own_path[64], path[64];
    struct stat own, other;

    snprintf(own_path, sizeof(own_path), "/proc/self/ns/%s", kind);
    snprintf(path, sizeof(path), "ns/%s", kind);
    if (stat(own_path, &own) < 0 || fstatat(target->proc_fd, path, &other, 0) < 0)
        diagnosis_reduced(diagnosis, name, access_remedy(), "not known: %s", strerror(errno));
    else if (own.st_dev == other.st_dev && own.st_ino == other.st_ino)
        diagnosis_ok(diagnosis, name, "the same as this one");
    else
        diagnosis_ok(diagnosis, name, "another one: %s", consequence);
}

void checkup_process(struct diagnosis *diagnosis, pid_t pid)
{
    CLEANUP(target_close) struct target_id target = TARGET_NONE;
    pid_t tid;
    int r;

    r = target_open(pid, &target);
    if (!r)
        r = target_live_tid(&target, &tid);
    if (r < 0) {
        refuse_process(diagnosis, pid, r);
        return;
    }
    check_threads(diagnosis, &target, tid);
    check_mappings(diagnosis, &target, tid);
    check_namespace(diagnosis, &target, "pid", "PID namespace",
                    "threads are named as they are seen from here");
    check_namespace(diagnosis, &target, "mnt", "mount namespace",
                    "its files are opened as it sees them");
}
