/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/subjects.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/arch.h"
#include "analyst/go/labelmap.h"
#include "analyst/go/semaphore.h"
#include "analyst/go/sort.h"
#include "analyst/go/waitqs.h"
#include "cleanup.h"
#include "hash.h"
#include "table.h"

#define STACK_COPY (8 * 1024) /* of each stack at once: nearly all are smaller */
#define STACK_GAP  4096
#define HEAP_GAP   256 /* between two sudogs or channels that are read together */

#define LABELS_UNKNOWN (-ENODATA) /* of subject.n_labels: not read yet, or not readable */

/* Distinct sets of labels. Beyond them they are left out, so that labels of single requests do not
 * make a stack of each goroutine. */
#define LABEL_SETS_MAX 1024

struct label_set {
    struct table_key key;
};

static struct table_key label_set_key(const void *element)
{
    return ((const struct label_set *)element)->key;
}

static const struct table_type label_sets_type = {sizeof(struct label_set), LABEL_SETS_MAX,
                                                  label_set_key};

/* A batch that is being read, and what its subjects point to. */
struct batch {
    const struct g_layout *layout;
    struct subject *subjects;
    size_t n;
    struct gathering sudogs, stacks, channels;
    struct piece sudog_pieces[SUBJECTS_MAX];        /* and those of channels, ... */
    struct piece stack_pieces[SUBJECTS_MAX];        /* ... of labels, once these are read */
    struct semaphore_search searches[SUBJECTS_MAX]; /* of each subject */
    size_t copied;
    uint8_t copies[SUBJECTS_MAX * STACK_COPY];
};

struct subject_reader {
    const struct g_layout *layout;
    struct gatherer *gatherer;
    struct losses *losses;
    struct waitqs *waitqs;
    struct interns *interns; /* of labels */
    struct table label_sets;
    struct piece spare[SUBJECTS_MAX]; /* for sorting pieces */
    struct batch batches[SUBJECTS_BATCHES];
};

int subject_reader_new(const struct g_layout *layout, struct gatherer *gatherer,
                       struct losses *losses, struct subject_reader **ret_reader)
{
    CLEANUP(subject_reader_free) struct subject_reader *reader = calloc(1, sizeof(*reader));
    int r;

    if (!reader)
        return -ENOMEM;
    reader->layout = layout;
    reader->gatherer = gatherer;
    reader->losses = losses;
    table_init(&reader->label_sets, &label_sets_type);
    r = interns_new(&reader->interns);
    if (!r)
        r = waitqs_new(layout, gatherer->memory, &reader->waitqs);
    if (!r)
        *ret_reader = TAKE_PTR(reader);
    return r;
}

void subject_reader_free(struct subject_reader **reader)
{
    if (!*reader)
        return;
    waitqs_free(&(*reader)->waitqs);
    interns_free(&(*reader)->interns);
    table_clear(&(*reader)->label_sets);
    free(*reader);
    *reader = NULL;
}

void subject_reader_start(struct subject_reader *reader)
{
    waitqs_begin(reader->waitqs);
}

/* Begins to gather the first `n` pieces. */
static void begin_pieces(struct subject_reader *reader, struct batch *batch,
                         struct gathering *gathering, struct piece *pieces, size_t n, uint32_t gap,
                         gather_take take)
{
    sort_pieces(pieces, reader->spare, n);
    *gathering =
        (struct gathering){.pieces = pieces, .n = n, .gap = gap, .take = take, .context = batch};
    gather_begin(reader->gatherer, gathering);
}

static void take_stack(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct batch *batch = context;
    struct subject *subject = &batch->subjects[piece->index];

    memcpy(batch->copies + batch->copied, bytes, got);
    subject->copy = batch->copies + batch->copied;
    subject->copy_size = got;
    batch->copied += got;
}

static void begin_stacks(struct subject_reader *reader, struct batch *batch)
{
    batch->copied = 0;
    for (size_t i = 0; i < batch->n; i++) {
        const struct goroutine *goroutine = &batch->subjects[i].goroutine;
        uint64_t size = goroutine->stack_hi - goroutine->sp;

        batch->stack_pieces[i] = (struct piece){
            goroutine->sp, size < STACK_COPY ? (uint32_t)size : STACK_COPY, (uint32_t)i};
    }
    begin_pieces(reader, batch, &batch->stacks, batch->stack_pieces, batch->n, STACK_GAP,
                 take_stack);
}

/* Follows one step of the list of sudogs; the first is the one that is kept. */
static void take_sudog(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct batch *batch = context;
    struct subject *subject = &batch->subjects[piece->index];
    struct sudog sudog;

    subject->next_sudog = 0;
    if (got < piece->size)
        return;
    sudog = sudog_decode(batch->layout, bytes);
    if (!subject->has_sudog)
        subject->sudog = sudog;
    subject->has_sudog = true;
    subject->n_cases++;
    if (channel_is_select(goroutine_reason(batch->layout, &subject->goroutine)))
        subject->next_sudog = sudog.next;
}

