/* SPDX-License-Identifier: Apache-2.0 */
/* 500 unwinds of one stack of some frames, from its registers and a copy of it, each frame named,
 * once all files are open: what a new park costs. */
#include "guard.h"

#include "analyst/self.h"

#define UNWINDS    500
#define DEPTH      8
#define COPY_BYTES 16384

struct deep {
    struct self self;
    uint64_t regs[RECORD_REGS];
    uint8_t bytes[COPY_BYTES];
    struct stack_copy copy;
    struct raw_frame raw[SELF_FRAMES];
    struct named named;
    size_t n;
};

static void unwind(void *context)
{
    struct deep *deep = context;
    enum unwind_end end;

    for (int i = 0; i < UNWINDS; i++) {
        end = unwinder_unwind(deep->self.unwinder, deep->regs, &deep->copy, deep->raw, SELF_FRAMES,
                              &deep->n);
        guard_need(end == UNWIND_WHOLE && deep->n > DEPTH, "the stack is not whole");
        self_name(&deep->self, deep->raw, deep->n, &deep->named);
    }
    guard_need(self_index(&deep->named, "descend") != SIZE_MAX, "frames have no names");
}

/* The stack pointer is within the frame that calls; what is above it up to main is copied. */
static __attribute__((noipa)) void take(struct deep *deep)
{
    ucontext_t context;

    getcontext(&context);
    self_registers(&context, deep->regs);
    deep->copy.address = deep->regs[REGS_SP];
    deep->copy.bytes = deep->bytes;
    deep->copy.size = sizeof(deep->bytes);
    while (self_read(&deep->self, deep->copy.address, deep->bytes, deep->copy.size))
        deep->copy.size /= 2; /* the stack ends before */
    unwind(deep);
    guard_measure(unwind, deep);
}

static __attribute__((noipa)) void descend(struct deep *deep, int depth)
{
    if (depth)
        descend(deep, depth - 1);
    else
        take(deep);
    __asm__ volatile("" ::: "memory"); /* a call, not a jump */
}

int main(void)
{
    struct deep *deep = calloc(1, sizeof(*deep));

    self_start(&deep->self);
    descend(deep, DEPTH);
    self_stop(&deep->self);
    free(deep);
    return 0;
}
