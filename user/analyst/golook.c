/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/goscan.h"

#define LOOK_GAP 512 /* between two that are read together: as large as one */

void golook_leave(struct goroutines *goroutines, struct memo *memo)
{
    if (memo->flags & MEMO_SENT)
        outbox_drop(goroutines->outbox, SAMPLE_GOROUTINE, memo->goid);
    memo_clear(memo);
}

static void meet(struct goroutines *goroutines, struct memo *memo,
                 const struct goroutine *goroutine)
{
    uint16_t untold = memo->flags & MEMO_UNTOLD;

    if ((memo->flags & MEMO_MET) && memo->goid == goroutine->goid)
        return;
    golook_leave(goroutines, memo);
    memo->goid = goroutine->goid;
    memo->flags = MEMO_MET | untold;
    if (program_is_system(goroutines->program, goroutine->startpc))
        memo->flags |= MEMO_SYSTEM;
}

static int64_t age(const struct goroutines *goroutines, uint64_t since_ns)
{
    return goroutines->now_ns > since_ns ? (int64_t)(goroutines->now_ns - since_ns) : 0;
}

bool golook_is_due(const struct goroutines *goroutines, const struct memo *memo)
{
    const struct goroutines_options *options = &goroutines->options;
    uint64_t throughout = goroutines->first_ns ? goroutines->first_ns : UINT64_MAX;
    struct sample sample;

    if (!options->threshold_ns || age(goroutines, memo->seen_ns) >= options->threshold_ns)
        return true;
    if (options->proven || memo->seen_ns > throughout)
        return false;
    sample = memo_sample(memo, &goroutines->cycles);
    return age(goroutines, sample.not_before_ns) >= options->threshold_ns;
}

/* No later than it was last seen, or found missing; 0: neither is known. */
static uint64_t previous_look(const struct reading *reading, const struct memo *memo)
{
    if (memo->flags & MEMO_UNSEEN)
        return 0;
    return memo->flags & MEMO_NEW ? reading->goroutines->listed_ns : reading->previous_ns;
}

/* What is known of its park is kept in any case: a later look may prove that it went on. */
static void see_nothing(const struct reading *reading, struct memo *memo)
{
    struct goroutines *goroutines = reading->goroutines;

    if (reading->torn == TORN_MARKED) {
        memo->flags |= MEMO_TORN;
        goroutines->n_torn++;
    } else if (reading->torn == TORN_LOST) {
        if (memo->flags & MEMO_SENT)
            outbox_drop(goroutines->outbox, SAMPLE_GOROUTINE, memo->goid);
        memo->flags &= ~(MEMO_TORN | MEMO_SENT | MEMO_DUE);
        memo->flags |= MEMO_UNSEEN;
        goroutines->losses->count[LOSS_goroutine_unreadable]++;
    }
}

/* False: this look tells nothing. */
static bool see_parked(const struct reading *reading, struct memo *memo,
                       const struct goroutine *goroutine, uint64_t previous_ns)
{
    struct goroutines *goroutines = reading->goroutines;
    struct look look = {goroutines->layout, goroutine, 0, previous_ns};

    if (goroutine->waitsince && goroutine->waitsince != memo->waitsince &&
        goroutine->waitsince <= goroutines->now_ns)
        cycles_add(&goroutines->cycles, goroutine->waitsince);
    if (memo_is_same(memo, &look) || (!reading->counts && memo_is_alike(memo, &look))) {
        memo_go_on(memo, &look, reading->counts);
        return true;
    }
    if (reading->torn != TORN_LOST && memo_has_other_stack(memo, &look))
        return false;
    if (memo_may_be_same(memo, &look))
        look.previous_ns = memo->not_before_ns;
    golook_leave(goroutines, memo);
    look.now_ns = goroutines->gatherer.taken_ns;
    memo_begin(memo, &look);
    if (!reading->counts && golook_is_due(goroutines, memo))
        memo->flags |= MEMO_DUE;
    return true;
}

/* Of a look that told. */
static void tally(const struct reading *reading, const struct memo *memo, bool was_news)
{
    struct goroutines *goroutines = reading->goroutines;

    if (!reading->counts)
        return;
    goroutines->n_doubtful += memo_is_doubtful(memo);
    if (!memo_is_news(memo) || (reading->again && was_news))
        return;
    if (goroutines->n_news < NEWS_MAX)
        goroutines->news[goroutines->n_news] = (uint32_t)(memo - goroutines->memos.all);
    goroutines->n_news++;
}

