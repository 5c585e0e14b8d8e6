/* SPDX-License-Identifier: Apache-2.0 */
/* Go stacks, by how much of the stack each function says it uses at each of its instructions
 * (pcsp). Follows runtime/traceback.go, (*unwinder).resolveInternal() and next(). */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/arch.h"
#include "analyst/go/gocode.h"
#include "analyst/go/inlining.h"

#define STEPS_SLOTS  (16 * 1024)  /* a power of two; an address drives out another in its slot */
#define STACK_MAX    (1ull << 30) /* bytes: runtime.maxstacksize on 64 bits is less than this */
#define STACK_CHUNK  4096         /* bytes of stack read at once behind the copy */
#define WRAPPERS_MAX 4096         /* left out of one stack */

/* What a frame whose pc this is looks like. */
struct step {
    uint64_t pc; /* 0: slot is free */
    uint32_t delta;
    uint8_t id;
    uint8_t go : 1;       /* is Go code, with tables that can be read */
    uint8_t top : 1;      /* outermost on its stack */
    uint8_t base : 1;     /* first on a system stack, which it changed to */
    uint8_t opaque : 1;   /* changes sp in ways we cannot know */
    uint8_t at_entry : 1; /* has not run yet */
    uint8_t wrapper : 1;  /* generated, and nothing was inlined into it here */
};

struct go_steps {
    struct step slots[STEPS_SLOTS];
};

int go_steps_new(struct go_steps **ret_steps)
{
    *ret_steps = calloc(1, sizeof(struct go_steps));
    return *ret_steps ? 0 : -ENOMEM;
}

void go_steps_free(struct go_steps **steps)
{
    free(*steps);
    *steps = NULL;
}

void go_steps_clear(struct go_steps *steps)
{
    memset(steps, 0, sizeof(*steps));
}

static struct step find_step(struct go_code *code, uint64_t pc)
{
    struct step step = {.pc = pc};
    struct go_function function;
    struct go_inlined inlined;
    int32_t delta;

    if (!go_code_find(code, pc, &function))
        return step;
    step.go = true;
    step.id = function.id;
    step.top = !!(function.flags & GO_FUNCTION_TOP);
    step.base = function.id == code->ids.mcall || function.id == code->ids.morestack;
    step.at_entry = pc == function.entry;
    step.wrapper = function.id == code->ids.wrapper &&
                   !go_inlined_at(code->windows, &function, pc - !step.at_entry, &inlined);
    /* cgocallback writes sp, but both stacks that it stands on can be unwound through it. */
    step.opaque = function.flags & GO_FUNCTION_SP_WRITE && function.id != code->ids.cgocallback;
    if (!go_function_value(code->windows, &function, function.pcsp, pc, &delta) || delta < 0 ||
        (uint64_t)delta >= STACK_MAX || delta % GO_POINTER_SIZE != 0)
        step.go = step.top; /* above an outermost function nothing is looked for */
    else
        step.delta = (uint32_t)delta;
    return step;
}

static struct step step_at(struct go_code *code, uint64_t pc)
{
    /* Multiplied by 2^64 / golden ratio, so that neighbours spread. */
    struct step *slot = &code->steps->slots[(pc * 0x9e3779b97f4a7c15u) >> 32 & (STEPS_SLOTS - 1)];

    if (slot->pc != pc)
        *slot = find_step(code, pc);
    return *slot;
}

/* The stack that is unwound: the copy of its innermost part, and the last chunk behind it. */
struct stack_reader {
    const struct go_memory *memory;
    const struct stack_copy *copy;
    uint64_t chunk; /* address */
    size_t size;
    uint8_t bytes[STACK_CHUNK];
};

static bool covers(uint64_t start, size_t size, uint64_t address)
{
    return address >= start && size >= GO_POINTER_SIZE && address - start <= size - GO_POINTER_SIZE;
}

/* As much as there is: the stack may end before the chunk does. */
static bool read_chunk(struct stack_reader *stack, uint64_t address)
{
    const struct rpc_range range = {address, STACK_CHUNK};
    const uint8_t *bytes;
    const uint32_t *lengths;

    stack->size = 0;
    if (stack->memory->read_ranges(stack->memory->context, &range, 1, &bytes, &lengths))
        return false;
    stack->size = lengths[0] < STACK_CHUNK ? lengths[0] : STACK_CHUNK;
    memcpy(stack->bytes, bytes, stack->size);
    stack->chunk = address;
    return stack->size >= GO_POINTER_SIZE;
}

static bool read_word(struct stack_reader *stack, uint64_t address, uint64_t *ret_word)
{
    if (covers(stack->copy->address, stack->copy->size, address)) {
        *ret_word = go_u64(stack->copy->bytes + (address - stack->copy->address));
        return true;
    }
    if (!covers(stack->chunk, stack->size, address) && !read_chunk(stack, address))
        return false;
    *ret_word = go_u64(stack->bytes + (address - stack->chunk));
    return true;
}

/* Where an unwind stands. */
struct walk {
    uint64_t pc, sp;
    uint8_t callee; /* abi.FuncID of the function that this one called */
    bool injected;  /* that call is one that a signal handler made up: pc stands where it did */
    bool innermost;
};

/* On to the caller; false: the stack cannot be followed there. */
static bool walk_up(struct go_code *code, struct stack_reader *stack, const struct step *step,
                    struct walk *walk)
{
    uint64_t slot = go_return_slot(walk->sp, step->delta);

    /* Of an innermost frame pc and sp were saved before it writes sp. */
    if ((step->opaque && !walk->innermost) || slot < walk->sp || !read_word(stack, slot, &walk->pc))
        return false;
    walk->sp = go_caller_sp(walk->sp, step->delta);
    walk->callee = step->id;
    walk->injected = step->id == code->ids.sigpanic || step->id == code->ids.async_preempt;
    walk->innermost = false;
    return true;
}

enum unwind_end go_code_unwind(struct go_code *code, uint64_t pc, uint64_t sp,
                               const struct stack_copy *copy, struct raw_frame *ret_frames,
                               size_t max, size_t *ret_n)
{
    struct walk walk = {.pc = pc, .sp = sp, .innermost = true};
    struct stack_reader stack;
    size_t wrappers = 0;

    /* Not its bytes: most stacks need none of them. */
    stack.memory = code->memory;
    stack.copy = copy;
    stack.chunk = stack.size = 0;
    for (*ret_n = 0; wrappers < WRAPPERS_MAX;) {
        struct step step = step_at(code, walk.pc);

        if (!step.go)
            return UNWIND_CUT;
        if (step.top && *ret_n > 0)
            return UNWIND_WHOLE;
        if (step.wrapper && go_code_elides(code, walk.callee)) {
            wrappers++;
        } else if (*ret_n == max) {
            return UNWIND_CAPPED;
        } else {
            ret_frames[(*ret_n)++] = (struct raw_frame){walk.pc, walk.injected || step.at_entry};
        }
        if (step.top || (step.base && !walk.innermost))
            return UNWIND_WHOLE;
        if (!walk_up(code, &stack, &step, &walk))
            return UNWIND_CUT;
    }
    return UNWIND_CAPPED;
}
