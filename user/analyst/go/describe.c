/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/arch.h"
#include "analyst/go/semaphore.h"
#include "analyst/go/site.h"
#include "analyst/stacks.h"
#include "cleanup.h"

#define GOID_MAIN 1 /* made by assembly: no go statement */

#define SYNC_FRAMES 8 /* innermost, that are looked through for package sync */

struct describer {
    struct go_code *code;
    const struct g_layout *layout;
    struct outbox *outbox;
    struct losses *losses;
    struct stacks *stacks;
    struct {
        const char *reason;
        struct channel channel;
        uint32_t n_cases;
        uint32_t text;                         /* 0: none yet */
    } last;                                    /* channel that was described */
    struct raw_frame frames[STACK_FRAMES_MAX]; /* of the stack that was unwound last */
    size_t n_frames;
    enum unwind_end end;
};

static size_t name_frame(void *context, const struct raw_frame *raw,
                         struct frame ret_frames[static SYMBOL_INLINE_MAX])
{
    struct describer *describer = context;

    return go_code_symbolize(describer->code, raw, ret_frames);
}

static uint32_t find_site(void *context, const struct frame *frames, uint32_t n)
{
    (void)context;
    return go_site_find(frames, n);
}

int describer_new(struct go_code *code, const struct g_layout *layout, struct outbox *outbox,
                  struct losses *losses, struct describer **ret_describer)
{
    CLEANUP(describer_free) struct describer *describer = calloc(1, sizeof(*describer));
    int r;

    if (!describer)
        return -ENOMEM;
    describer->code = code;
    describer->layout = layout;
    describer->outbox = outbox;
    describer->losses = losses;
    r = stacks_new(SAMPLE_GOROUTINE, &(struct namer){name_frame, find_site, describer}, outbox,
                   losses, &describer->stacks);
    if (r)
        return r;
    *ret_describer = TAKE_PTR(describer);
    return 0;
}

void describer_free(struct describer **describer)
{
    if (!*describer)
        return;
    stacks_free(&(*describer)->stacks);
    free(*describer);
    *describer = NULL;
}

static bool is_same_waitq(const struct waitq *a, const struct waitq *b)
{
    return a->n == b->n && a->more == b->more;
}

static bool is_same_channel(const struct channel *a, const struct channel *b)
{
    return a->length == b->length && a->capacity == b->capacity && a->closed == b->closed &&
           is_same_waitq(&a->receivers, &b->receivers) && is_same_waitq(&a->senders, &b->senders);
}

/* Neighbours often wait on one channel, or on those that look the same. */
static uint32_t name_channel(struct describer *describer, const struct subject *subject,
                             const char *reason)
{
    char text[CHANNEL_TEXT_MAX];

    if (!describer->last.text || describer->last.reason != reason ||
        describer->last.n_cases != subject->n_cases ||
        !is_same_channel(&describer->last.channel, &subject->channel)) {
        channel_text(&subject->channel, reason, subject->n_cases, text);
        describer->last.reason = reason;
        describer->last.n_cases = subject->n_cases;
        describer->last.channel = subject->channel;
        describer->last.text = outbox_string(describer->outbox, text);
    }
    return describer->last.text;
}

/* Bytes of the stack copy up to the return address of the frame above frames[i], and the word above
 * it, where that one's callee may keep its first argument; 0: not in the copy. */
static size_t end_of_frame(const struct raw_stack *raw, const struct stack_copy *copy, uint32_t i)
{
    size_t at = 0;

    if ((size_t)i + 1 >= raw->n_frames)
        return 0;
    while (at + GO_POINTER_SIZE <= copy->size && at < SEMAPHORE_WINDOW) {
        if (go_u64(copy->bytes + at) == raw->frames[i + 1].pc)
            return at + 2 * GO_POINTER_SIZE;
        at += GO_POINTER_SIZE;
    }
    return 0;
}

