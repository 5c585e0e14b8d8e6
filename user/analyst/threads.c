/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/threads.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "analyst/native.h"
#include "analyst/owners.h"
#include "analyst/park.h"
#include "cleanup.h"
#include "clock.h"
#include "reason.h"
#include "table.h"

#define SCAN_TRIES 4 /* for threads that wake and park again while they are looked at */

/* What is remembered of a thread. Parked: its park has this identity, the thread's start and its
 * count of context switches; as long as they stay, it has not run. */
struct thread {
    uint32_t ns_tid; /* in its own PID namespace, where its process's memory names it so */
    uint32_t tid;
    uint64_t start_ns;
    uint64_t switches;
    uint64_t sweep; /* the last one that met it */
    bool parked;
    bool sent;  /* the monitor has a sample of it */
    bool fresh; /* described in this scan, and not yet shown to have stayed */
    bool dirty; /* the monitor's sample is not this one */
    bool zombie;
    struct owner_word owner_word;
    uint32_t owner_seen; /* ns_tid that the word named when it was read last */
    struct earlier_wait earlier;
    struct sample sample;
};

struct threads {
    struct threads_options options;
    struct program *program;
    struct remote *remote;
    struct outbox *outbox;
    struct losses *losses;
    struct native *native;
    struct table table;
    uint64_t number; /* of the scan */
    uint64_t attach_ns;
    uint64_t sweep;
    uint64_t exec_id; /* 0: no thread was met yet, for each program that was run adds one */
    bool cut;         /* more threads than THREADS_MAX */
    bool moved;       /* a thread ran while its stack was read */
    size_t n_fresh;
    size_t n_pending;
    struct thread_record pending[NATIVE_BATCH_MAX];
    struct native_thread described[NATIVE_BATCH_MAX];
};

static struct table_key ns_tid_key(uint32_t ns_tid)
{
    return (struct table_key){.low = ns_tid};
}

static struct table_key thread_key(const void *element)
{
    return ns_tid_key(((const struct thread *)element)->ns_tid);
}

static const struct table_type threads_type = {sizeof(struct thread), THREADS_MAX, thread_key};

int threads_new(const struct threads_options *options, struct program *program,
                struct remote *remote, struct outbox *outbox, struct losses *losses,
                struct threads **ret_threads)
{
    CLEANUP(threads_free) struct threads *threads = calloc(1, sizeof(*threads));
    int r;

    if (!threads)
        return -ENOMEM;
    threads->options = *options;
    threads->program = program;
    threads->remote = remote;
    threads->outbox = outbox;
    threads->losses = losses;
    table_init(&threads->table, &threads_type);
    r = native_new(remote, program_mappings(program), options->careful, outbox, losses,
                   &threads->native);
    if (r)
        return r;
    *ret_threads = TAKE_PTR(threads);
    return 0;
}

void threads_free(struct threads **threads)
{
    if (!*threads)
        return;
    native_free(&(*threads)->native);
    table_clear(&(*threads)->table);
    free(*threads);
    *threads = NULL;
}

static void take_back(struct threads *threads, struct thread *thread)
{
    if (thread->sent)
        outbox_drop(threads->outbox, SAMPLE_THREAD, thread->tid);
    thread->sent = false;
}

/* Another program runs in the process: nothing known of the old one's threads holds. */
static int start_anew(struct threads *threads)
{
    struct thread *all = threads->table.elements;

    for (uint32_t i = 0; i < threads->table.n; i++)
        take_back(threads, &all[i]);
    table_clear(&threads->table);
    threads->n_pending = threads->n_fresh = 0;
    native_free(&threads->native);
    return native_new(threads->remote, program_mappings(threads->program), threads->options.careful,
                      threads->outbox, threads->losses, &threads->native);
}

static enum thread_state state_of(const struct thread_record *record)
{
    if (record->exit_state)
        return THREAD_ZOMBIE;
    if (!record->state || (record->flags & RECORD_ON_CPU))
        return THREAD_RUNNING;
    switch (reason_class_of(record)) {
    case PARK_STOPPED:
        return THREAD_STOPPED;
    case PARK_IO:
        return THREAD_UNINTERRUPTIBLE;
    default:
        return THREAD_SLEEPING;
    }
}

static struct thread *find(struct threads *threads, uint32_t ns_tid)
{
    return table_find(&threads->table, ns_tid_key(ns_tid));
}

/* The memory of a thread, made when it is met for the first time or the TID is another thread's
 * now. */
static struct thread *meet(struct threads *threads, const struct thread_record *record)
{
    struct thread new = {
        .ns_tid = record->ns_tid, .tid = record->tid, .start_ns = record->start_ns};
    struct thread *thread = find(threads, record->ns_tid);
    void *added;

    if (thread && thread->start_ns == record->start_ns)
        return thread;
    if (thread) {
        take_back(threads, thread);
        *thread = new;
        return thread;
    }
    if (table_add(&threads->table, &new, &added)) {
        threads->cut = true;
        return NULL;
    }
    return added;
}

