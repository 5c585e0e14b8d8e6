/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/witness.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/channel.h"
#include "analyst/go/gather.h"
#include "analyst/go/parker.h"
#include "analyst/go/sort.h"
#include "cleanup.h"

#define REASONS_MAX 64  /* numbers, of a byte, that are told apart */
#define EACH_MAX    16  /* witnesses of one reason */
#define STACK_COPY  512 /* bytes, for PARKER_FRAMES frames */
#define GAP_MAX     256 /* between two things that are read together */

#define WITNESSES_MAX (REASONS_MAX * EACH_MAX)

struct witness {
    const struct goroutine *goroutine;
    const struct parker *parker; /* NULL: it says nothing */
    bool has_stood, has_sudog, has_channel;
    struct sudog sudog;
    struct channel channel;
    size_t copied; /* bytes of its stack */
    uint8_t stack[STACK_COPY];
};

struct hearing {
    const struct g_layout *layout;
    struct go_code *code;
    const struct go_memory *memory;
    char *why; /* GO_WHY_MAX */
    size_t n;
    struct witness witnesses[WITNESSES_MAX];
    struct piece pieces[WITNESSES_MAX], spare[WITNESSES_MAX];
};

/* Whatever the layout takes its reason for. */
static bool seems_parked(const struct goroutine *goroutine)
{
    return (goroutine->status == GO_WAITING || goroutine->status == GO_LEAKED) &&
           goroutine->stack_lo <= goroutine->sp && goroutine->sp < goroutine->stack_hi;
}

static void choose(struct hearing *hearing, const struct goroutine *goroutines, size_t n)
{
    uint8_t chosen[REASONS_MAX] = {0};

    for (size_t i = 0; i < n; i++) {
        uint8_t reason = goroutines[i].reason;

        if (!seems_parked(&goroutines[i]) || reason >= REASONS_MAX || chosen[reason] == EACH_MAX)
            continue;
        chosen[reason]++;
        hearing->witnesses[hearing->n++].goroutine = &goroutines[i];
    }
}

static int read_all(struct hearing *hearing, size_t n, gather_take take)
{
    sort_pieces(hearing->pieces, hearing->spare, n);
    return gather(hearing->memory, hearing->pieces, n, GAP_MAX, take, hearing);
}

static void take_stack(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct witness *witness = &((struct hearing *)context)->witnesses[piece->index];

    memcpy(witness->stack, bytes, got);
    witness->copied = got;
}

static int read_stacks(struct hearing *hearing)
{
    for (size_t i = 0; i < hearing->n; i++) {
        const struct goroutine *goroutine = hearing->witnesses[i].goroutine;
        uint64_t size = goroutine->stack_hi - goroutine->sp;

        hearing->pieces[i] = (struct piece){
            goroutine->sp, size < STACK_COPY ? (uint32_t)size : STACK_COPY, (uint32_t)i};
    }
    return read_all(hearing, hearing->n, take_stack);
}

static void take_sudog(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct hearing *hearing = context;
    struct witness *witness = &hearing->witnesses[piece->index];

    witness->has_sudog = got == piece->size;
    if (witness->has_sudog)
        witness->sudog = sudog_decode(hearing->layout, bytes);
}

static int read_sudogs(struct hearing *hearing)
{
    size_t asked = 0;

    for (size_t i = 0; i < hearing->n; i++)
        if (hearing->witnesses[i].goroutine->waiting)
            hearing->pieces[asked++] = (struct piece){hearing->witnesses[i].goroutine->waiting,
                                                      hearing->layout->sudog_size, (uint32_t)i};
    return read_all(hearing, asked, take_sudog);
}

static void take_channel(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct hearing *hearing = context;
    struct witness *witness = &hearing->witnesses[piece->index];

    witness->has_channel = got == piece->size;
    if (witness->has_channel)
        witness->channel = channel_decode(hearing->layout, bytes);
}

static int read_channels(struct hearing *hearing)
{
    size_t asked = 0;

    for (size_t i = 0; i < hearing->n; i++)
        if (hearing->witnesses[i].sudog.channel)
            hearing->pieces[asked++] = (struct piece){hearing->witnesses[i].sudog.channel,
                                                      hearing->layout->channel_size, (uint32_t)i};
    return read_all(hearing, asked, take_channel);
}

