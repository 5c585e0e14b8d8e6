/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/stacks.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "hash.h"
#include "reason.h"
#include "table.h"

#define CACHE_MAX (64 * 1024) /* stacks found by their addresses; then all are forgotten */

struct cached {
    struct table_key key; /* of everything in a raw_stack */
    struct known_stack known;
};

struct stacks {
    enum sample_kind kind;
    struct namer namer;
    struct outbox *outbox;
    struct losses *losses;
    struct table cache;
    struct {
        char reason[REASON_MAX];
        uint64_t creator;
        size_t n_frames; /* 0: there is none */
        struct raw_frame frames[STACK_FRAMES_MAX];
        struct known_stack known;
    } last; /* that was found, of plain ones */
    struct frame frames[STACK_FRAMES_MAX];
};

static struct table_key cached_key(const void *element)
{
    return ((const struct cached *)element)->key;
}

static const struct table_type cache_type = {sizeof(struct cached), CACHE_MAX, cached_key};

int stacks_new(enum sample_kind kind, const struct namer *namer, struct outbox *outbox,
               struct losses *losses, struct stacks **ret_stacks)
{
    struct stacks *stacks = calloc(1, sizeof(*stacks));

    if (!stacks)
        return -ENOMEM;
    stacks->kind = kind;
    stacks->namer = *namer;
    stacks->outbox = outbox;
    stacks->losses = losses;
    table_init(&stacks->cache, &cache_type);
    *ret_stacks = stacks;
    return 0;
}

void stacks_free(struct stacks **stacks)
{
    if (!*stacks)
        return;
    table_clear(&(*stacks)->cache);
    free(*stacks);
    *stacks = NULL;
}

void stacks_forget(struct stacks *stacks)
{
    table_clear(&stacks->cache);
    stacks->last.n_frames = 0;
}

/* Whether a short reason, its own frames and their creator are all that there is. */
static bool is_plain(const struct raw_stack *raw)
{
    return raw->n_frames && !raw->kernel && !raw->n_labels && strlen(raw->reason) < REASON_MAX;
}

/* Neighbours often stand at the same place. */
static bool is_last(const struct stacks *stacks, const struct raw_stack *raw)
{
    const struct raw_frame *frames = stacks->last.frames;

    if (!is_plain(raw) || raw->n_frames != stacks->last.n_frames ||
        raw->creator != stacks->last.creator || strcmp(raw->reason, stacks->last.reason) != 0)
        return false;
    for (size_t i = 0; i < raw->n_frames; i++)
        if (raw->frames[i].pc != frames[i].pc || raw->frames[i].activation != frames[i].activation)
            return false;
    return true;
}

static void keep_last(struct stacks *stacks, const struct raw_stack *raw, struct known_stack known)
{
    if (!is_plain(raw))
        return;
    memcpy(stacks->last.reason, raw->reason, strlen(raw->reason) + 1);
    stacks->last.creator = raw->creator;
    stacks->last.n_frames = raw->n_frames;
    memcpy(stacks->last.frames, raw->frames, raw->n_frames * sizeof(raw->frames[0]));
    stacks->last.known = known;
}

static uint64_t label_hash(uint64_t hash, const struct label *labels, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        hash = hash_text(hash_text(hash, labels[i].key), labels[i].value);
    return hash;
}

static uint32_t n_kernel_frames(const struct kernel_record *kernel)
{
    if (!kernel)
        return 0;
    return kernel->n < KERNEL_FRAMES_MAX ? kernel->n : KERNEL_FRAMES_MAX;
}

static uint64_t raw_hash(uint64_t hash, const struct raw_stack *raw)
{
    hash = hash_word(hash_text(hash, raw->reason), raw->creator);
    for (uint32_t i = 0; i < n_kernel_frames(raw->kernel); i++)
        hash = hash_text(hash, raw->kernel->name[i]);
    for (size_t i = 0; i < raw->n_frames; i++)
        hash = hash_word(hash, raw->frames[i].pc * 2 + raw->frames[i].activation);
    return label_hash(hash, raw->labels, raw->n_labels);
}

/* Over names, lines and offsets in files, so that it outlives the target's restart. */
static uint64_t frame_hash(uint64_t hash, const struct frame *frame)
{
    hash = hash_text(hash_text(hash, frame->function), frame->module);
    if (frame->line)
        return hash_u64(hash_text(hash, frame->file), frame->line);
    return hash_u64(hash, frame->module ? frame->offset : frame->address);
}

