/* SPDX-License-Identifier: Apache-2.0 */
/* The source of thread samples: follows every thread of the target from sweep to sweep, takes the
 * stack of each park once it is past the threshold, and proves that it is still the same park. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analyst/go/program.h"
#include "analyst/outbox.h"
#include "analyst/remote.h"
#include "loss.h"
#include "wire.h"

#define THREADS_MAX (1024 * 1024) /* of one target */

struct threads_options {
    int64_t threshold_ns; /* waiters below it get no stack and no sample */
    bool samples;         /* false: threads are only counted */
    bool careful;         /* as native_new() */
};

struct threads;

/* `program`, `remote`, `outbox` and `losses` are borrowed. -ENOMEM. */
int threads_new(const struct threads_options *options, struct program *program,
                struct remote *remote, struct outbox *outbox, struct losses *losses,
                struct threads **ret_threads);
void threads_free(struct threads **threads);

/* As native_prepare(). */
int threads_prepare(struct threads *threads, bool *ret_in_program);

/* Takes one scan: sends what changed of the samples, and fills in ret_scan what there is of
 * threads. `attach_ns`, CLOCK_MONOTONIC: nothing older was seen by ourselves. -ECONNRESET and other
 * -errno of the probe; then the scan is not complete. */
int threads_scan(struct threads *threads, uint64_t attach_ns, struct wire_scan *ret_scan);

/* Grows with each program that the process was seen to run. */
uint64_t threads_exec_id(const struct threads *threads);
