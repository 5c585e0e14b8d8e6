/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/goscan.h"

#include <errno.h>
#include <string.h>

#define DESCRIBE_TRIES 3 /* for stacks that the collector moves while they are read */

void godescribe_put(struct goroutines *goroutines, struct memo *memo)
{
    struct sample sample = memo_sample(memo, &goroutines->cycles);

    outbox_put(goroutines->outbox, &sample);
    memo->flags = (memo->flags | MEMO_SENT) & ~(MEMO_DIRTY | MEMO_DUE);
}

/* Tells the monitor what changed, and marks who has to be described. Returns how many have. */
static size_t sort_out(struct goroutines *goroutines)
{
    size_t at = 0, marked = 0;
    struct memo *memo;

    while ((memo = golook_next_news(goroutines, &at))) {
        bool is_sent = memo->flags & MEMO_SENT;

        memo->flags &= ~MEMO_DUE;
        if (!memo_is_news(memo) || (!is_sent && !golook_is_due(goroutines, memo)))
            continue;
        if (is_sent || (memo->flags & MEMO_DESCRIBED)) {
            godescribe_put(goroutines, memo);
        } else {
            memo->flags |= MEMO_DUE;
            marked++;
        }
    }
    return marked;
}

static bool is_marked(const struct memo *memo)
{
    return memo->flags & MEMO_DUE;
}

int godescribe_copy(struct goroutines *goroutines, struct memo *const *memos, size_t n)
{
    struct reading reading = {
        .goroutines = goroutines,
        .memos = memos,
        .ret_copies = goroutines->copies,
        .previous_ns = goroutines->now_ns,
    };

    for (size_t i = 0; i < n; i++)
        goroutines->pieces[i] = (struct piece){memos[i]->g, goroutines->layout->size, (uint32_t)i};
    return golook_read(&reading, n);
}

/* One goroutine as its g is now. */
struct second_look {
    const struct g_layout *layout;
    struct goroutine goroutine; /* goid 0: it makes no sense */
};

static void take_second_look(void *context, const struct piece *piece, const uint8_t *bytes,
                             size_t got)
{
    struct second_look *look = context;

    if (got < piece->size ||
        !goroutine_decode(look->layout, piece->address, bytes, &look->goroutine))
        look->goroutine.goid = 0;
}

/* Whether all that was read since `before` was copied is of one park. */
static bool still_stands(struct goroutines *goroutines, const struct goroutine *before, int *ret_r)
{
    struct second_look look = {.layout = goroutines->layout};
    struct piece piece = {before->address, goroutines->layout->size, 0};

    *ret_r = gather(&goroutines->memory, &piece, 1, 0, take_second_look, &look);
    return !*ret_r && goroutine_stood(before, &look.goroutine);
}

static int take_description(struct goroutines *goroutines, struct memo *memo,
                            struct subject *subject)
{
    int r = 0;

    /* What it read of the stack just now may be another's, if this one ran or its stack moved. */
    if (describe_unwind(goroutines->describer, subject) &&
        !still_stands(goroutines, &subject->goroutine, &r))
        return r;
    memo->flags &= ~MEMO_DUE;
    r = describe_name(goroutines->describer, subject);
    if (r)
        return r == -ENOSPC ? 0 : r;
    memo->stack_id = subject->stack_id;
    memo->object = subject->object;
    memo->object_kind = subject->object_kind;
    memo->detail = subject->detail;
    memo->flags |= MEMO_DESCRIBED;
    return 0;
}

/* Reads what the copies of the first `n` pieces lead to, as far as `memos` of them are marked, and
 * the g's again: only what did not change meanwhile counts. Those that moved stay marked if they
 * are past the threshold still. */
static int describe_copies(struct goroutines *goroutines, struct memo **memos, size_t n)
{
    struct subject *subjects = goroutines->subjects;
    size_t kept = 0;
    int r;

    for (size_t i = 0; i < n; i++) {
        if (!is_marked(memos[i]) || !goroutines->copies[i].goid)
            continue;
        subjects[kept].goroutine = goroutines->copies[i];
        memos[kept++] = memos[i];
    }
    r = describe_read(goroutines->describer, subjects, kept);
    if (!r)
        r = godescribe_copy(goroutines, memos, kept);
    for (size_t i = 0; i < kept && !r; i++)
        if (is_marked(memos[i]) && goroutine_stood(&subjects[i].goroutine, &goroutines->copies[i]))
            r = take_description(goroutines, memos[i], &subjects[i]);
    return r;
}

static void put_described(struct goroutines *goroutines, struct memo **memos, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if ((memos[i]->flags & MEMO_DESCRIBED) && !(memos[i]->flags & MEMO_SENT))
            godescribe_put(goroutines, memos[i]);
}

static int describe_marked(struct goroutines *goroutines, struct memo **memos, size_t n)
{
    int r;

    r = godescribe_copy(goroutines, memos, n);
    if (!r)
        r = describe_copies(goroutines, memos, n);
    if (!r)
        put_described(goroutines, memos, n);
    return r;
}

static int try_marked(struct goroutines *goroutines, size_t *ret_left)
{
    struct memo *batch[DESCRIBE_MAX], *tried[DESCRIBE_MAX], *memo;
    size_t at = 0, n;
    int r = 0;

    *ret_left = 0;
    do {
        for (n = 0; n < DESCRIBE_MAX && (memo = golook_next_news(goroutines, &at));)
            if (is_marked(memo))
                batch[n++] = memo;
        memcpy(tried, batch, n * sizeof(*batch));
        if (n)
            r = describe_marked(goroutines, batch, n);
        for (size_t i = 0; i < n; i++)
            *ret_left += is_marked(tried[i]);
    } while (!r && n);
    return r;
}

int godescribe_news(struct goroutines *goroutines)
{
    size_t left = sort_out(goroutines);
    int r = 0;

    for (int i = 0; i < DESCRIBE_TRIES && left && !r; i++)
        r = try_marked(goroutines, &left);
    goroutines->losses->count[LOSS_goroutine_moved] += left;
    return r;
}

int godescribe_copied(struct goroutines *goroutines, size_t n)
{
    struct memo *memos[DESCRIBE_MAX];
    int r;

    for (size_t i = 0; i < n; i++) {
        memos[i] = &goroutines->memos.all[goroutines->pieces[i].index];
        if ((memos[i]->flags & MEMO_PARKED) && golook_is_due(goroutines, memos[i]))
            memos[i]->flags |= MEMO_DUE;
    }
    r = describe_copies(goroutines, memos, n);
    if (!r)
        put_described(goroutines, memos, n);
    return r;
}

void godescribe_again(struct goroutines *goroutines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (goroutines->memos.all[i].flags & MEMO_SENT)
            godescribe_put(goroutines, &goroutines->memos.all[i]);
}
