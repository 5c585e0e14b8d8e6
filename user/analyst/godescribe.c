/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/goscan.h"

#include <errno.h>
#include <string.h>

#define DESCRIBE_TRIES 3 /* for stacks that the collector moves while they are read */
#define DESCRIBE_SOME  8 /* goroutines: some microseconds' work */

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

/* Whether all that was read since `before` was copied is of one park. */
static bool still_stands(struct goroutines *goroutines, const struct goroutine *before, int *ret_r)
{
    const struct go_memory *memory = &goroutines->memory;
    struct rpc_range range = {before->address, goroutines->layout->size};
    struct goroutine now;
    const uint32_t *lengths;
    const uint8_t *bytes;

    *ret_r = memory->read_ranges(memory->context, &range, 1, &bytes, &lengths);
    return !*ret_r && lengths[0] == range.length &&
           goroutine_decode(goroutines->layout, before->address, bytes, &now) &&
           goroutine_stood(before, &now);
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

static int describe_next(struct goroutines *goroutines)
{
    struct undescribed *undescribed = &goroutines->undescribed;
    struct memo *memo = undescribed->all[undescribed->at].memo;
    int r;

    r = take_description(goroutines, memo, undescribed->all[undescribed->at].subject);
    undescribed->at++;
    if (!r && (memo->flags & MEMO_DESCRIBED))
        godescribe_put(goroutines, memo);
    return r;
}

static bool has_undescribed(const struct goroutines *goroutines)
{
    const struct undescribed *undescribed = &goroutines->undescribed;

    return undescribed->at < undescribed->n && !undescribed->error;
}

bool godescribe_some(void *of)
{
    struct goroutines *goroutines = of;

    if (!has_undescribed(goroutines))
        return false;
    for (int i = 0; i < DESCRIBE_SOME && has_undescribed(goroutines); i++)
        goroutines->undescribed.error = describe_next(goroutines);
    return true;
}

int godescribe_rest(struct goroutines *goroutines)
{
    while (godescribe_some(goroutines))
        ;
    goroutines->undescribed.n = 0;
    return goroutines->undescribed.error;
}

/* Those of a batch that stood while it was read. */
static void set_undescribed(struct goroutines *goroutines, struct memo *const *memos,
                            struct subject *subjects, size_t n)
{
    struct undescribed *undescribed = &goroutines->undescribed;

    undescribed->at = undescribed->n = 0;
    for (size_t i = 0; i < n; i++) {
        if (!is_marked(memos[i]) ||
            !goroutine_stood(&subjects[i].goroutine, &goroutines->copies[i]))
            continue;
        undescribed->all[undescribed->n].memo = memos[i];
        undescribed->all[undescribed->n++].subject = &subjects[i];
    }
}

/* Reads what the copies of the first `n` pieces lead to, as far as `memos` of them are marked, and
 * the g's again: only what did not change meanwhile counts. Those that moved stay marked if they
 * are past the threshold still. */
static int read_copied(struct goroutines *goroutines, struct memo **memos, size_t n)
{
    struct subject *subjects = goroutines->subjects[goroutines->n_batches++ % 2];
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
    if (!r)
        r = godescribe_rest(goroutines);
    if (!r)
        set_undescribed(goroutines, memos, subjects, kept);
    return r;
}

static int read_marked(struct goroutines *goroutines, struct memo **memos, size_t n)
{
    int r = godescribe_copy(goroutines, memos, n);

    return r ? r : read_copied(goroutines, memos, n);
}

static size_t count_marked(struct goroutines *goroutines)
{
    size_t at = 0, n = 0;
    struct memo *memo;

    while ((memo = golook_next_news(goroutines, &at)))
        n += is_marked(memo);
    return n;
}

static int try_marked(struct goroutines *goroutines, size_t *ret_left)
{
    struct memo *batch[DESCRIBE_MAX], *memo;
    size_t at = 0, n;
    int r = 0;

    do {
        for (n = 0; n < DESCRIBE_MAX && (memo = golook_next_news(goroutines, &at));)
            if (is_marked(memo))
                batch[n++] = memo;
        if (n)
            r = read_marked(goroutines, batch, n);
    } while (!r && n);
    if (!r)
        r = godescribe_rest(goroutines);
    *ret_left = count_marked(goroutines);
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

    for (size_t i = 0; i < n; i++) {
        memos[i] = &goroutines->memos.all[goroutines->pieces[i].index];
        if ((memos[i]->flags & MEMO_PARKED) && golook_is_due(goroutines, memos[i]))
            memos[i]->flags |= MEMO_DUE;
    }
    return read_copied(goroutines, memos, n);
}

void godescribe_again(struct goroutines *goroutines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (goroutines->memos.all[i].flags & MEMO_SENT)
            godescribe_put(goroutines, &goroutines->memos.all[i]);
}
