/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/goroutines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/cycles.h"
#include "analyst/go/describe.h"
#include "analyst/go/gather.h"
#include "analyst/go/memos.h"
#include "analyst/gomemory.h"
#include "clock.h"

#define LOOK_BATCH 32768 /* g's looked at together */
#define LOOK_GAP   512   /* between two that are read together: as large as one */

#define RENEW_MAX 512 /* goroutines of a scan whose channels are looked at anew */

#define DESCRIBE_TRIES 3 /* for stacks that the collector moves while they are read */

/* A park that only trackingSeq vouches for is looked at once more, after a part of the time since
 * the look before in which a goroutine that went all the way round would have moved. */
#define SECOND_LOOK_PART   256
#define SECOND_LOOK_MAX_NS 50000000

struct goroutines {
    struct goroutines_options options;
    struct outbox *outbox;
    struct losses *losses;
    struct go_memory memory;
    struct program *program;
    uint64_t generation;         /* of the program, that all below is of */
    struct describer *describer; /* NULL: the program's goroutines can't be read */
    const struct g_layout *layout;
    struct memos memos;
    struct cycles cycles;
    uint64_t first_ns;    /* end of the first scan; 0: none yet */
    uint64_t previous_ns; /* start of the scan before; 0: none, or it failed */
    uint64_t now_ns;      /* start of this one */
    size_t n_doubtful;    /* parks that memo_is_doubtful() of, after the first look of this scan */
    size_t n_news;        /* that the monitor may have to be told of */
    size_t n_on_channels; /* that is_on_channel() */
    size_t renewed_at;    /* the memo from which on channels are described again */
    struct piece pieces[LOOK_BATCH];
    struct goroutine copies[DESCRIBE_MAX]; /* of the first pieces */
    struct subject subjects[DESCRIBE_MAX];
};

/* One reading of many g's: whose they are, and what to make of them. */
struct reading {
    struct goroutines *goroutines;
    struct memo *const *memos;    /* by a piece's index; NULL: all, in their order */
    struct goroutine *ret_copies; /* by a piece's position; NULL: not wanted */
    uint64_t *ret_states;         /* by enum goroutine_state; NULL: are counted already */
    uint64_t previous_ns;
    bool counts; /* as for memo_go_on(); false: a look at the same moment as another */
};

int goroutines_new(const struct goroutines_options *options, struct program *program,
                   struct remote *remote, struct outbox *outbox, struct losses *losses,
                   struct goroutines **ret_goroutines)
{
    struct goroutines *goroutines = calloc(1, sizeof(*goroutines));

    if (!goroutines)
        return -ENOMEM;
    goroutines->options = *options;
    goroutines->outbox = outbox;
    goroutines->losses = losses;
    goroutines->memory = gomemory_of(remote);
    goroutines->program = program;
    *ret_goroutines = goroutines;
    return 0;
}

void goroutines_free(struct goroutines **goroutines)
{
    if (!*goroutines)
        return;
    describer_free(&(*goroutines)->describer);
    memos_clear(&(*goroutines)->memos);
    free(*goroutines);
    *goroutines = NULL;
}

/* The park ended. */
static void leave(struct goroutines *goroutines, struct memo *memo)
{
    if (memo->flags & MEMO_SENT)
        outbox_drop(goroutines->outbox, SAMPLE_GOROUTINE, memo->goid);
    memo_clear(memo);
}

/* Another program runs in the process: nothing known of the old one holds. */
static void start_anew(struct goroutines *goroutines)
{
    for (size_t i = 0; i < goroutines->memos.n; i++)
        leave(goroutines, &goroutines->memos.all[i]);
    memos_clear(&goroutines->memos);
    describer_free(&goroutines->describer);
    goroutines->cycles = (struct cycles){.n = 0};
    goroutines->first_ns = goroutines->previous_ns = 0;
    goroutines->renewed_at = 0;
}

