/* SPDX-License-Identifier: Apache-2.0 */
#include "reason.h"

#include <linux/futex.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

/* include/linux/sched.h; stable in these bits, and a mask: never compared for equality. */
#define STATE_UNINTERRUPTIBLE 0x0002
#define STATE_STOPPED         0x0004
#define STATE_TRACED          0x0008
#define STATE_NOLOAD          0x0400
#define STATE_FROZEN          0x8000 /* since 6.1, commit f5d39b020809 */
#define STATE_PARKED          0x804f /* those, and interruptible sleep */

/* Since Linux 5.14 and 6.7; older headers lack them. */
#ifndef FUTEX_LOCK_PI2
#define FUTEX_LOCK_PI2 13
#endif
#define ADDRESS_MIN    4096 /* nothing is mapped below: vm.mmap_min_addr */
#define NR_FUTEX_WAITV 449
#define NR_FUTEX_WAIT  455

static const struct {
    uint32_t nr;
    enum park_class class;
} classes[] = {
    {SYS_futex, PARK_FUTEX_WAIT},
    {NR_FUTEX_WAITV, PARK_FUTEX_WAIT},
    {NR_FUTEX_WAIT, PARK_FUTEX_WAIT},
    {SYS_poll, PARK_POLL},
    {SYS_ppoll, PARK_POLL},
    {SYS_select, PARK_POLL},
    {SYS_pselect6, PARK_POLL},
    {SYS_epoll_wait, PARK_POLL},
    {SYS_epoll_pwait, PARK_POLL},
    {SYS_epoll_pwait2, PARK_POLL},
    {SYS_read, PARK_READ},
    {SYS_pread64, PARK_READ},
    {SYS_readv, PARK_READ},
    {SYS_preadv, PARK_READ},
    {SYS_preadv2, PARK_READ},
    {SYS_recvfrom, PARK_READ},
    {SYS_recvmsg, PARK_READ},
    {SYS_recvmmsg, PARK_READ},
    {SYS_msgrcv, PARK_READ},
    {SYS_mq_timedreceive, PARK_READ},
    {SYS_write, PARK_WRITE},
    {SYS_pwrite64, PARK_WRITE},
    {SYS_writev, PARK_WRITE},
    {SYS_pwritev, PARK_WRITE},
    {SYS_pwritev2, PARK_WRITE},
    {SYS_sendto, PARK_WRITE},
    {SYS_sendmsg, PARK_WRITE},
    {SYS_sendmmsg, PARK_WRITE},
    {SYS_sendfile, PARK_WRITE},
    {SYS_msgsnd, PARK_WRITE},
    {SYS_mq_timedsend, PARK_WRITE},
    {SYS_accept, PARK_ACCEPT},
    {SYS_accept4, PARK_ACCEPT},
    {SYS_connect, PARK_CONNECT},
    {SYS_nanosleep, PARK_SLEEP},
    {SYS_clock_nanosleep, PARK_SLEEP},
    {SYS_wait4, PARK_WAIT_CHILD},
    {SYS_waitid, PARK_WAIT_CHILD},
    {SYS_pause, PARK_SIGNAL},
    {SYS_rt_sigsuspend, PARK_SIGNAL},
    {SYS_rt_sigtimedwait, PARK_SIGNAL},
    {SYS_io_uring_enter, PARK_IO_URING},
};

