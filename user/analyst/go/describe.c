/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/describe.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/arch.h"
#include "analyst/go/gather.h"
#include "analyst/go/labelmap.h"
#include "analyst/go/semaphore.h"
#include "analyst/go/site.h"
#include "analyst/go/sort.h"
#include "analyst/go/waitqs.h"
#include "analyst/stacks.h"
#include "cleanup.h"
#include "hash.h"
#include "table.h"

#define STACK_COPY (8 * 1024) /* of each stack at once: nearly all are smaller */
#define STACK_GAP  4096
#define GOID_MAIN  1   /* made by assembly: no go statement */
#define HEAP_GAP   256 /* between two sudogs or channels that are read together */

#define SYNC_FRAMES 8 /* innermost, that are looked through for package sync */

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

/* What subjects point to. */
struct room {
    size_t copied;
    struct semaphore_search searches[DESCRIBE_MAX]; /* of each subject */
    uint8_t copies[DESCRIBE_MAX * STACK_COPY];
};

struct describer {
    struct go_code *code;
    const struct g_layout *layout;
    const struct go_memory *memory;
    struct outbox *outbox;
    struct losses *losses;
    struct stacks *stacks;
    struct waitqs *waitqs;
    struct interns *interns; /* of labels */
    struct table label_sets;
    struct subject *subjects; /* that are read */
    struct {
        const char *reason;
        struct channel channel;
        uint32_t n_cases;
        uint32_t text; /* 0: none yet */
    } last;            /* channel that was described */
    struct piece pieces[DESCRIBE_MAX];
    struct piece spare[DESCRIBE_MAX];          /* for sorting them */
    struct raw_frame frames[STACK_FRAMES_MAX]; /* of the stack that was unwound last */
    size_t n_frames;
    enum unwind_end end;
    struct room *room; /* of the subjects that were read last */
    struct room rooms[2];
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

int describer_new(struct go_code *code, const struct g_layout *layout,
                  const struct go_memory *memory, struct outbox *outbox, struct losses *losses,
                  struct describer **ret_describer)
{
    CLEANUP(describer_free) struct describer *describer = calloc(1, sizeof(*describer));
    int r;

