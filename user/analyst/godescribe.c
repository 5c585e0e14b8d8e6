/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/goscan.h"

#include <errno.h>
#include <string.h>

#define DESCRIBE_TRIES 3 /* for stacks that the collector moves while they are read */
#define DESCRIBE_SOME  8 /* goroutines: some microseconds' work */

static void send_sample(struct goroutines *goroutines, const struct memo *memo)
{
    struct sample sample = memo_sample(memo, &goroutines->cycles);

    outbox_put(goroutines->outbox, &sample);
}

void godescribe_put(struct goroutines *goroutines, struct memo *memo)
{
    memo->flags &= ~(MEMO_DIRTY | MEMO_DUE);
    if (goroutines->options.one_look)
        return;
    send_sample(goroutines, memo);
    memo->flags |= MEMO_SENT;
}

void godescribe_tell(struct goroutines *goroutines)
{
    const struct memos *memos = &goroutines->memos;

    outbox_look(goroutines->outbox, goroutines->now_ns);
    for (size_t i = 0; i < memos->n; i++)
        if ((memos->all[i].flags & MEMO_DESCRIBED) && memo_is_news(&memos->all[i]))
            send_sample(goroutines, &memos->all[i]);
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

/* Begins to look at the g's of a lot. */
static void begin_look(struct goroutines *goroutines, struct lot *lot, const struct reading *look)
{
    lot->reading = *look;
    lot->reading.memos = lot->memos;
    lot->reading.ret_copies = lot->copies;
    for (size_t i = 0; i < lot->n; i++)
        lot->pieces[i] = (struct piece){lot->memos[i]->g, goroutines->layout->size, (uint32_t)i};
    golook_begin(&lot->reading, lot->pieces, lot->n);
}

/* A look at those that were looked at in this scan. */
static struct reading look_again(struct goroutines *goroutines)
{
    return (struct reading){.goroutines = goroutines, .previous_ns = goroutines->now_ns};
}

int godescribe_copy(struct goroutines *goroutines, struct lot *lot)
{
    struct reading again = look_again(goroutines);

    begin_look(goroutines, lot, &again);
    return golook_finish(&lot->reading);
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

/* One that stood while it was read, and is wanted still. */
static int describe(struct goroutines *goroutines, struct memo *memo, struct subject *subject,
                    const struct goroutine *now)
{
    int r;

    if (!is_marked(memo) || !goroutine_stood(&subject->goroutine, now))
        return 0;
    r = take_description(goroutines, memo, subject);
    if (!r && (memo->flags & MEMO_DESCRIBED))
        godescribe_put(goroutines, memo);
    return r;
}

static bool has_undescribed(const struct goroutines *goroutines)
{
    const struct lot *lot = goroutines->undescribed.lot;

    return lot && goroutines->undescribed.at < lot->n && !goroutines->undescribed.error;
}

bool godescribe_some(void *of)
{
    struct goroutines *goroutines = of;

    if (!has_undescribed(goroutines))
        return false;
    for (int i = 0; i < DESCRIBE_SOME && has_undescribed(goroutines); i++) {
        struct lot *lot = goroutines->undescribed.lot;
        size_t at = goroutines->undescribed.at++;

        goroutines->undescribed.error =
            describe(goroutines, lot->memos[at], &lot->subjects[at], &lot->copies[at]);
    }
    return true;
}

/* The rest of those that were read. */
static int describe_rest(struct goroutines *goroutines)
{
    while (godescribe_some(goroutines))
        ;
    goroutines->undescribed.lot = NULL;
    return goroutines->undescribed.error;
}

/* Those whose look is finished, as far as they are wanted. */
static void choose_subjects(struct goroutines *goroutines, struct lot *lot)
{
    size_t kept = 0;

    for (size_t i = 0; i < lot->n; i++) {
        struct memo *memo = lot->memos[i];

        if ((memo->flags & MEMO_PARKED) && golook_is_due(goroutines, memo))
            memo->flags |= MEMO_DUE;
        if (!is_marked(memo) || !lot->copies[i].goid)
            continue;
        lot->subjects[kept].goroutine = lot->copies[i];
        lot->memos[kept++] = memo;
    }
    lot->n = kept;
}

/* A way through many goroutines, a lot after the other. */
struct pass {
    struct goroutines *goroutines;
    const struct reading *look;
    struct memo *(*next)(struct goroutines *goroutines, size_t *at);
    size_t from, at;  /* the places of the lot that was begun last */
    uint64_t version; /* of what is known of collections */
    size_t stale;
    size_t n; /* lots that were begun */
};

static struct lot *lot_of(const struct pass *pass, size_t number)
{
    return &pass->goroutines->lots[number % LOTS];
}

/* Lists the next lot, and begins to look at its g's. It takes the place of the last one that was
 * read. */
static int begin_lot(struct pass *pass)
{
    struct lot *lot = lot_of(pass, pass->n++);
    struct memo *memo;
    int r = describe_rest(pass->goroutines);

    if (r)
        return r;
    pass->from = pass->at;
    for (lot->n = 0; lot->n < SUBJECTS_MAX && (memo = pass->next(pass->goroutines, &pass->at));)
        lot->memos[lot->n++] = memo;
    begin_look(pass->goroutines, lot, pass->look);
    return 0;
}

/* Begins to read what the g's of a lot lead to. */
static int begin_reading(struct pass *pass, size_t number)
{
    struct goroutines *goroutines = pass->goroutines;
    struct lot *lot = lot_of(pass, number);
    int r = golook_finish(&lot->reading);

    if (goroutines->cycles.version != pass->version)
        pass->stale = pass->from;
    pass->version = goroutines->cycles.version;
    if (r)
        return r;
    choose_subjects(goroutines, lot);
    subjects_begin(goroutines->reader, number % LOTS, lot->subjects, lot->n);
    return 0;
}

/* All that remains to be read of a lot is asked for, and then its g's again: only what did not
 * change meanwhile counts. */
static int go_on_reading(struct pass *pass, size_t number)
{
    struct reading again = look_again(pass->goroutines);
    int r = subjects_go_on(pass->goroutines->reader, number % LOTS);

    if (!r)
        begin_look(pass->goroutines, lot_of(pass, number), &again);
    return r;
}

/* From then on the lot can be described. */
static int finish_reading(struct pass *pass, size_t number)
{
    struct goroutines *goroutines = pass->goroutines;
    struct lot *lot = lot_of(pass, number);
    int r = subjects_finish(goroutines->reader, number % LOTS);

    if (!r)
        r = golook_finish(&lot->reading);
    if (!r)
        r = describe_rest(goroutines);
    goroutines->undescribed.lot = lot;
    goroutines->undescribed.at = 0;
    return r;
}

/* While a lot waits for what its g's lead to, the next one's g's are copied, and the rest of what
 * the one before led to: the reader is never without a request. */
static int go_through(struct pass *pass)
{
    size_t number = 0;
    int r;

    for (r = begin_lot(pass); !r && lot_of(pass, number)->n; number++) {
        r = begin_reading(pass, number);
        if (!r)
            r = begin_lot(pass);
        if (!r && number)
            r = finish_reading(pass, number - 1);
        if (!r)
            r = go_on_reading(pass, number);
    }
    if (!r && number)
        r = finish_reading(pass, number - 1);
    return r ? r : describe_rest(pass->goroutines);
}

int godescribe_all(struct goroutines *goroutines, const struct reading *look,
                   struct memo *(*next)(struct goroutines *goroutines, size_t *at),
                   size_t *ret_stale)
{
    struct pass pass = {
        .goroutines = goroutines,
        .look = look,
        .next = next,
        .version = goroutines->cycles.version,
    };
    int r = go_through(&pass);

    *ret_stale = pass.stale;
    return r;
}

static size_t count_marked(struct goroutines *goroutines)
{
    size_t at = 0, n = 0;
    struct memo *memo;

    while ((memo = golook_next_news(goroutines, &at)))
        n += is_marked(memo);
    return n;
}

static struct memo *next_marked(struct goroutines *goroutines, size_t *at)
{
    struct memo *memo;

    while ((memo = golook_next_news(goroutines, at)) && !is_marked(memo))
        ;
    return memo;
}

int godescribe_news(struct goroutines *goroutines)
{
    struct reading look = look_again(goroutines);
    size_t left = sort_out(goroutines), stale;
    int r = 0;

    for (int i = 0; i < DESCRIBE_TRIES && left && !r; i++) {
        r = godescribe_all(goroutines, &look, next_marked, &stale);
        left = count_marked(goroutines);
    }
    goroutines->losses->count[LOSS_goroutine_moved] += left;
    return r;
}

void godescribe_again(struct goroutines *goroutines, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (goroutines->memos.all[i].flags & MEMO_SENT)
            godescribe_put(goroutines, &goroutines->memos.all[i]);
}
