/* SPDX-License-Identifier: Apache-2.0 */
/* Since when a thread is parked: the estimate and what is proven of it, from one record. Pure. */
#pragma once

#include <stdint.h>

#include "bpf/record.h"
#include "sample.h"

/* The last wait on a futex, no lock, that a thread was seen in: what a logical wait that began
 * before the attach goes on from. */
struct earlier_wait {
    uint64_t address; /* 0: none */
    uint64_t since_ns;
};

/*
 * Sets since_ns, seen_ns, not_before_ns and rewaits of *sample.
 *
 * A park that began after the attach is known exactly. One from before is estimated by the thread's
 * last arrival on a CPU: it may have run for a while before it parked, so that is the upper bound
 * of its age, and the proven part begins with this record.
 *
 * In a logical wait (a futex wait that only timed out so far, and was taken up again) it is the
 * first of its waits that counts. That is an estimate, too: what a waiter found before it had to
 * wait, by the fast path of a semaphore, say, no futex call tells. Proven is the present park.
 *
 * Keeps *earlier up to date. `attach_ns`: CLOCK_MONOTONIC.
 */
void park_since(const struct thread_record *record, struct earlier_wait *earlier,
                uint64_t attach_ns, struct sample *sample);