static void meet(struct goroutines *goroutines, struct memo *memo,
                 const struct goroutine *goroutine)
{
    if ((memo->flags & MEMO_MET) && memo->goid == goroutine->goid)
        return;
    leave(goroutines, memo);
    memo->goid = goroutine->goid;
    memo->flags = MEMO_MET;
    if (program_is_system(goroutines->program, goroutine->startpc))
        memo->flags |= MEMO_SYSTEM;
}

static int64_t age(const struct goroutines *goroutines, uint64_t since_ns)
{
    return goroutines->now_ns > since_ns ? (int64_t)(goroutines->now_ns - since_ns) : 0;
}

/* Past the threshold, by the monitor's measure (goroutine_counts() there). */
static bool is_due(const struct goroutines *goroutines, const struct memo *memo)
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

static void see_parked(const struct reading *reading, struct memo *memo,
                       const struct goroutine *goroutine)
{
    struct goroutines *goroutines = reading->goroutines;
    struct look look = {goroutines->layout, goroutine, 0, reading->previous_ns};

    if (goroutine->waitsince && goroutine->waitsince != memo->waitsince &&
        goroutine->waitsince <= goroutines->now_ns)
        cycles_add(&goroutines->cycles, goroutine->waitsince);
    if (memo_is_same(memo, &look) || (!reading->counts && memo_is_alike(memo, &look))) {
        memo_go_on(memo, &look, reading->counts);
        return;
    }
    leave(goroutines, memo);
    look.now_ns = clock_now();
    memo_begin(memo, &look);
    if (!reading->counts && is_due(goroutines, memo))
        memo->flags |= MEMO_DUE;
}

/* Whether the monitor lacks it or something of it, be it due or not. */
static bool is_news(const struct memo *memo)
{
    return (memo->flags & MEMO_PARKED) &&
           (!(memo->flags & MEMO_SENT) || (memo->flags & MEMO_DIRTY));
}

/* How many others wait on its channel may change while its park goes on. */
static bool is_on_channel(const struct memo *memo)
{
    return memo->object_kind == OBJECT_CHANNEL && (memo->flags & MEMO_SENT);
}

static void see(const struct reading *reading, struct memo *memo, const struct goroutine *goroutine)
{
    struct goroutines *goroutines = reading->goroutines;

    if (!goroutine_is_live(goroutine)) {
        leave(goroutines, memo);
        return;
    }
    meet(goroutines, memo, goroutine);
    /* As runtime.NumGoroutine() counts: without the runtime's own. */
    if (reading->ret_states && !(memo->flags & MEMO_SYSTEM))
        reading->ret_states[goroutine_state(goroutines->layout, goroutine)]++;
    if (goroutine_is_parked(goroutines->layout, goroutine))
        see_parked(reading, memo, goroutine);
    else
        leave(goroutines, memo);
    goroutines->n_news += is_news(memo);
    if (!reading->counts)
        return;
    goroutines->n_doubtful += memo_is_doubtful(memo);
    goroutines->n_on_channels += is_on_channel(memo);
}

static void take_g(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    const struct reading *reading = context;
    struct goroutines *goroutines = reading->goroutines;
    struct memo *memo =
        reading->memos ? reading->memos[piece->index] : &goroutines->memos.all[piece->index];
    struct goroutine goroutine;
    const bool is_whole = got == piece->size;

    if (!is_whole || !goroutine_decode(goroutines->layout, piece->address, bytes, &goroutine)) {
        if (!is_whole || !goroutine_is_unborn(goroutines->layout, bytes))
            goroutines->losses->count[LOSS_goroutine_unreadable]++;
        leave(goroutines, memo);
        return;
    }
    see(reading, memo, &goroutine);
    if (reading->ret_copies)
        reading->ret_copies[piece - goroutines->pieces] = goroutine;
}

static int read_gs(struct reading *reading, size_t n)
{
    struct goroutines *goroutines = reading->goroutines;

    return gather(&goroutines->memory, goroutines->pieces, n, LOOK_GAP, take_g, reading);
}