/* As runtime.NumGoroutine() counts: without the runtime's own. */
static void count_state(const struct reading *reading, const struct memo *memo,
                        enum goroutine_state state)
{
    if (reading->ret_states && !(memo->flags & MEMO_SYSTEM))
        reading->ret_states[state]++;
}

/* False: this look tells nothing of its park. */
static bool see(const struct reading *reading, struct memo *memo, const struct goroutine *goroutine)
{
    struct goroutines *goroutines = reading->goroutines;
    uint64_t previous_ns = previous_look(reading, memo);
    bool was_news = memo_is_news(memo), told = true;

    if (!goroutine_is_live(goroutine)) {
        golook_leave(goroutines, memo);
        return true;
    }
    meet(goroutines, memo, goroutine);
    if (goroutine_is_parked(goroutines->layout, goroutine))
        told = see_parked(reading, memo, goroutine, previous_ns);
    else if (goroutine_is_torn(goroutines->layout, goroutine))
        told = false;
    else
        golook_leave(goroutines, memo);
    if (told || reading->torn == TORN_LOST)
        count_state(reading, memo, goroutine_state(goroutines->layout, goroutine));
    if (told)
        tally(reading, memo, was_news);
    return told;
}

/* Whether it is as if nothing had happened to it, and no copy is wanted: what see() would come to.
 */
static bool stands(const struct reading *reading, struct memo *memo, const uint8_t *bytes)
{
    if (reading->ret_copies || !memo_stands(memo, reading->goroutines->layout, bytes))
        return false;
    if (reading->counts)
        memo_agree(memo);
    count_state(reading, memo, GOROUTINE_WAITING);
    tally(reading, memo, memo_is_news(memo));
    return true;
}

static void take_g(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    const struct reading *reading = context;
    struct goroutines *goroutines = reading->goroutines;
    struct memo *memo =
        reading->memos ? reading->memos[piece->index] : &goroutines->memos.all[piece->index];
    const bool is_whole = got == piece->size;
    struct goroutine goroutine = {.goid = 0};

    if (is_whole && stands(reading, memo, bytes))
        return;
    if (is_whole && goroutine_decode(goroutines->layout, piece->address, bytes, &goroutine)) {
        if (!see(reading, memo, &goroutine)) {
            see_nothing(reading, memo);
            goroutine.goid = 0;
        }
    } else if (is_whole && goroutine_is_unborn(goroutines->layout, bytes)) {
        golook_leave(goroutines, memo);
    } else {
        see_nothing(reading, memo);
    }
    if (reading->ret_copies)
        reading->ret_copies[piece - reading->gathering.pieces] = goroutine;
}

void golook_begin(struct reading *reading, const struct piece *pieces, size_t n)
{
    reading->gathering = (struct gathering){
        .pieces = pieces, .n = n, .gap = LOOK_GAP, .take = take_g, .context = reading};
    gather_begin(&reading->goroutines->gatherer, &reading->gathering);
}

int golook_finish(struct reading *reading)
{
    return gather_finish(&reading->goroutines->gatherer, &reading->gathering);
}

/* Begins to look at a batch of those that are wanted, from *at on. Returns how many. */
static size_t begin_wanted(struct reading *reading, struct piece *pieces,
                           bool (*wanted)(const struct memo *memo), size_t *at)
{
    struct goroutines *goroutines = reading->goroutines;
    struct memos *memos = &goroutines->memos;
    size_t n = 0;

    for (; *at < memos->n && n < LOOK_BATCH; ++*at)
        if (wanted(&memos->all[*at]))
            pieces[n++] =
                (struct piece){memos->all[*at].g, goroutines->layout->size, (uint32_t)*at};
    golook_begin(reading, pieces, n);
    return n;
}

int golook_read_wanted(const struct reading *reading, bool (*wanted)(const struct memo *memo))
{
    struct reading readings[2] = {*reading, *reading};
    size_t at = 0, i = 0;
    int r = 0;

    /* The next batch is asked for before the one before has come to its end. */
    while (begin_wanted(&readings[i % 2], reading->goroutines->pieces[i % 2], wanted, &at) && !r) {
        i++;
        if (i > 1)
            r = golook_finish(&readings[i % 2]);
    }
    return r || !i ? r : golook_finish(&readings[(i - 1) % 2]);
}

struct memo *golook_next_news(struct goroutines *goroutines, size_t *at)
{
    struct memos *memos = &goroutines->memos;

    if (goroutines->n_news <= NEWS_MAX)
        return *at < goroutines->n_news ? &memos->all[goroutines->news[(*at)++]] : NULL;
    return *at < memos->n ? &memos->all[(*at)++] : NULL;
}
