/* SPDX-License-Identifier: Apache-2.0 */
/* The native side of parked threads: their stacks, what they wait on, the stack memory they hold.
 * Takes threads in batches, so that a batch costs a few requests to the probe. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/code.h"
#include "analyst/mappings.h"
#include "analyst/outbox.h"
#include "analyst/remote.h"
#include "analyst/stacks.h"
#include "analyst/waits.h"
#include "loss.h"

#define NATIVE_BATCH_MAX 256

struct native;

struct native_thread {
    struct known_stack stack;
    struct wait wait;
    uint64_t memory_bytes; /* resident in its stack's mapping; 0 where that is not known */
    int error;             /* not 0: there is no room for its stack, the rest is not filled */
};

/* All are borrowed. `careful`: functions have their names from symbol tables alone. -ENOMEM. */
int native_new(struct remote *remote, struct mappings *mappings, bool careful,
               struct outbox *outbox, struct losses *losses, struct native **ret_native);
void native_free(struct native **native);

/* Before the first scan, and before it is known what that will meet: loads what naming is likely to
 * need, which takes longer than all else of a first scan. *ret_in_program: whether the first thread
 * waits in a file that is no library. -ECONNRESET, -ENOMEM. */
int native_prepare(struct native *native, bool *ret_in_program);

/* The target's Go code, by which threads that stand in it are unwound and named, NULL: there is
 * none. Borrowed until the next call. */
void native_use(struct native *native, struct go_code *code);

/* A new sweep over the threads. */
void native_begin(struct native *native);

/* Describes `n` parked threads, at most NATIVE_BATCH_MAX. -errno of the probe or -ENOMEM. */
int native_describe(struct native *native, const struct thread_record *records, size_t n,
                    struct native_thread *ret_threads);