static void begin_sudogs(struct subject_reader *reader, struct batch *batch)
{
    size_t asked = 0;

    for (size_t i = 0; i < batch->n; i++)
        if (batch->subjects[i].next_sudog)
            batch->sudog_pieces[asked++] = (struct piece){batch->subjects[i].next_sudog,
                                                          batch->layout->sudog_size, (uint32_t)i};
    begin_pieces(reader, batch, &batch->sudogs, batch->sudog_pieces, asked, HEAP_GAP, take_sudog);
}

/* One round for each case of the largest select among them, of which the first was begun: a list
 * without an end is cut. */
static int finish_sudogs(struct subject_reader *reader, struct batch *batch)
{
    int r = gather_finish(reader->gatherer, &batch->sudogs);

    for (int round = 1; round < SUBJECT_CASES_MAX && batch->sudogs.n && !r; round++) {
        begin_sudogs(reader, batch);
        r = gather_finish(reader->gatherer, &batch->sudogs);
    }
    return r;
}

static void take_channel(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct batch *batch = context;
    struct subject *subject = &batch->subjects[piece->index];

    if (got < piece->size)
        return;
    subject->channel = channel_decode(batch->layout, bytes);
    subject->has_channel = true;
}

static void begin_channels(struct subject_reader *reader, struct batch *batch)
{
    size_t asked = 0;

    for (size_t i = 0; i < batch->n; i++)
        if (batch->subjects[i].sudog.channel)
            batch->sudog_pieces[asked++] = (struct piece){batch->subjects[i].sudog.channel,
                                                          batch->layout->channel_size, (uint32_t)i};
    begin_pieces(reader, batch, &batch->channels, batch->sudog_pieces, asked, HEAP_GAP,
                 take_channel);
}

static int finish_channels(struct subject_reader *reader, struct batch *batch)
{
    int r = gather_finish(reader->gatherer, &batch->channels);

    for (size_t i = 0; i < batch->n && !r; i++)
        if (batch->subjects[i].has_channel)
            waitqs_count(reader->waitqs, batch->subjects[i].sudog.channel,
                         &batch->subjects[i].channel);
    return r;
}

static int find_semaphores(struct subject_reader *reader, struct batch *batch)
{
    for (size_t i = 0; i < batch->n; i++) {
        struct subject *subject = &batch->subjects[i];
        const char *reason = goroutine_reason(batch->layout, &subject->goroutine);

        subject->search = &batch->searches[i];
        batch->searches[i] = (struct semaphore_search){
            .wanted = semaphore_is_known(batch->layout, reason) && !subject->goroutine.waiting,
            .is_cond = !strcmp(reason, "sync.Cond.Wait"),
            .g = subject->goroutine.address,
            .sp = subject->goroutine.sp,
            .stack = subject->copy,
            .size = subject->copy_size,
        };
    }
    return semaphores_find(reader->gatherer, batch->layout, batch->searches, batch->n);
}

static void take_label_set(void *context, const struct piece *piece, const uint8_t *bytes,
                           size_t got)
{
    struct batch *batch = context;
    struct subject *subject = &batch->subjects[piece->index];

    if (got < piece->size)
        return;
    if (batch->layout->label_map) {
        subject->labels_at = go_u64(bytes);
        subject->n_labels = subject->labels_at ? LABELS_UNKNOWN : 0;
    } else {
        subject->n_labels = labels_decode(bytes, &subject->labels_at);
    }
}

static void take_label_list(void *context, const struct piece *piece, const uint8_t *bytes,
                            size_t got)
{
    struct batch *batch = context;
    struct subject *subject = &batch->subjects[piece->index];

    memcpy(subject->label_list, bytes, got);
    if (got < piece->size)
        subject->n_labels = -EFAULT;
    else if (batch->layout->label_map)
        subject->n_labels = labelmap_decode(bytes);
}

/* Bytes at labels_at that tell more; 0: no need. */
static uint32_t label_list_size(const struct subject *subject)
{
    if (subject->n_labels == LABELS_UNKNOWN)
        return subject->labels_at ? LABELMAP_SIZE : 0;
    return subject->n_labels > 0 ? (uint32_t)subject->n_labels * LABELS_SIZE : 0;
}

static int read_label_lists(struct subject_reader *reader, struct batch *batch)
{
    uint32_t size = batch->layout->label_map ? LABELS_MAP_SIZE : LABELS_SET_SIZE;
    struct piece *pieces = batch->stack_pieces;
    size_t asked = 0;
    int r;

    for (size_t i = 0; i < batch->n; i++)
        if (batch->subjects[i].goroutine.labels)
            pieces[asked++] =
                (struct piece){batch->subjects[i].goroutine.labels, size, (uint32_t)i};
    sort_pieces(pieces, reader->spare, asked);
    r = gather_with(reader->gatherer, pieces, asked, HEAP_GAP, take_label_set, batch);
    asked = 0;
    for (size_t i = 0; i < batch->n && !r; i++) {
        const struct subject *subject = &batch->subjects[i];

        size = label_list_size(subject);
        if (size)
            pieces[asked++] = (struct piece){subject->labels_at, size, (uint32_t)i};
    }
    sort_pieces(pieces, reader->spare, asked);
    return r ? r : gather_with(reader->gatherer, pieces, asked, HEAP_GAP, take_label_list, batch);
}

