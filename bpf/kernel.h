/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * The few kernel types that the programs use, as CO-RE flavours: only the fields that are read;
 * libbpf finds their real offsets in the running kernel's BTF.
 */
#pragma once

#include <linux/bpf.h>
#include <linux/types.h>
#include <stdbool.h>

typedef __u8 uint8_t;
typedef __u16 uint16_t;
typedef __u32 uint32_t;
typedef __s64 int64_t;
typedef __u64 uint64_t;

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct upid {
    int nr;
};

struct pid {
    unsigned int level;
    struct upid numbers[1]; /* [level + 1] in the kernel */
};

struct sched_info {
    unsigned long long last_arrival; /* CONFIG_SCHED_INFO; set by sched_info_arrive() */
};

struct thread_struct {
    unsigned long fsbase;
};

struct restart_block {
    struct {
        __u32 *uaddr;
        __u32 val;
    } futex;
};

struct rq {
    __u64 clock; /* of the scheduler, when it last looked: update_rq_clock() */
};

struct cfs_rq {
    struct rq *rq; /* CONFIG_FAIR_GROUP_SCHED, as cfs_rq below */
};

struct sched_entity {
    __u64 sum_exec_runtime;
    struct cfs_rq *cfs_rq; /* of the task's CPU, whatever its scheduling class: set_task_rq() */
};

struct signal_struct {
    __u64 utime; /* these three of threads that have ended: __exit_signal() */
    __u64 stime;
    unsigned long long sum_sched_runtime;
};

struct mm_struct;

struct task_struct {
    unsigned int __state; /* since 5.14, commit 2f064a59a11f */
    int exit_state;
    unsigned int on_cpu; /* u8 since 7.2: libbpf narrows only the load of an unsigned one */
    unsigned int flags;
    int pid;
    int tgid;
    __u64 utime;
    __u64 stime;
    __u64 start_boottime;
    unsigned long nvcsw;
    unsigned long nivcsw;
    struct sched_entity se;
    struct sched_info sched_info;
    struct signal_struct *signal;
    struct task_struct *group_leader;
    struct pid *thread_pid;
    struct mm_struct *mm;
    struct restart_block restart_block;
    struct thread_struct thread;
    __u64 self_exec_id; /* u32 before 5.7; CO-RE narrows the load */
    char comm[16];
};

struct pt_regs {
    unsigned long r15, r14, r13, r12, bp, bx;
    unsigned long r11, r10, r9, r8, ax, cx, dx, si, di;
    unsigned long orig_ax, ip, cs, flags, sp, ss;
};

struct seq_file;

struct bpf_iter_meta {
    struct seq_file *seq;
    __u64 session_id;
    __u64 seq_num;
};

struct bpf_iter__task {
    struct bpf_iter_meta *meta;
    struct task_struct *task;
};

#pragma clang attribute pop

/* include/linux/sched.h. A sleeping state is a mask of these: never compare for equality. */
#define TASK_INTERRUPTIBLE   0x0001
#define TASK_UNINTERRUPTIBLE 0x0002
#define TASK_STOPPED         0x0004
#define TASK_TRACED          0x0008
#define TASK_FROZEN          0x8000 /* since 6.1 */
#define TASK_NOLOAD          0x0400

#define PF_IO_WORKER   0x00000010
#define PF_USER_WORKER 0x00004000 /* since 6.4, commit 54e6842d0775 */
#define PF_KTHREAD     0x00200000

/* include/uapi/linux/futex.h */
#define FUTEX_WAIT            0
#define FUTEX_WAKE            1
#define FUTEX_REQUEUE         3
#define FUTEX_CMP_REQUEUE     4
#define FUTEX_WAKE_OP         5
#define FUTEX_LOCK_PI         6
#define FUTEX_WAIT_BITSET     9
#define FUTEX_WAKE_BITSET     10
#define FUTEX_WAIT_REQUEUE_PI 11
#define FUTEX_CMP_REQUEUE_PI  12
#define FUTEX_LOCK_PI2        13
#define FUTEX_CMD_MASK        127

/* arch/x86/include/asm/segment.h: 32-bit code, whose syscalls have numbers of their own. With FRED
 * the word holds more above its lower 16 bits. */
#define USER32_CS 0x23

/* arch/x86/entry/syscalls/syscall_64.tbl; waitv since 5.16, the last three since 6.7. restart is
 * restart_syscall(2). */
#define NR_futex         202
#define NR_restart       219
#define NR_futex_waitv   449
#define NR_futex_wake    454
#define NR_futex_wait    455
#define NR_futex_requeue 456

/* include/linux/errno.h: what a syscall returns inside the kernel when a signal cut it short. */
#define EINTR                 4
#define EAGAIN                11
#define ETIMEDOUT             110
#define ERESTARTSYS           512
#define ERESTART_RESTARTBLOCK 516
