/* SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause */
/*
 * Shared by the BPF programs, the probe that loads them and the analyst that reads their records.
 * Fixed widths only; times are nanoseconds.
 */
#pragma once

#ifndef __bpf__
#include <stdint.h>
#endif

#define RECORD_TARGETS_MAX 64  /* processes watched at once */
#define RECORD_REGS        21  /* of struct pt_regs on x86-64, in its order */
#define RECORD_COMM        16  /* TASK_COMM_LEN */
#define RECORD_SYSCALLS    512 /* syscall numbers with a class of their own */
#define RECORD_BUCKETS     10  /* of park durations (bounds: user/buckets.c), the last unbounded */

/* Indices into regs[], the order of struct pt_regs (arch/x86/include/asm/ptrace.h). */
enum record_reg {
    REGS_R15,
    REGS_R14,
    REGS_R13,
    REGS_R12,
    REGS_BP,
    REGS_BX,
    REGS_R11,
    REGS_R10,
    REGS_R9,
    REGS_R8,
    REGS_AX,
    REGS_CX,
    REGS_DX,
    REGS_SI,
    REGS_DI,
    REGS_ORIG_AX,
    REGS_IP,
    REGS_CS,
    REGS_FLAGS,
    REGS_SP,
    REGS_SS,
};

/* Why a thread is parked, as far as the kernel side can tell it: what park durations are counted
 * by. User space maps syscall numbers to these (reason_class()). */
enum park_class {
    PARK_OTHER, /* any other syscall, or none */
    PARK_FUTEX_WAIT,
    PARK_FUTEX_LOCK,
    PARK_FUTEX_PI,
    PARK_POLL,
    PARK_READ,
    PARK_WRITE,
    PARK_ACCEPT,
    PARK_CONNECT,
    PARK_SLEEP,
    PARK_WAIT_CHILD,
    PARK_SIGNAL,
    PARK_IO,
    PARK_IO_URING,
    PARK_STOPPED,
    PARK_CLASS_MAX
};

/* How a futex wait ended. */
enum futex_outcome {
    FUTEX_WOKEN,
    FUTEX_TIMEOUT,
    FUTEX_INTERRUPTED,
    FUTEX_ERROR,
    FUTEX_OUTCOME_MAX
};

/* What is known of a thread's waits: task storage, written by the thread itself only. */
struct park {
    uint64_t start_ns; /* of the present park, CLOCK_MONOTONIC; 0: running, or parked before us */
    uint64_t last_start_ns; /* of the park that ended last, until a futex call took it; 0: none */
    uint64_t address;       /* first syscall argument of that park */
    uint64_t wait_address;  /* futex of the logical wait; 0: none */
    uint64_t wait_since_ns; /* its start, CLOCK_MONOTONIC; 0: before the attach */
    uint32_t wait_timeouts; /* waits in it that ended without being served */
    uint8_t class;          /* enum park_class of the park that start_ns is of */
    uint8_t seen;           /* 1: it has been switched since the attach */
    uint8_t unseen_start;   /* 1: the park that ended last began before the attach */
    uint8_t served;         /* 1: a futex wait was seen to end served: what follows starts anew */
};

enum record_flag {
    RECORD_ON_CPU = 1 << 0,
    RECORD_LEADER = 1 << 1,
    RECORD_KERNEL = 1 << 2,   /* no user memory: kernel thread, or already exiting */
    RECORD_COMPAT = 1 << 3,   /* in a 32-bit syscall, or 32-bit code */
    RECORD_FOLLOWED = 1 << 4, /* `park` is filled */
    RECORD_WORKER = 1 << 5,   /* a kernel worker in the process: io_uring, vhost */
};

/* One thread as the task iterator saw it. */
struct thread_record {
    uint64_t now_ns;          /* CLOCK_MONOTONIC at the reading */
    uint64_t start_ns;        /* of the thread, CLOCK_BOOTTIME */
    uint64_t leader_start_ns; /* of the process, likewise */
    uint64_t arrival_ns;      /* when it last got on a CPU, CLOCK_MONOTONIC; 0: not known */
    uint64_t switches;        /* voluntary + involuntary context switches so far */
    uint64_t exec_id;         /* grows with each exec */
    uint64_t tls;             /* thread pointer (fs base) */
    uint64_t restart[2];      /* first words of the restart block's arguments */
    uint64_t regs[RECORD_REGS];
    struct park park;
    uint32_t tid;    /* in the reader's PID namespace */
    uint32_t ns_tid; /* in the thread's own PID namespace: what gettid() tells it */
    uint32_t tgid;   /* in the initial PID namespace */
    uint32_t state;  /* TASK_* bits, a mask: a futex sleep is 0x2001 on newer kernels */
    uint32_t exit_state;
    uint32_t flags; /* enum record_flag */
    char comm[RECORD_COMM];
};

/* What one thread has run for, as the task iterator saw it; the leader's has in it what threads of
 * the process ran for that have ended. */
struct time_record {
    uint64_t user_ns; /* as ticks of the clock met it; of the kernel's own clock, as run_ns */
    uint64_t system_ns;
    uint64_t run_ns; /* in both, exact */
};

/* Counts of one target, kept per CPU and added up by the probe. */
struct park_counters {
    uint64_t parks[PARK_CLASS_MAX][RECORD_BUCKETS]; /* ended parks, by duration */
    uint64_t parked_ns[PARK_CLASS_MAX];
    uint64_t long_parks; /* ended parks past the threshold */
    uint64_t futex_waits[FUTEX_OUTCOME_MAX];
    uint64_t futex_wakes[2]; /* [0] woke nobody, [1] woke some */
    uint64_t storage_failed; /* threads without task storage */
};

/* A process whose parks are followed: a variable of the programs, set by the probe once the
 * target's first record told its identity. */
struct followed_process {
    uint32_t tgid; /* in the initial PID namespace; 0: none, or it ended */
    uint32_t pad;
    uint64_t leader_start_ns; /* a reused PID has another */
};

#define KERNEL_FRAMES_MAX 16
#define KERNEL_NAME_MAX   48

/* The kernel frames of one thread, innermost first, as names. */
struct kernel_record {
    uint32_t tid; /* in the reader's PID namespace */
    uint32_t n;
    char name[KERNEL_FRAMES_MAX][KERNEL_NAME_MAX]; /* NUL-terminated */
};

/* Both compilers have to lay them out so: a length of one side for a buffer of the other is how
 * memory gets into what is told. */
_Static_assert(sizeof(struct park) == 48, "shared with BPF");
_Static_assert(sizeof(struct thread_record) == 328, "shared with BPF");
_Static_assert(sizeof(struct time_record) == 24, "shared with BPF");
_Static_assert(sizeof(struct kernel_record) == 776, "shared with BPF");
_Static_assert(sizeof(struct park_counters) == 1384, "shared with BPF");
_Static_assert(sizeof(struct followed_process) == 16, "shared with BPF");
