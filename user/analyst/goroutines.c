/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/goroutines.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/gomemory.h"
#include "analyst/goscan.h"
#include "clock.h"

/* A park that only trackingSeq vouches for is looked at once more, after a part of the time since
 * the look before in which a goroutine that went all the way round would have moved. */
#define SECOND_LOOK_PART   256
#define SECOND_LOOK_MAX_NS 50000000

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
    goroutines->memory.work = godescribe_some;
    goroutines->memory.worker = goroutines;
    gatherer_init(&goroutines->gatherer, &goroutines->memory);
    goroutines->program = program;
    *ret_goroutines = goroutines;
    return 0;
}

void goroutines_free(struct goroutines **goroutines)
{
    if (!*goroutines)
        return;
    describer_free(&(*goroutines)->describer);
    subject_reader_free(&(*goroutines)->reader);
    memos_clear(&(*goroutines)->memos);
    free(*goroutines);
    *goroutines = NULL;
}

/* Another program runs in the process: nothing known of the old one holds. */
static void start_anew(struct goroutines *goroutines)
{
    for (size_t i = 0; i < goroutines->memos.n; i++)
        golook_leave(goroutines, &goroutines->memos.all[i]);
    memos_clear(&goroutines->memos);
    describer_free(&goroutines->describer);
    subject_reader_free(&goroutines->reader);
    goroutines->cycles = (struct cycles){.n = 0};
    goroutines->first_ns = goroutines->previous_ns = goroutines->listed_ns = 0;
    goroutines->renewed_at = 0;
}

static bool is_any(const struct memo *memo)
{
    return memo->g;
}

static struct memo *next_of_all(struct goroutines *goroutines, size_t *at)
{
    struct memos *memos = &goroutines->memos;

    while (*at < memos->n && !is_any(&memos->all[*at]))
        ++*at;
    return *at < memos->n ? &memos->all[(*at)++] : NULL;
}

/* Where most of them will be due, they are described from the copies that are looked at, and sent
 * at once, so that the monitor is at it meanwhile: so it is at the first scan, unless age has to be
 * proven. Those before a g that told of one more collection are sent once again. */
static int look_at_all(struct goroutines *goroutines, struct wire_scan *ret_scan)
{
    const struct goroutines_options *options = &goroutines->options;
    struct reading look = {
        .goroutines = goroutines,
        .ret_states = ret_scan->goroutines,
        .previous_ns = goroutines->previous_ns,
        .torn = TORN_MARKED,
        .counts = true,
    };
    size_t stale;
    int r;

    goroutines->n_torn = goroutines->n_doubtful = goroutines->n_news = 0;
    if (goroutines->previous_ns || (options->proven && options->threshold_ns))
        return golook_read_wanted(&look, is_any);
    r = godescribe_all(goroutines, &look, next_of_all, &stale);
    if (!r)
        godescribe_again(goroutines, stale);
    return r;
}

static bool is_torn(const struct memo *memo)
{
    return memo->flags & MEMO_TORN;
}

/* Once more at those whose look told nothing: the collector moves a stack in microseconds. */
static int look_at_torn(struct goroutines *goroutines, struct wire_scan *ret_scan)
{
    struct reading reading = {
        .goroutines = goroutines,
        .ret_states = ret_scan->goroutines,
        .previous_ns = goroutines->previous_ns,
        .torn = TORN_LOST,
        .counts = true,
    };

    return goroutines->n_torn ? golook_read_wanted(&reading, is_torn) : 0;
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
        .goroutines = goroutines, .previous_ns = goroutines->now_ns, .again = true, .counts = true};

    if (!goroutines->n_doubtful)
        return 0;
    wait_for_second_look(goroutines);
    return golook_read_wanted(&reading, memo_is_doubtful);
}

static int scan_all(struct goroutines *goroutines, struct wire_scan *ret_scan, bool *ret_listed)
{
    int r;

    subject_reader_start(goroutines->reader);
    goroutines->undescribed.lot = NULL;
    goroutines->undescribed.error = 0;
    r = memos_grow(&goroutines->memos, program_runtime(goroutines->program));
    *ret_listed = !r;
    if (r == -EAGAIN) /* it is growing: those that there were will do */
        r = 0;
    if (goroutines->memos.left_out)
        goroutines->losses->count[LOSS_goroutines_capped]++;
    if (!r)
        r = look_at_all(goroutines, ret_scan);
    if (!r)
        r = look_at_torn(goroutines, ret_scan);
    if (!r && goroutines->previous_ns)
        r = look_at_doubtful(goroutines);
    if (!r)
        r = godescribe_news(goroutines);
    if (r || !goroutines->options.one_look)
        return r ? r : gorenew_channels(goroutines);
    godescribe_tell(goroutines);
    return 0;
}

static int open_describer(struct goroutines *goroutines)
{
    int r = subject_reader_new(goroutines->layout, &goroutines->gatherer, goroutines->losses,
                               &goroutines->reader);

    if (r)
        return r;
    r = describer_new(program_code(goroutines->program), goroutines->layout, goroutines->outbox,
                      goroutines->losses, &goroutines->describer);
    if (r)
        subject_reader_free(&goroutines->reader);
    return r;
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
    return open_describer(goroutines);
}

int goroutines_scan(struct goroutines *goroutines, uint64_t exec_id, struct wire_scan *ret_scan)
{
    uint64_t start = clock_now();
    bool listed;
    int r;

    r = open_program(goroutines, exec_id, ret_scan);
    if (r || !goroutines->options.samples || !goroutines->describer)
        return r;
    goroutines->now_ns = ret_scan->time_ns;
    r = scan_all(goroutines, ret_scan, &listed);
    gatherer_clear(&goroutines->gatherer);
    goroutines->previous_ns = r ? 0 : start;
    if (r)
        return r;
    if (listed)
        goroutines->listed_ns = start;
    ret_scan->has_goroutines = 1;
    ret_scan->duration_ns[SAMPLE_GOROUTINE] = clock_now() - start;
    if (!goroutines->first_ns)
        goroutines->first_ns = ret_scan->time_ns + ret_scan->duration_ns[SAMPLE_THREAD] +
                               ret_scan->duration_ns[SAMPLE_GOROUTINE];
    return 0;
}
