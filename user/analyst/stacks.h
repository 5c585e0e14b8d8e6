/* SPDX-License-Identifier: Apache-2.0 */
/* The distinct stacks of a target's threads: named once, told to the monitor once, found again by
 * their addresses. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/outbox.h"
#include "analyst/unwind.h"
#include "analyst/waits.h"
#include "bpf/record.h"

struct stacks;

/* What one stack is made of, before names. */
struct raw_stack {
    const char *reason;
    const struct kernel_record *kernel; /* frames inside the kernel; or NULL */
    const struct raw_frame *frames;     /* innermost first; none for a kernel worker */
    size_t n_frames;
};

/* What is known of it. */
struct known_stack {
    uint64_t id;
    enum wait_shape shape;
};

/* All are borrowed. -ENOMEM. */
int stacks_new(struct outbox *outbox, struct losses *losses, struct stacks **ret_stacks);
void stacks_free(struct stacks **stacks);

/* Forgets addresses: the target's modules changed. */
void stacks_forget(struct stacks *stacks);

/* -ENOSPC: the monitor has no room for another stack. */
int stacks_find(struct stacks *stacks, struct unwinder *unwinder, const struct raw_stack *raw,
                struct known_stack *ret_known);