/* A batch of at most `max` of those memos that are `wanted`, from *at on. Returns how many. */
static size_t next_batch(struct goroutines *goroutines, bool (*wanted)(const struct memo *memo),
                         size_t max, size_t *at)
{
    struct memos *memos = &goroutines->memos;
    size_t n = 0;

    for (; *at < memos->n && n < max; ++*at)
        if (wanted(&memos->all[*at]))
            goroutines->pieces[n++] =
                (struct piece){memos->all[*at].g, goroutines->layout->size, (uint32_t)*at};
    return n;
}

/* Waits until enough time has gone by for the second look. */
static void wait_for_second_look(const struct goroutines *goroutines)
{
    int64_t gap = (int64_t)(goroutines->now_ns - goroutines->previous_ns) / SECOND_LOOK_PART;
    int64_t since = (int64_t)(clock_now() - goroutines->now_ns);

    if (gap > SECOND_LOOK_MAX_NS)
        gap = SECOND_LOOK_MAX_NS;
    if (since < 2 * gap)
        poll(NULL, 0, (int)(gap / 1000000 + 1));
}

static int look_at_doubtful(struct goroutines *goroutines)
{
    struct reading reading = {
        .goroutines = goroutines, .previous_ns = goroutines->now_ns, .counts = true};
    size_t at = 0, n;
    int r = 0;

    if (!goroutines->n_doubtful)
        return 0;
    wait_for_second_look(goroutines);
    do {
        n = next_batch(goroutines, memo_is_doubtful, LOOK_BATCH, &at);
        r = read_gs(&reading, n);
    } while (!r && n);
    return r;
}

static void put(struct goroutines *goroutines, struct memo *memo)
{
    struct sample sample = memo_sample(memo, &goroutines->cycles);

    outbox_put(goroutines->outbox, &sample);
    memo->flags = (memo->flags | MEMO_SENT) & ~(MEMO_DIRTY | MEMO_DUE);
}