static bool same_park(const struct thread *thread, const struct thread_record *record)
{
    return thread->parked && thread->start_ns == record->start_ns &&
           thread->switches == record->switches && reason_is_parked(record);
}

static bool is_past_threshold(const struct threads *threads, const struct thread *thread,
                              const struct thread_record *record)
{
    return (int64_t)(record->now_ns - thread->sample.since_ns) >= threads->options.threshold_ns;
}

static void begin_park(struct threads *threads, struct thread *thread,
                       const struct thread_record *record)
{
    thread->sample = (struct sample){.id = record->tid, .kind = SAMPLE_THREAD};
    park_since(record, &thread->earlier, threads->attach_ns, &thread->sample);
    thread->parked = true;
    thread->switches = record->switches;
    thread->owner_word = (struct owner_word){0};
    thread->owner_seen = 0;
}

static int describe_pending(struct threads *threads);

static int visit(struct threads *threads, const struct thread_record *record)
{
    struct thread *thread;

    thread = meet(threads, record);
    if (!thread)
        return 0;
    thread->sweep = threads->sweep;
    thread->zombie = record->exit_state;
    if (!reason_is_parked(record)) {
        take_back(threads, thread);
        thread->parked = false;
        return 0;
    }
    if (!same_park(thread, record)) {
        begin_park(threads, thread, record);
    } else if (thread->sent) {
        return 0;
    }
    if (!is_past_threshold(threads, thread, record)) {
        take_back(threads, thread);
        return 0;
    }
    threads->pending[threads->n_pending++] = *record;
    return threads->n_pending == NATIVE_BATCH_MAX ? describe_pending(threads) : 0;
}

static void note_description(struct threads *threads, const struct thread_record *record,
                             const struct native_thread *described)
{
    struct thread *thread = find(threads, record->ns_tid);

    if (!thread || !same_park(thread, record))
        return;
    if (described->error) {
        take_back(threads, thread);
        return;
    }
    thread->sample.stack_id = described->stack.id;
    thread->sample.memory_bytes = described->memory_bytes;
    thread->sample.object_kind = described->wait.kind;
    thread->sample.object = described->wait.object;
    thread->sample.detail =
        described->wait.detail[0] ? outbox_string(threads->outbox, described->wait.detail) : 0;
    thread->owner_word = waits_owner(record, described->stack.shape);
    thread->fresh = true;
    threads->n_fresh++;
}

static int describe_pending(struct threads *threads)
{
    size_t n = threads->n_pending;
    int r;

    if (!n)
        return 0;
    memset(threads->described, 0, n * sizeof(threads->described[0]));
    r = program_update(threads->program, threads->number, threads->exec_id);
    if (r)
        return r;
    native_use(threads->native, program_code(threads->program));
    r = native_describe(threads->native, threads->pending, n, threads->described);
    if (r)
        return r;
    for (size_t i = 0; i < n; i++)
        note_description(threads, &threads->pending[i], &threads->described[i]);
    threads->n_pending = 0;
    return 0;
}

static int visit_all(struct threads *threads, const struct thread_record *records, size_t n,
                     struct wire_scan *ret_scan)
{
    int r = 0;

    for (size_t i = 0; i < n && !r; i++) {
        if (records[i].exec_id != threads->exec_id) {
            r = threads->exec_id ? start_anew(threads) : 0;
            threads->exec_id = records[i].exec_id;
        }
        ret_scan->threads[state_of(&records[i])]++;
        if (!r && threads->options.samples)
            r = visit(threads, &records[i]);
    }
    return r;
}

/* First sweep of a scan: meets every thread, describes those that are newly past the threshold. */
static int sweep_all(struct threads *threads, struct wire_scan *ret_scan)
{
    const struct thread_record *records;
    bool more;
    size_t n;
    int r;

    threads->sweep++;
    threads->cut = false;
    native_begin(threads->native);
    r = remote_scan(threads->remote, &records, &n, &more);
    while (!r) {
        r = visit_all(threads, records, n, ret_scan);
        if (r || !more)
            break;
        r = remote_scan_next(threads->remote, &records, &n, &more);
    }
    if (threads->cut)
        threads->losses->count[LOSS_threads_capped]++;
    return r ? r : describe_pending(threads);
}

/* A stack counts only if its thread has not run since before it was read. */
static void confirm(struct threads *threads, const struct thread_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct thread *thread = find(threads, records[i].ns_tid);

        if (!thread || !thread->fresh || !same_park(thread, &records[i]))
            continue;
        thread->fresh = false;
        thread->sent = thread->dirty = true;
        threads->n_fresh--;
    }
}

/* Those that moved are looked at anew: no count of switches is theirs. */
static void discard_moved(struct threads *threads)
{
    struct thread *all = threads->table.elements;

    for (uint32_t i = 0; i < threads->table.n && threads->n_fresh; i++) {
        if (!all[i].fresh)
            continue;
        take_back(threads, &all[i]);
        all[i].fresh = false;
        all[i].switches = UINT64_MAX;
        threads->n_fresh--;
        threads->moved = true;
    }
}

