/* SPDX-License-Identifier: Apache-2.0 */
/* The real analyst's side of threads between a scripted probe and the monitor's end. */
#pragma once

#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "analyst/go/program.h"
#include "analyst/native.h"
#include "analyst/outbox.h"
#include "analyst/remote.h"
#include "analyst/threads.h"
#include "fake_probe.h"

#include "mailbox.h"

#define FOLLOW_SECOND      1000000000ull
#define FOLLOW_NOW         (1000 * FOLLOW_SECOND) /* CLOCK_MONOTONIC of the first scan */
#define FOLLOW_ATTACH      (FOLLOW_NOW - 50 * FOLLOW_SECOND)
#define FOLLOW_THREADS_MAX 1024
#define FOLLOW_STACK_SIZE  (64 * 1024)

struct follow {
    uint64_t n_scans;
    struct fake_probe probe;
    struct mailbox *mailbox;
    struct losses losses;
    struct remote *remote;
    struct outbox *outbox;
    struct program *program;
    struct threads *threads;
    uint8_t *stack; /* of all threads: empty, so that unwinding ends at once */
    size_t n;       /* threads of the target */
    struct thread_record records[FOLLOW_THREADS_MAX];
};

static inline struct follow *follow_new(int64_t threshold_ns)
{
    const struct threads_options options = {.threshold_ns = threshold_ns, .samples = true};
    struct follow *follow = calloc(1, sizeof(*follow));

    assert_non_null(follow);
    follow->stack =
        mmap(NULL, FOLLOW_STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(follow->stack, MAP_FAILED);
    fake_probe_start(&follow->probe);
    follow->mailbox = mailbox_new();
    assert_int_equal(remote_new(follow->probe.sockets[0], follow->probe.area, &follow->remote), 0);
    assert_int_equal(outbox_new(follow->mailbox->sockets[0], &follow->losses, &follow->outbox), 0);
    assert_int_equal(program_new(follow->remote, &follow->losses, &follow->program), 0);
    assert_int_equal(threads_new(&options, follow->program, follow->remote, follow->outbox,
                                 &follow->losses, &follow->threads),
                     0);
    return follow;
}

static inline void follow_free(struct follow *follow)
{
    threads_free(&follow->threads);
    program_free(&follow->program);
    outbox_free(&follow->outbox);
    remote_free(&follow->remote);
    fake_probe_stop(&follow->probe);
    mailbox_free(follow->mailbox);
    munmap(follow->stack, FOLLOW_STACK_SIZE);
    free(follow);
}

/* What the scan itself says. */
static inline int follow_try(struct follow *follow, struct wire_scan *ret_scan)
{
    *ret_scan = (struct wire_scan){.number = ++follow->n_scans};
    follow->probe.records = follow->records;
    follow->probe.n_records = follow->n;
    return threads_scan(follow->threads, FOLLOW_ATTACH, ret_scan);
}

static inline void follow_scan(struct follow *follow)
{
    struct wire_scan scan;

    assert_int_equal(follow_try(follow, &scan), 0);
    assert_int_equal(outbox_scan(follow->outbox, &scan), 0);
    mailbox_collect(follow->mailbox);
    assert_int_equal(follow->mailbox->n_scans, 1);
}

/* Time passes; nobody runs. */
static inline void follow_wait(struct follow *follow, uint64_t ns)
{
    for (size_t i = 0; i < follow->n; i++)
        follow->records[i].now_ns += ns;
}

/* One more thread: in a futex wait since ten seconds, as far as its last arrival tells. */
static inline struct thread_record *follow_add(struct follow *follow, uint32_t tid)
{
    struct thread_record *record = &follow->records[follow->n++];

    assert_true(follow->n <= FOLLOW_THREADS_MAX);
    *record = (struct thread_record){
        .now_ns = FOLLOW_NOW,
        .start_ns = 77 + tid,
        .leader_start_ns = 77,
        .arrival_ns = FOLLOW_NOW - 10 * FOLLOW_SECOND,
        .switches = 5,
        .exec_id = 1,
        .tid = tid,
        .ns_tid = tid,
        .tgid = 4000,
        .state = 0x2001,
    };
    record->regs[REGS_ORIG_AX] = SYS_futex;
    record->regs[REGS_DI] = 0x10000 + 64ull * tid;
    record->regs[REGS_SI] = FUTEX_WAIT_PRIVATE;
    record->regs[REGS_IP] = 0x10; /* no code */
    record->regs[REGS_SP] = (uint64_t)(uintptr_t)follow->stack + FOLLOW_STACK_SIZE - 4096;
    return record;
}

/* It ran, and parked again `ago` before its record was taken, in a way that only its arrival tells.
 */
static inline void follow_repark(struct thread_record *record, uint64_t ago)
{
    record->switches += 2;
    record->arrival_ns = record->now_ns - ago;
}

static inline const struct sample *follow_sample(struct follow *follow, uint32_t tid)
{
    const struct sample *sample = mailbox_sample(follow->mailbox, tid);

    assert_non_null(sample);
    return sample;
}