static void take_again(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct hearing *hearing = context;
    struct witness *witness = &hearing->witnesses[piece->index];
    const struct goroutine *before = witness->goroutine;
    struct goroutine now;

    if (got < piece->size || !goroutine_decode(hearing->layout, piece->address, bytes, &now))
        return;
    witness->has_stood = goroutine_stood(before, &now);
}

static int read_again(struct hearing *hearing)
{
    for (size_t i = 0; i < hearing->n; i++)
        hearing->pieces[i] = (struct piece){hearing->witnesses[i].goroutine->address,
                                            hearing->layout->size, (uint32_t)i};
    return read_all(hearing, hearing->n, take_again);
}

static void find_parker(struct hearing *hearing, struct witness *witness)
{
    const struct goroutine *goroutine = witness->goroutine;
    struct stack_copy copy = {goroutine->sp, witness->stack, witness->copied};
    struct raw_frame frames[PARKER_FRAMES];
    size_t n;

    if (!witness->has_stood || !witness->copied)
        return;
    go_code_unwind(hearing->code, goroutine->pc, goroutine->sp, &copy, frames, PARKER_FRAMES, &n);
    witness->parker = parker_find(hearing->code, frames, n);
}

/* A channel's queues have no name in a select, whose direction is not known. One that is being
 * closed has let go of all its waiters before it wakes the first (closechan() in runtime/chan.go).
 */
static bool is_queued(const struct witness *witness)
{
    if (witness->channel.closed)
        return true;
    switch (witness->parker->kind) {
    case PARKER_SENDS:
        return witness->channel.senders.n > 0;
    case PARKER_RECEIVES:
        return witness->channel.receivers.n > 0;
    default:
        return true;
    }
}

/* What is wrong with what it waits on, or NULL. */
static const char *check_object(const struct witness *witness, const char *reason)
{
    const struct goroutine *goroutine = witness->goroutine;

    if (witness->parker->kind == PARKER_OTHER)
        return NULL;
    if (strstr(reason, "(nil chan)"))
        return goroutine->waiting ? "waits on no channel, and yet has a sudog" : NULL;
    if (witness->parker->kind == PARKER_SELECTS && !goroutine->waiting)
        return NULL; /* all its channels are nil: selectgo() leaves those out */
    if (!witness->has_sudog || witness->sudog.g != goroutine->address)
        return "has no sudog that points back to it";
    if (!witness->has_channel || !is_queued(witness))
        return "has a sudog without a channel that it is queued at";
    return NULL;
}

static int hear(struct hearing *hearing, const struct witness *witness)
{
    uint8_t number = witness->goroutine->reason;
    const char *reason = g_layout_reason(hearing->layout, number);
    const char *wrong;

    if (!parker_gives(witness->parker, reason)) {
        snprintf(hearing->why, GO_WHY_MAX, "%.60s waits for \"%s\" (%u) instead of \"%s\"",
                 witness->parker->function, reason, number, witness->parker->reasons[0]);
        return -ENOTSUP;
    }
    wrong = check_object(witness, reason);
    if (wrong) {
        snprintf(hearing->why, GO_WHY_MAX, "a goroutine in %.60s %s", witness->parker->function,
                 wrong);
        return -ENOTSUP;
    }
    return 0;
}

static int hear_all(struct hearing *hearing, uint64_t *ret_named)
{
    uint64_t named = 0;

    for (size_t i = 0; i < hearing->n; i++) {
        struct witness *witness = &hearing->witnesses[i];

        find_parker(hearing, witness);
        if (!witness->parker)
            continue;
        if (hear(hearing, witness))
            return -ENOTSUP;
        named |= UINT64_C(1) << witness->goroutine->reason;
    }
    *ret_named = named;
    return 0;
}

int witness_ask(const struct g_layout *layout, struct go_code *code, const struct go_memory *memory,
                const struct goroutine *goroutines, size_t n, uint64_t *ret_named,
                char ret_why[static GO_WHY_MAX])
{
    AUTO_FREE struct hearing *hearing = calloc(1, sizeof(*hearing));
    int r;

    if (!hearing)
        return -ENOMEM;
    hearing->layout = layout;
    hearing->code = code;
    hearing->memory = memory;
    hearing->why = ret_why;
    choose(hearing, goroutines, n);
    r = read_stacks(hearing);
    if (!r)
        r = read_sudogs(hearing);
    if (!r)
        r = read_channels(hearing);
    if (!r)
        r = read_again(hearing);
    return r ? r : hear_all(hearing, ret_named);
}