/* Whether there is room for this set, or it is known. */
static bool has_room(struct subject_reader *reader, const struct subject *subject)
{
    struct label_set set = {{HASH_START, ~HASH_START}};

    for (int i = 0; i < subject->n_labels; i++) {
        const struct label *label = &subject->labels[i];

        set.key.low = hash_text(hash_text(set.key.low, label->key), label->value);
        set.key.high = hash_text(hash_text(set.key.high, label->key), label->value);
    }
    return table_find(&reader->label_sets, set.key) || !table_add(&reader->label_sets, &set, NULL);
}

/* Returns how many, or -errno. */
static int read_strings(struct subject_reader *reader, struct subject *subject)
{
    bool is_map = reader->layout->label_map;
    uint8_t list[STACK_LABELS_MAX * LABELS_SIZE];
    int n = subject->n_labels, r;

    if (n <= 0)
        return n;
    if (is_map)
        n = labelmap_read(reader->gatherer->memory, subject->label_list, list);
    if (n < 0)
        return n;
    n = labels_read(reader->gatherer->memory, reader->interns, is_map ? list : subject->label_list,
                    (uint32_t)n, subject->labels);
    r = is_map && n > 0 ? labels_sort(subject->labels, (uint32_t)n) : 0;
    return r ? r : n;
}

static void read_labels(struct subject_reader *reader, struct subject *subject)
{
    subject->n_labels = read_strings(reader, subject);
    if (subject->n_labels < 0) {
        reader->losses->count[LOSS_labels_unreadable]++;
        subject->n_labels = 0;
    }
    if (subject->n_labels && !has_room(reader, subject)) {
        reader->losses->count[LOSS_labels_capped]++;
        subject->n_labels = 0;
    }
}

/* Goroutines inherit the set of the one that made them. */
static void copy_labels(struct subject *subject, const struct subject *from)
{
    subject->n_labels = from->n_labels;
    memcpy(subject->labels, from->labels, from->n_labels * sizeof(subject->labels[0]));
}

static int read_all_labels(struct subject_reader *reader, struct batch *batch)
{
    struct subject *subjects = batch->subjects;
    int r = read_label_lists(reader, batch);

    for (size_t i = 0; i < batch->n && !r; i++) {
        if (i && subjects[i].goroutine.labels == subjects[i - 1].goroutine.labels)
            copy_labels(&subjects[i], &subjects[i - 1]);
        else
            read_labels(reader, &subjects[i]);
    }
    return r;
}

static void clear(struct subject *subject)
{
    size_t known = sizeof(subject->goroutine);

    memset((char *)subject + known, 0, offsetof(struct subject, label_list) - known);
    subject->next_sudog = subject->goroutine.waiting;
    subject->n_labels = subject->goroutine.labels ? LABELS_UNKNOWN : 0;
}

static struct batch *set_subjects(struct subject_reader *reader, size_t number,
                                  struct subject *subjects, size_t n)
{
    struct batch *batch = &reader->batches[number];

    batch->layout = reader->layout;
    batch->subjects = subjects;
    batch->n = n;
    for (size_t i = 0; i < n; i++)
        clear(&subjects[i]);
    return batch;
}

void subjects_begin(struct subject_reader *reader, size_t number, struct subject *subjects,
                    size_t n)
{
    struct batch *batch = set_subjects(reader, number, subjects, n);

    begin_sudogs(reader, batch);
    begin_stacks(reader, batch);
}

int subjects_go_on(struct subject_reader *reader, size_t number)
{
    struct batch *batch = &reader->batches[number];
    int r = finish_sudogs(reader, batch);

    if (r)
        return r;
    begin_channels(reader, batch);
    r = gather_finish(reader->gatherer, &batch->stacks);
    if (!r)
        r = find_semaphores(reader, batch);
    return r ? r : read_all_labels(reader, batch);
}

int subjects_finish(struct subject_reader *reader, size_t number)
{
    return finish_channels(reader, &reader->batches[number]);
}

int subjects_read_channels(struct subject_reader *reader, struct subject *subjects, size_t n)
{
    struct batch *batch = set_subjects(reader, 0, subjects, n);
    int r;

    begin_sudogs(reader, batch);
    r = finish_sudogs(reader, batch);
    if (r)
        return r;
    begin_channels(reader, batch);
    return finish_channels(reader, batch);
}