/* Second sweep, only after there were new stacks, and only as far as the last of them. */
static int sweep_fresh(struct threads *threads)
{
    const struct thread_record *records;
    bool more;
    size_t n;
    int r;

    if (!threads->n_fresh)
        return 0;
    r = remote_scan(threads->remote, &records, &n, &more);
    while (!r) {
        confirm(threads, records, n);
        if (!more || !threads->n_fresh)
            break;
        r = remote_scan_next(threads->remote, &records, &n, &more);
    }
    if (!r)
        discard_moved(threads);
    return r;
}

static struct thread *owner_of(struct threads *threads, uint32_t ns_tid)
{
    struct thread *owner = ns_tid ? find(threads, ns_tid) : NULL;

    return owner && owner->sweep == threads->sweep && !owner->zombie ? owner : NULL;
}

/* An owner is named once two readings agree on a live thread of the process. */
static void note_owner(struct threads *threads, struct thread *thread, uint32_t ns_tid)
{
    struct thread *owner = ns_tid == thread->owner_seen ? owner_of(threads, ns_tid) : NULL;
    uint32_t tid = owner ? owner->tid : 0;

    thread->owner_seen = ns_tid;
    if (thread->sample.owner == tid)
        return;
    thread->sample.owner = tid;
    thread->dirty = true;
}

static int read_owners(struct threads *threads)
{
    struct thread *all = threads->table.elements, *asked[RPC_RANGES_MAX];
    struct owner_word words[RPC_RANGES_MAX];
    uint32_t ns_tids[RPC_RANGES_MAX];
    uint32_t i = 0;
    int r = 0;

    while (i < threads->table.n && !r) {
        size_t n = 0;

        for (; i < threads->table.n && n < RPC_RANGES_MAX; i++) {
            if (!all[i].owner_word.address || !(all[i].sent || all[i].fresh))
                continue;
            words[n] = all[i].owner_word;
            asked[n++] = &all[i];
        }
        if (n)
            r = owners_read(threads->remote, words, n, ns_tids);
        for (size_t k = 0; k < n && !r; k++)
            note_owner(threads, asked[k], ns_tids[k]);
    }
    return r;
}

/* Forgets the threads that ended, and tells the monitor what is new of the others. */
static void settle(struct threads *threads)
{
    for (uint32_t i = threads->table.n; i-- > 0;) {
        struct thread *thread = (struct thread *)threads->table.elements + i;

        if (thread->sweep != threads->sweep) {
            take_back(threads, thread);
            table_remove(&threads->table, thread);
        } else if (thread->sent && thread->dirty) {
            outbox_put(threads->outbox, &thread->sample);
            thread->dirty = false;
        }
    }
}

/* One attempt: what moved while it was looked at is left without a sample. */
static int try_scan(struct threads *threads, struct wire_scan *ret_scan)
{
    int r;

    memset(ret_scan->threads, 0, sizeof(ret_scan->threads));
    threads->moved = false;
    ret_scan->time_ns = clock_now();
    r = sweep_all(threads, ret_scan);
    if (!r)
        r = read_owners(threads);
    if (!r)
        r = sweep_fresh(threads);
    return r;
}

/* A scan that failed half-way: what it was at is looked at anew by the next one. */
static void abandon(struct threads *threads)
{
    struct thread *all = threads->table.elements;

    for (uint32_t i = 0; i < threads->table.n; i++) {
        if (!all[i].fresh)
            continue;
        all[i].fresh = false;
        all[i].switches = UINT64_MAX;
    }
    /* The monitor may still have the samples of their parks before. */
    for (size_t i = 0; i < threads->n_pending; i++) {
        struct thread *thread = find(threads, threads->pending[i].ns_tid);

        if (thread)
            thread->switches = UINT64_MAX;
    }
    threads->n_fresh = threads->n_pending = 0;
}

int threads_prepare(struct threads *threads, bool *ret_in_program)
{
    *ret_in_program = false;
    return threads->options.samples ? native_prepare(threads->native, ret_in_program) : 0;
}

int threads_scan(struct threads *threads, uint64_t attach_ns, struct wire_scan *ret_scan)
{
    uint64_t start = clock_now();
    int r;

    threads->number = ret_scan->number;
    threads->attach_ns = attach_ns;
    for (int i = 0; i < SCAN_TRIES; i++) {
        r = try_scan(threads, ret_scan);
        if (r || !threads->moved)
            break;
    }
    if (!r)
        r = read_owners(threads);
    if (r) {
        abandon(threads);
        return r;
    }
    if (threads->moved)
        threads->losses->count[LOSS_thread_moved]++;
    settle(threads);
    ret_scan->duration_ns[SAMPLE_THREAD] = clock_now() - start;
    return 0;
}

uint64_t threads_exec_id(const struct threads *threads)
{
    return threads->exec_id;
}