enum park_class reason_class(uint32_t nr)
{
    for (size_t i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
        if (classes[i].nr == nr)
            return classes[i].class;
    return PARK_OTHER;
}

const char *reason_name(enum park_class class)
{
    static const char *const names[PARK_CLASS_MAX] = {
        [PARK_OTHER] = "other",
        [PARK_FUTEX_WAIT] = "futex wait",
        [PARK_FUTEX_LOCK] = "futex lock",
        [PARK_FUTEX_PI] = "futex pi lock",
        [PARK_POLL] = "poll",
        [PARK_READ] = "read",
        [PARK_WRITE] = "write",
        [PARK_ACCEPT] = "accept",
        [PARK_CONNECT] = "connect",
        [PARK_SLEEP] = "sleep",
        [PARK_WAIT_CHILD] = "wait child",
        [PARK_SIGNAL] = "signal",
        [PARK_IO] = "io",
        [PARK_IO_URING] = "io_uring",
        [PARK_STOPPED] = "stopped",
    };

    return class < PARK_CLASS_MAX ? names[class] : "other";
}

const char *syscall_name(uint32_t nr)
{
    static const struct {
        uint32_t nr;
        const char *name;
    } syscalls[] = {
#define X(number, name) {number, #name},
#include "syscalls.inc"
#undef X
    };

    for (size_t i = 0; i < sizeof(syscalls) / sizeof(syscalls[0]); i++)
        if (syscalls[i].nr == nr)
            return syscalls[i].name;
    return NULL;
}

bool reason_is_parked(const struct thread_record *record)
{
    return (record->state & STATE_PARKED) && !record->exit_state &&
           !(record->flags & (RECORD_ON_CPU | RECORD_KERNEL));
}

static bool is_futex_pi(uint64_t op)
{
    op &= FUTEX_CMD_MASK;
    return op == FUTEX_LOCK_PI || op == FUTEX_LOCK_PI2 || op == FUTEX_WAIT_REQUEUE_PI;
}

/* After a signal that ran no handler (a stop and continue, an attached debugger) a wait with a
 * timeout goes on as restart_syscall(2): the registers still hold the first call's arguments, and
 * the restart block tells which call it was (struct restart_block, include/linux/restart_block.h:
 * futex {uaddr, val}, poll {ufds, nfds}, nanosleep {clock, type, ...}). */
static uint32_t restarted_syscall(const struct thread_record *record)
{
    const uint64_t *regs = record->regs;
    uint32_t second = (uint32_t)record->restart[1];
    uint64_t command = regs[REGS_SI] & FUTEX_CMD_MASK;

    /* A small number is no address but a clock, which clock_nanosleep() has first, too. */
    if (record->restart[0] != regs[REGS_DI] || regs[REGS_DI] < ADDRESS_MIN)
        return SYS_clock_nanosleep;
    if (second == (uint32_t)regs[REGS_DX] && regs[REGS_R10] &&
        (command == FUTEX_WAIT || command == FUTEX_WAIT_BITSET))
        return SYS_futex;
    return second == (uint32_t)regs[REGS_SI] ? SYS_poll : SYS_clock_nanosleep;
}

uint32_t reason_syscall(const struct thread_record *record)
{
    uint64_t nr = record->regs[REGS_ORIG_AX];

    if (record->flags & RECORD_COMPAT)
        return UINT32_MAX;
    if (nr == SYS_restart_syscall)
        return restarted_syscall(record);
    return nr > UINT32_MAX ? UINT32_MAX : (uint32_t)nr;
}

enum park_class reason_class_of(const struct thread_record *record)
{
    uint32_t nr = reason_syscall(record);
    enum park_class class = reason_class(nr);

    if (record->state & (STATE_STOPPED | STATE_TRACED | STATE_FROZEN))
        return PARK_STOPPED;
    if (record->flags & RECORD_WORKER)
        return PARK_IO_URING;
    if ((record->state & STATE_UNINTERRUPTIBLE) && !(record->state & STATE_NOLOAD))
        return PARK_IO;
    if (nr != SYS_futex)
        return class;
    if (is_futex_pi(record->regs[REGS_SI]))
        return PARK_FUTEX_PI;
    /* glibc's low-level lock: "2: locked, with waiters" (sysdeps/nptl/lowlevellock.h). */
    if ((record->regs[REGS_SI] & FUTEX_CMD_MASK) == FUTEX_WAIT &&
        (uint32_t)record->regs[REGS_DX] == 2)
        return PARK_FUTEX_LOCK;
    return PARK_FUTEX_WAIT;
}

void reason_of(const struct thread_record *record, char ret_reason[static REASON_MAX])
{
    enum park_class class = reason_class_of(record);
    uint32_t nr = reason_syscall(record);
    const char *name = syscall_name(nr);

    if (class != PARK_OTHER)
        snprintf(ret_reason, REASON_MAX, "%s", reason_name(class));
    else if (name)
        snprintf(ret_reason, REASON_MAX, "syscall %s", name);
    else if (nr != UINT32_MAX)
        snprintf(ret_reason, REASON_MAX, "syscall %u", nr);
    else if (record->flags & RECORD_COMPAT)
        snprintf(ret_reason, REASON_MAX, "32-bit syscall %u", (uint32_t)record->regs[REGS_ORIG_AX]);
    else
        snprintf(ret_reason, REASON_MAX, "no syscall");
}
