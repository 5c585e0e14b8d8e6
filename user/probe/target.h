/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a target is. A PID alone names nobody: it is reused. A target is held by a pidfd and by a
 * descriptor of its /proc/PID, which fails with ESRCH once that very process is gone.
 *
 * A process lives on after its leader (the thread with TID == PID) has called pthread_exit(). Then
 * /proc/PID/{maps,exe,root,fd,...} and process_vm_readv(PID) have nothing, while the same through
 * any other thread works. So all that looks inside takes a `live_tid`, from target_live_tid(). That
 * thread may end, too: -ESRCH or -ENOENT from such a function while target_alive() means to ask for
 * another one.
 *
 * None of this waits for the target: stat, status, comm, the task directory and the link exe take
 * neither the lock of its memory nor its file systems (fs/proc/base.c, array.c). What
 * target_open_task() opens may: maps, for one.
 */
#pragma once

#include "wire.h"

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct target_id {
    pid_t pid; /* in the PID namespace of this process */
    int pidfd;
    int proc_fd;          /* O_PATH of /proc/PID */
    uint64_t start_ticks; /* as in /proc/PID/stat */
    uint64_t start_ns;    /* CLOCK_BOOTTIME, to a tick of 10 ms */
};

#define TARGET_NONE ((struct target_id){.pidfd = -1, .proc_fd = -1})

/*
 * -ESRCH: no such process, or ended already; -EINVAL: the TID of a thread (target_process_of()
 * knows whose); -ENOTSUP: a kernel thread; -EXDEV: /proc shows another PID namespace than this
 * process's own, so that PIDs there mean other processes. The caller closes *ret.
 */
int target_open(pid_t pid, struct target_id *ret_target);
void target_close(struct target_id *target);

/* The process that the thread `tid` belongs to. */
int target_process_of(pid_t tid, pid_t *ret_pid);

/* Whether a process is in the initial PID namespace: there its number, as seen from there, is the
 * one that the kernel's records carry. False also where it cannot be told. */
bool target_is_initial(pid_t pid);

/* Whether any of its threads lives: a zombie is not alive. */
bool target_alive(const struct target_id *target);

/* Finds a thread that has memory and files: the leader if it lives. -ESRCH: none. */
int target_live_tid(const struct target_id *target, pid_t *ret_tid);

/* Whether `tid` is (still) a thread of this target. */
bool target_has_tid(const struct target_id *target, pid_t tid);

/* Opens /proc/PID/task/TID/NAME, O_CLOEXEC. Descriptor, or -errno. */
int target_open_task(const struct target_id *target, pid_t tid, const char *name, int flags);

/*
 * Fills pid, up, start_ns, comm and exe of *ret and leaves the rest. comm is the leader's, as
 * ps shows it. exe is "" if it cannot be read, is cut at WIRE_PATH_MAX - 1 bytes, and keeps the
 * kernel's " (deleted)".
 */
int target_describe(const struct target_id *target, pid_t live_tid, struct wire_target *ret);