/* The semaphore or list that it waits on in frames[i], or below it; 0: not known. */
static uint64_t semaphore_in(const struct subject *subject, const struct raw_stack *raw,
                             const struct stack_copy *copy, uint32_t i)
{
    const struct semaphore_search *search = subject->search;

    if (subject->has_sudog)
        return subject->sudog.element;
    return semaphore_found(search, search->is_cond ? end_of_frame(raw, copy, i) : SIZE_MAX);
}

/* The object of package sync that it waits on, if it is a function of frames[i] that does. */
static uint64_t object_in(struct describer *describer, const struct subject *subject,
                          const struct raw_stack *raw, const struct stack_copy *copy, uint32_t i,
                          const char **ret_type)
{
    uint64_t semaphore = semaphore_in(subject, raw, copy, i), object = 0;
    struct frame frames[SYMBOL_INLINE_MAX];
    size_t n = go_code_symbolize(describer->code, &raw->frames[i], frames);

    for (size_t j = 0; j < n && !object; j++)
        if (frames[j].function)
            object = semaphore_object(semaphore, frames[j].function, ret_type);
    return object;
}

/* The innermost function of package sync tells; without one there is the bare semaphore. */
static void name_semaphore(struct describer *describer, struct subject *subject,
                           const struct raw_stack *raw, const struct stack_copy *copy)
{
    const char *type = NULL;

    for (uint32_t i = 0; i < raw->n_frames && i < SYNC_FRAMES && !subject->object; i++)
        subject->object = object_in(describer, subject, raw, copy, i, &type);
    if (!subject->object)
        subject->object = semaphore_in(subject, raw, copy, UINT32_MAX);
    subject->object_kind = subject->object ? OBJECT_SEMAPHORE : OBJECT_NONE;
    if (type)
        subject->detail = outbox_string(describer->outbox, type);
}

void describe_channel(struct describer *describer, struct subject *subject)
{
    const char *reason = goroutine_reason(describer->layout, &subject->goroutine);

    subject->object_kind = OBJECT_CHANNEL;
    subject->object = subject->sudog.channel;
    subject->detail = name_channel(describer, subject, reason);
}

static void name_object(struct describer *describer, struct subject *subject,
                        const struct raw_stack *raw, const struct stack_copy *copy)
{
    if (subject->has_channel)
        describe_channel(describer, subject);
    else if (!subject->sudog.channel && semaphore_is_known(describer->layout, raw->reason))
        name_semaphore(describer, subject, raw, copy);
}

static struct stack_copy copy_of(const struct subject *subject)
{
    return (struct stack_copy){subject->goroutine.sp, subject->copy, subject->copy_size};
}

bool describe_unwind(struct describer *describer, const struct subject *subject)
{
    const struct goroutine *goroutine = &subject->goroutine;
    struct stack_copy copy = copy_of(subject);

    describer->end = go_code_unwind(describer->code, goroutine->pc, goroutine->sp, &copy,
                                    describer->frames, STACK_FRAMES_MAX, &describer->n_frames);
    return goroutine->stack_hi - goroutine->sp > subject->copy_size;
}

int describe_name(struct describer *describer, struct subject *subject)
{
    const struct goroutine *goroutine = &subject->goroutine;
    struct stack_copy copy = copy_of(subject);
    struct raw_stack raw = {
        .reason = goroutine_reason(describer->layout, goroutine),
        .frames = describer->frames,
        .n_frames = describer->n_frames,
        .creator = goroutine->goid == GOID_MAIN ? 0 : goroutine->gopc,
        .labels = subject->labels,
        .n_labels = (uint32_t)subject->n_labels,
    };
    struct known_stack known;
    int r;

    if (describer->end == UNWIND_CUT)
        describer->losses->count[LOSS_unwind_cut]++;
    if (describer->end == UNWIND_CAPPED)
        describer->losses->count[LOSS_frames_capped]++;
    r = stacks_find(describer->stacks, &raw, &known);
    if (r)
        return r;
    subject->stack_id = known.id;
    name_object(describer, subject, &raw, &copy);
    return 0;
}