static uint64_t stack_id(const struct stack *stack)
{
    uint64_t hash = hash_text(hash_u64(HASH_START, stack->kind), stack->reason);

    for (uint32_t i = 0; i < stack->n_frames; i++)
        hash = frame_hash(hash, &stack->frames[i]);
    if (stack->creator)
        hash = frame_hash(hash, stack->creator);
    return label_hash(hash, stack->labels, stack->n_labels);
}

static size_t kernel_frames(struct stacks *stacks, const struct kernel_record *kernel)
{
    size_t n = 0;

    for (uint32_t i = 0; i < n_kernel_frames(kernel); i++)
        stacks->frames[n++] = (struct frame){.function = kernel->name[i], .module = "[kernel]"};
    return n;
}

/* Kernel frames, then the waiter's own, each with what is inlined into it. */
static size_t name_frames(struct stacks *stacks, const struct raw_stack *raw)
{
    struct frame inlined[SYMBOL_INLINE_MAX];
    size_t n = kernel_frames(stacks, raw->kernel);

    for (size_t i = 0; i < raw->n_frames; i++) {
        size_t here = stacks->namer.name(stacks->namer.context, &raw->frames[i], inlined);

        if (n + here > STACK_FRAMES_MAX) {
            stacks->losses->count[LOSS_frames_capped]++;
            break;
        }
        memcpy(&stacks->frames[n], inlined, here * sizeof(inlined[0]));
        n += here;
    }
    return n;
}

/* The function with the call is the innermost of those inlined at it. */
static const struct frame *name_creator(struct stacks *stacks, uint64_t creator,
                                        struct frame frames[static SYMBOL_INLINE_MAX])
{
    struct raw_frame raw = {.pc = creator};

    if (!creator)
        return NULL;
    stacks->namer.name(stacks->namer.context, &raw, frames);
    frames[0].inlined = 0;
    return &frames[0];
}

/* The word of a barrier counts its rounds: at 2 its wait looks like a lock's (glibc
 * nptl/pthread_barrier_wait.c). */
static const char *reason_in(const char *reason, enum wait_shape shape)
{
    const char *lock = reason_name(PARK_FUTEX_LOCK);

    return shape == WAIT_BARRIER && !strcmp(reason, lock) ? reason_name(PARK_FUTEX_WAIT) : reason;
}

static int name_stack(struct stacks *stacks, const struct raw_stack *raw,
                      struct known_stack *ret_known)
{
    struct frame creator[SYMBOL_INLINE_MAX];
    struct stack stack = {
        .kind = stacks->kind,
        .frames = stacks->frames,
        .creator = name_creator(stacks, raw->creator, creator),
        .n_labels = raw->n_labels,
        .labels = raw->labels,
    };

    stack.n_frames = name_frames(stacks, raw);
    stack.site = stacks->namer.site(stacks->namer.context, stacks->frames, stack.n_frames);
    ret_known->shape = waits_shape(stacks->frames, stack.n_frames);
    stack.reason = reason_in(raw->reason, ret_known->shape);
    stack.id = stack_id(&stack);
    ret_known->id = stack.id;
    return outbox_stack(stacks->outbox, &stack);
}

/* By all that is in it. */
static int find_cached(struct stacks *stacks, const struct raw_stack *raw,
                       struct known_stack *ret_known)
{
    struct cached new = {.key = {raw_hash(HASH_START, raw), raw_hash(~HASH_START, raw)}};
    const struct cached *cached = table_find(&stacks->cache, new.key);
    int r;

    if (cached) {
        *ret_known = cached->known;
        return 0;
    }
    r = name_stack(stacks, raw, &new.known);
    if (r)
        return r;
    if (table_add(&stacks->cache, &new, NULL) == -ENOSPC)
        stacks_forget(stacks);
    *ret_known = new.known;
    return 0;
}

int stacks_find(struct stacks *stacks, const struct raw_stack *raw, struct known_stack *ret_known)
{
    int r;

    if (is_last(stacks, raw)) {
        *ret_known = stacks->last.known;
        return 0;
    }
    r = find_cached(stacks, raw, ret_known);
    if (!r)
        keep_last(stacks, raw, *ret_known);
    return r;
}
