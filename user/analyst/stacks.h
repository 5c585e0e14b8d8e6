/* SPDX-License-Identifier: Apache-2.0 */
/* The distinct stacks of a target's waiters of one kind: named once, told to the monitor once,
 * found again by their addresses. */
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
    uint64_t creator; /* return address of what made the goroutine; 0: none */
    const struct label *labels;
    uint32_t n_labels;
};

/* What is known of it. */
struct known_stack {
    uint64_t id;
    enum wait_shape shape;
};

/* Who knows the names of addresses: as unwinder_symbolize(). */
struct namer {
    size_t (*name)(void *context, const struct raw_frame *raw,
                   struct frame ret_frames[static SYMBOL_INLINE_MAX]);
    /* As site_find(). */
    uint32_t (*site)(void *context, const struct frame *frames, uint32_t n);
    void *context;
};

/* `namer` is copied, all else borrowed. -ENOMEM. */
int stacks_new(enum sample_kind kind, const struct namer *namer, struct outbox *outbox,
               struct losses *losses, struct stacks **ret_stacks);
void stacks_free(struct stacks **stacks);

/* Forgets addresses: the target's modules changed. */
void stacks_forget(struct stacks *stacks);

/* -ENOSPC: the monitor has no room for another stack. */
int stacks_find(struct stacks *stacks, const struct raw_stack *raw, struct known_stack *ret_known);