/* Tells the monitor what changed, and marks who has to be described. Returns how many have. */
static size_t sort_out(struct goroutines *goroutines)
{
    size_t marked = 0;

    for (size_t i = 0; i < goroutines->memos.n && goroutines->n_news; i++) {
        struct memo *memo = &goroutines->memos.all[i];
        bool is_sent = memo->flags & MEMO_SENT;

        memo->flags &= ~MEMO_DUE;
        if (!is_news(memo) || (!is_sent && !is_due(goroutines, memo)))
            continue;
        if (is_sent || (memo->flags & MEMO_DESCRIBED)) {
            put(goroutines, memo);
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

/* Copies of the g's of a batch of memos as they are now. */
static int copy_gs(struct goroutines *goroutines, struct memo *const *memos, size_t n)
{
    struct reading reading = {
        .goroutines = goroutines,
        .memos = memos,
        .ret_copies = goroutines->copies,
        .previous_ns = goroutines->now_ns,
    };

    for (size_t i = 0; i < n; i++)
        goroutines->pieces[i] = (struct piece){memos[i]->g, goroutines->layout->size, (uint32_t)i};
    return read_gs(&reading, n);
}

/* Whether the copies show one park, with its stack at one place. */
static bool has_stood(const struct goroutine *a, const struct goroutine *b)
{
    return a->goid == b->goid && a->sequence == b->sequence && a->sp == b->sp && a->pc == b->pc &&
           a->stack_lo == b->stack_lo && a->stack_hi == b->stack_hi && a->waiting == b->waiting &&
           (!a->waitsince || a->waitsince == b->waitsince);
}

static int take_description(struct goroutines *goroutines, struct memo *memo,
                            struct subject *subject)
{
    int r = describe_name(goroutines->describer, subject);

    memo->flags &= ~MEMO_DUE;
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
        if (!is_marked(memos[i]))
            continue;
        subjects[kept].goroutine = goroutines->copies[i];
        memos[kept++] = memos[i];
    }
    r = describe_read(goroutines->describer, subjects, kept);
    if (!r)
        r = copy_gs(goroutines, memos, kept);
    for (size_t i = 0; i < kept && !r; i++)
        if (is_marked(memos[i]) && has_stood(&subjects[i].goroutine, &goroutines->copies[i]))
            r = take_description(goroutines, memos[i], &subjects[i]);
    return r;
}

static int describe_marked(struct goroutines *goroutines, struct memo **memos, size_t n)
{
    int r;

    r = copy_gs(goroutines, memos, n);
    if (!r)
        r = describe_copies(goroutines, memos, n);
    for (size_t i = 0; i < n && !r; i++)
        if ((memos[i]->flags & MEMO_DESCRIBED) && !(memos[i]->flags & MEMO_SENT))
            put(goroutines, memos[i]);
    return r;
}

static int try_marked(struct goroutines *goroutines, size_t *ret_left)
{
    struct memo *batch[DESCRIBE_MAX], *tried[DESCRIBE_MAX];
    size_t at = 0, n;
    int r = 0;

    *ret_left = 0;
    do {
        for (n = 0; at < goroutines->memos.n && n < DESCRIBE_MAX; at++)
            if (is_marked(&goroutines->memos.all[at]))
                batch[n++] = &goroutines->memos.all[at];
        memcpy(tried, batch, n * sizeof(*batch));
        if (n)
            r = describe_marked(goroutines, batch, n);
        for (size_t i = 0; i < n; i++)
            *ret_left += is_marked(tried[i]);
    } while (!r && n);
    return r;
}

static int describe_all(struct goroutines *goroutines, size_t left)
{
    int r = 0;

    for (int i = 0; i < DESCRIBE_TRIES && left && !r; i++)
        r = try_marked(goroutines, &left);
    goroutines->losses->count[LOSS_goroutine_moved] += left;
    return r;
}

/* Reads the channels of a batch, between two looks at its g's. Who moved falls out of it. */
static int read_channels(struct goroutines *goroutines, struct memo **memos, size_t *n)
{
    size_t kept = 0;
    int r;

    r = copy_gs(goroutines, memos, *n);
    for (size_t i = 0; i < *n && !r; i++) {
        if (!is_on_channel(memos[i]))
            continue;
        goroutines->subjects[kept].goroutine = goroutines->copies[i];
        memos[kept++] = memos[i];
    }
    *n = kept;
    if (!r)
        r = describe_read_channels(goroutines->describer, goroutines->subjects, kept);
    return r ? r : copy_gs(goroutines, memos, kept);
}

static void renew_channel(struct goroutines *goroutines, struct memo *memo, struct subject *subject,
                          const struct goroutine *now)
{
    if (!subject->has_channel || !is_on_channel(memo) || !has_stood(&subject->goroutine, now))
        return;
    describe_channel(goroutines->describer, subject);
    if (memo->detail == subject->detail)
        return;
    memo->detail = subject->detail;
    put(goroutines, memo);
}

/* Some in each scan, all of them in turn. Those that meanwhile parked anew are news. */
static int renew_channels(struct goroutines *goroutines)
{
    struct memo *memos[RENEW_MAX];
    size_t n;
    int r;

    if (!goroutines->n_on_channels)
        return 0;
    n = next_batch(goroutines, is_on_channel, RENEW_MAX, &goroutines->renewed_at);
    if (goroutines->renewed_at == goroutines->memos.n)
        goroutines->renewed_at = 0;
    for (size_t i = 0; i < n; i++)
        memos[i] = &goroutines->memos.all[goroutines->pieces[i].index];
    r = n ? read_channels(goroutines, memos, &n) : 0;
    for (size_t i = 0; i < n && !r; i++)
        renew_channel(goroutines, memos[i], &goroutines->subjects[i], &goroutines->copies[i]);
    return r;
}

static bool is_any(const struct memo *memo)
{
    return memo->g;
}

/* Those of the last batch that are past the threshold as far as is known of collections yet: all
 * that are, and some more. */
static int describe_batch(struct goroutines *goroutines, size_t n)
{
    struct memo *memos[DESCRIBE_MAX];

    for (size_t i = 0; i < n; i++) {
        memos[i] = &goroutines->memos.all[goroutines->pieces[i].index];
        if ((memos[i]->flags & MEMO_PARKED) && is_due(goroutines, memos[i]))
            memos[i]->flags |= MEMO_DUE;
    }
    return describe_copies(goroutines, memos, n);
}

/* Where most of them will be due, they are described from the copies that are looked at: so it is
 * at the first scan, unless age has to be proven. */
static int look_at_all(struct goroutines *goroutines, struct wire_scan *ret_scan)
{
    const struct goroutines_options *options = &goroutines->options;
    bool describes = !goroutines->previous_ns && !(options->proven && options->threshold_ns);
    struct reading reading = {
        .goroutines = goroutines,
        .ret_copies = describes ? goroutines->copies : NULL,
        .ret_states = ret_scan->goroutines,
        .previous_ns = goroutines->previous_ns,
        .counts = true,
    };
    size_t at = 0, n;
    int r;

    goroutines->n_doubtful = goroutines->n_news = goroutines->n_on_channels = 0;
    do {
        n = next_batch(goroutines, is_any, describes ? DESCRIBE_MAX : LOOK_BATCH, &at);
        r = read_gs(&reading, n);
        if (!r && describes)
            r = describe_batch(goroutines, n);
    } while (!r && n);
    return r;
}

static int scan_all(struct goroutines *goroutines, struct wire_scan *ret_scan)
{
    int r;

    describe_begin(goroutines->describer);
    r = memos_grow(&goroutines->memos, program_runtime(goroutines->program));
    if (r == -EAGAIN) /* it is growing: those that there were will do */
        r = 0;
    if (goroutines->memos.left_out)
        goroutines->losses->count[LOSS_goroutines_capped]++;
    if (!r)
        r = look_at_all(goroutines, ret_scan);
    if (!r && goroutines->previous_ns)
        r = look_at_doubtful(goroutines);
    if (!r)
        r = renew_channels(goroutines);
    return r ? r : describe_all(goroutines, sort_out(goroutines));
}

/* What the program is, as far as it can be told. */
static int open_program(struct goroutines *goroutines, uint64_t exec_id, struct wire_scan *ret_scan)
{
    int r;

    r = program_update(goroutines->program, ret_scan->number, exec_id);
    if (goroutines->generation != program_generation(goroutines->program))
        start_anew(goroutines);
    goroutines->generation = program_generation(goroutines->program);
    if (r)
        return r;
    program_describe(goroutines->program, goroutines->outbox, ret_scan);
    if (!program_runtime(goroutines->program) || goroutines->describer)
        return 0;
    goroutines->layout = go_runtime_layout(program_runtime(goroutines->program));
    return describer_new(program_code(goroutines->program), goroutines->layout, &goroutines->memory,
                         goroutines->outbox, goroutines->losses, &goroutines->describer);
}

int goroutines_scan(struct goroutines *goroutines, uint64_t exec_id, struct wire_scan *ret_scan)
{
    uint64_t start = clock_now();
    int r;

    r = open_program(goroutines, exec_id, ret_scan);
    if (r || !goroutines->options.samples || !goroutines->describer)
        return r;
    goroutines->now_ns = ret_scan->time_ns;
    r = scan_all(goroutines, ret_scan);
    goroutines->previous_ns = r ? 0 : start;
    if (r)
        return r;
    ret_scan->has_goroutines = 1;
    ret_scan->duration_ns[SAMPLE_GOROUTINE] = clock_now() - start;
    if (!goroutines->first_ns)
        goroutines->first_ns = ret_scan->time_ns + ret_scan->duration_ns[SAMPLE_THREAD] +
                               ret_scan->duration_ns[SAMPLE_GOROUTINE];
    return 0;
}
