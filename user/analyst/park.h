/* SPDX-License-Identifier: Apache-2.0 */
/* Since when a thread is parked: the estimate and what is proven of it, from one record. Pure. */
#pragma once

#include <stdint.h>

#include "bpf/record.h"
#include "sample.h"

/*
 * Sets since_ns, seen_ns, not_before_ns and rewaits of *sample.
 *
 * A park that began after the attach is known exactly. One from before is estimated by the thread's
 * last arrival on a CPU: it may have run for a while before it parked, so that is the upper bound
 * of its age, and the proven part begins with this record. In a logical wait (a futex wait that
 * only timed out so far, and was taken up again) it is the first of its waits that counts.
 *
 * `before` is the sample of the same thread's previous park, or NULL: a logical wait that began
 * before the attach goes on from there. `attach_ns`: CLOCK_MONOTONIC.
 */
void park_since(const struct thread_record *record, const struct sample *before, uint64_t attach_ns,
                struct sample *sample);