    if (!describer)
        return -ENOMEM;
    describer->code = code;
    describer->layout = layout;
    describer->memory = memory;
    describer->outbox = outbox;
    describer->losses = losses;
    table_init(&describer->label_sets, &label_sets_type);
    r = interns_new(&describer->interns);
    if (r)
        return r;
    r = waitqs_new(layout, memory, &describer->waitqs);
    if (r)
        return r;
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
    waitqs_free(&(*describer)->waitqs);
    interns_free(&(*describer)->interns);
    table_clear(&(*describer)->label_sets);
    free(*describer);
    *describer = NULL;
}

static void take_stack(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct describer *describer = context;
    struct subject *subject = &describer->subjects[piece->index];
    struct room *room = describer->room;

    memcpy(room->copies + room->copied, bytes, got);
    subject->copy = room->copies + room->copied;
    subject->copy_size = got;
    room->copied += got;
}

static int read_stacks(struct describer *describer, size_t n)
{
    describer->room->copied = 0;
    for (size_t i = 0; i < n; i++) {
        const struct goroutine *goroutine = &describer->subjects[i].goroutine;
        uint64_t size = goroutine->stack_hi - goroutine->sp;

        describer->pieces[i] = (struct piece){
            goroutine->sp, size < STACK_COPY ? (uint32_t)size : STACK_COPY, (uint32_t)i};
    }
    sort_pieces(describer->pieces, describer->spare, n);
    return gather(describer->memory, describer->pieces, n, STACK_GAP, take_stack, describer);
}

/* Follows one step of the list of sudogs; the first is the one that is kept. */
static void take_sudog(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct describer *describer = context;
    struct subject *subject = &describer->subjects[piece->index];
    struct sudog sudog;

    subject->next_sudog = 0;
    if (got < piece->size)
        return;
    sudog = sudog_decode(describer->layout, bytes);
    if (!subject->has_sudog)
        subject->sudog = sudog;
    subject->has_sudog = true;
    subject->n_cases++;
    if (channel_is_select(goroutine_reason(describer->layout, &subject->goroutine)))
        subject->next_sudog = sudog.next;
}

/* One round for each case of the largest select among them: a list without an end is cut. */
static int read_sudogs(struct describer *describer, size_t n)
{
    for (int round = 0; round < DESCRIBE_CASES_MAX; round++) {
        size_t asked = 0;
        int r;

        for (size_t i = 0; i < n; i++)
            if (describer->subjects[i].next_sudog)
                describer->pieces[asked++] = (struct piece){
                    describer->subjects[i].next_sudog, describer->layout->sudog_size, (uint32_t)i};
        if (!asked)
            break;
        sort_pieces(describer->pieces, describer->spare, asked);
        r = gather(describer->memory, describer->pieces, asked, HEAP_GAP, take_sudog, describer);
        if (r)
            return r;
    }
    return 0;
}

static void take_channel(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct describer *describer = context;
    struct subject *subject = &describer->subjects[piece->index];

    if (got < piece->size)
        return;
    subject->channel = channel_decode(describer->layout, bytes);
    subject->has_channel = true;
}

static int read_channels(struct describer *describer, size_t n)
{
    size_t asked = 0;
    int r;

    for (size_t i = 0; i < n; i++)
        if (describer->subjects[i].sudog.channel)
            describer->pieces[asked++] = (struct piece){
                describer->subjects[i].sudog.channel, describer->layout->channel_size, (uint32_t)i};
    sort_pieces(describer->pieces, describer->spare, asked);
    r = gather(describer->memory, describer->pieces, asked, HEAP_GAP, take_channel, describer);
    for (size_t i = 0; i < n && !r; i++)
        if (describer->subjects[i].has_channel)
            waitqs_count(describer->waitqs, describer->subjects[i].sudog.channel,
                         &describer->subjects[i].channel);
    return r;
}

/* And where that one is, is known. */
static bool waits_on_semaphore(const struct describer *describer, const char *reason)
{
    return !describer->layout->is_guess && semaphore_is_reason(reason);
}

static int find_semaphores(struct describer *describer, size_t n)
{
    struct semaphore_search *searches = describer->room->searches;

    for (size_t i = 0; i < n; i++) {
        struct subject *subject = &describer->subjects[i];
        const char *reason = goroutine_reason(describer->layout, &subject->goroutine);

        subject->search = &searches[i];
        searches[i] = (struct semaphore_search){
            .wanted = waits_on_semaphore(describer, reason) && !subject->goroutine.waiting,
            .is_cond = !strcmp(reason, "sync.Cond.Wait"),
            .g = subject->goroutine.address,
            .sp = subject->goroutine.sp,
            .stack = subject->copy,
            .size = subject->copy_size,
        };
    }
    return semaphores_find(describer->memory, describer->layout, searches, n);
}

static void take_label_set(void *context, const struct piece *piece, const uint8_t *bytes,
                           size_t got)
{
    struct describer *describer = context;
    struct subject *subject = &describer->subjects[piece->index];

    if (got < piece->size)
        return;
    if (describer->layout->label_map) {
        subject->labels_at = go_u64(bytes);
        subject->n_labels = subject->labels_at ? LABELS_UNKNOWN : 0;
    } else {
        subject->n_labels = labels_decode(bytes, &subject->labels_at);
    }
}

static void take_label_list(void *context, const struct piece *piece, const uint8_t *bytes,
                            size_t got)
{
    struct describer *describer = context;
    struct subject *subject = &describer->subjects[piece->index];

    memcpy(subject->label_list, bytes, got);
    if (got < piece->size)
        subject->n_labels = -EFAULT;
    else if (describer->layout->label_map)
        subject->n_labels = labelmap_decode(bytes);
}

/* Bytes at labels_at that tell more; 0: no need. */
static uint32_t label_list_size(const struct subject *subject)
{
    if (subject->n_labels == LABELS_UNKNOWN)
        return subject->labels_at ? LABELMAP_SIZE : 0;
    return subject->n_labels > 0 ? (uint32_t)subject->n_labels * LABELS_SIZE : 0;
}

static int read_label_lists(struct describer *describer, size_t n)
{
    uint32_t size = describer->layout->label_map ? LABELS_MAP_SIZE : LABELS_SET_SIZE;
    size_t asked = 0;
    int r;

    for (size_t i = 0; i < n; i++)
        if (describer->subjects[i].goroutine.labels)
            describer->pieces[asked++] =
                (struct piece){describer->subjects[i].goroutine.labels, size, (uint32_t)i};
    sort_pieces(describer->pieces, describer->spare, asked);
    r = gather(describer->memory, describer->pieces, asked, HEAP_GAP, take_label_set, describer);
    asked = 0;
    for (size_t i = 0; i < n && !r; i++) {
        const struct subject *subject = &describer->subjects[i];

        size = label_list_size(subject);
        if (size)
            describer->pieces[asked++] = (struct piece){subject->labels_at, size, (uint32_t)i};
    }
    sort_pieces(describer->pieces, describer->spare, asked);
    return r ? r
             : gather(describer->memory, describer->pieces, asked, HEAP_GAP, take_label_list,
                      describer);
}

/* Whether there is room for this set, or it is known. */
static bool has_room(struct describer *describer, const struct subject *subject)
{
    struct label_set set = {{HASH_START, ~HASH_START}};

    for (int i = 0; i < subject->n_labels; i++) {
        const struct label *label = &subject->labels[i];

        set.key.low = hash_text(hash_text(set.key.low, label->key), label->value);
        set.key.high = hash_text(hash_text(set.key.high, label->key), label->value);
    }
    return table_find(&describer->label_sets, set.key) ||
           !table_add(&describer->label_sets, &set, NULL);
}

/* Returns how many, or -errno. */
static int read_strings(struct describer *describer, struct subject *subject)
{
    bool is_map = describer->layout->label_map;
    uint8_t list[STACK_LABELS_MAX * LABELS_SIZE];
    int n = subject->n_labels, r;

    if (n <= 0)
        return n;
    if (is_map)
        n = labelmap_read(describer->memory, subject->label_list, list);
    if (n < 0)
        return n;
    n = labels_read(describer->memory, describer->interns, is_map ? list : subject->label_list,
                    (uint32_t)n, subject->labels);
    r = is_map && n > 0 ? labels_sort(subject->labels, (uint32_t)n) : 0;
    return r ? r : n;
}

static void read_labels(struct describer *describer, struct subject *subject)
{
    subject->n_labels = read_strings(describer, subject);
    if (subject->n_labels < 0) {
        describer->losses->count[LOSS_labels_unreadable]++;
        subject->n_labels = 0;
    }
    if (subject->n_labels && !has_room(describer, subject)) {
        describer->losses->count[LOSS_labels_capped]++;
        subject->n_labels = 0;
    }
}

/* Goroutines inherit the set of the one that made them. */
static void copy_labels(struct subject *subject, const struct subject *from)
{
    subject->n_labels = from->n_labels;
    memcpy(subject->labels, from->labels, from->n_labels * sizeof(subject->labels[0]));
}

static void begin_subjects(struct describer *describer, struct subject *subjects, size_t n)
{
    describer->subjects = subjects;
    for (size_t i = 0; i < n; i++) {
        size_t known = sizeof(subjects[i].goroutine);

        memset((char *)&subjects[i] + known, 0, offsetof(struct subject, label_list) - known);
        subjects[i].next_sudog = subjects[i].goroutine.waiting;
        subjects[i].n_labels = subjects[i].goroutine.labels ? LABELS_UNKNOWN : 0;
    }
}

void describe_begin(struct describer *describer)
{
    waitqs_begin(describer->waitqs);
}

int describe_read_channels(struct describer *describer, struct subject *subjects, size_t n)
{
    int r;

    begin_subjects(describer, subjects, n);
    r = read_sudogs(describer, n);
    return r ? r : read_channels(describer, n);
}

int describe_read(struct describer *describer, struct subject *subjects, size_t n)
{
    int r;

    describer->room = &describer->rooms[describer->room == &describer->rooms[0]];
    r = describe_read_channels(describer, subjects, n);
    if (!r)
        r = read_stacks(describer, n);
    if (!r)
        r = find_semaphores(describer, n);
    if (!r)
        r = read_label_lists(describer, n);
    for (size_t i = 0; i < n && !r; i++) {
        if (i && subjects[i].goroutine.labels == subjects[i - 1].goroutine.labels)
            copy_labels(&subjects[i], &subjects[i - 1]);
        else
            read_labels(describer, &subjects[i]);
    }
    return r;
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
    else if (!subject->sudog.channel && waits_on_semaphore(describer, raw->reason))
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
