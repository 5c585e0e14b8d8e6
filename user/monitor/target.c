/* SPDX-License-Identifier: Apache-2.0 */
/* One target: its samples between scans, and its report after each. */
#include "target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "utf8.h"

#define RENAMES_MAX 32 /* names and programs of one target that are followed */

/* Bytes that a sample takes at most: tables grow by doubling (table.h). */
#define SAMPLE_COST (2 * sizeof(struct sample) + 16)

/* Counters of both are nothing else: the probe's are raised as one array of numbers. */
static_assert(sizeof(struct losses) == LOSS_MAX * sizeof(uint64_t), "raised as an array");
static_assert(sizeof(struct park_counters) % sizeof(uint64_t) == 0, "raised as an array");

/* Counters that Prometheus reads never go back, whatever a role says. */
static void raise(uint64_t *counters, const uint64_t *news, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (news[i] > counters[i])
            counters[i] = news[i];
}

static uint64_t add_saturated(uint64_t a, uint64_t b)
{
    uint64_t sum;

    return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

static void add_losses(struct losses *sum, const struct losses *losses)
{
    for (size_t i = 0; i < LOSS_MAX; i++)
        sum->count[i] = add_saturated(sum->count[i], losses->count[i]);
}

/* Adds up the losses of all roles. */
static void sum_losses(struct target *target)
{
    struct losses *sum = &target->report.losses;

    *sum = target->report.counters.losses;
    add_losses(sum, &target->former);
    add_losses(sum, &target->analyst);
    add_losses(sum, &target->own);
}

void target_init(struct target *target, const struct store_options *options, size_t *pool)
{
    *target = (struct target){.options = options, .budget = {.pool = pool}};
    table_init(&target->samples, &samples_type);
    growth_init(&target->growth);
    target->report.cpu_ratio = -1;
    target->report.receive_rate = -1;
    target->report.transmit_rate = -1;
}

static void free_names(struct target *target)
{
    if (target->shown != target->names)
        names_free(&target->shown);
    target->shown = NULL;
    names_free(&target->names);
}

static void forget_counted(struct target *target)
{
    grouping_free(&target->counting);
    target->n_counted = 0;
}

static void clear_samples(struct target *target)
{
    grouping_free(&target->grouping);
    forget_counted(target);
    budget_give(&target->budget, target->most_samples * SAMPLE_COST);
    target->most_samples = 0;
    table_clear(&target->samples);
}

/* What there is of waiters: the report has none then. */
static void clear(struct target *target)
{
    clear_samples(target);
    groups_free(&target->groups);
    target->changed = true;
    growth_clear(&target->growth);
    deadlocks_free(&target->deadlocks);
    free_names(target);
    target->first_scan_ns = 0;
    target->report.scanned = false;
    target->report.threads_parked = 0;
    target->report.goroutines_parked = 0;
    target->report.n_groups = 0;
    target->report.groups = NULL;
    target->report.n_deadlocks = 0;
    target->report.deadlocks = NULL;
}

void target_free(struct target *target)
{
    clear(target);
}

void target_refuse(struct target *target)
{
    target->own.count[LOSS_message_invalid]++;
    sum_losses(target);
}

void target_lose(struct target *target)
{
    target->own.count[LOSS_message_lost]++;
    sum_losses(target);
}

static bool knows(const struct target *target, const struct sample *sample)
{
    return names_has_string(target->names, sample->detail) &&
           (names_stack(target->names, sample->stack_id) || names_stacks_capped(target->names));
}

/* Whether what is known of one, is known of the other. */
static bool has_same_names(const struct sample *a, const struct sample *b)
{
    return a->stack_id == b->stack_id && a->detail == b->detail;
}

/* What was once taken for samples stays so: a table keeps the room that it had. Of those that are
 * counted there is what they wait on. */
static bool take_room(struct target *target)
{
    const size_t n = target->samples.n + target->n_counted;

    if (n < target->most_samples)
        return true;
    if (n == WIRE_SAMPLES_MAX || !budget_take(&target->budget, SAMPLE_COST))
        return false;
    target->most_samples++;
    return true;
}

static int add_sample(struct target *target, const struct sample *sample)
{
    return take_room(target) ? table_add(&target->samples, sample, NULL) : -ENOSPC;
}

static int count_sample(struct target *target, const struct sample *sample)
{
    const bool may_lack = names_stacks_capped(target->names); /* else all that are put are known */

    if ((may_lack && !names_stack(target->names, sample->stack_id)) || !take_room(target)) {
        target->own.count[LOSS_samples_capped]++;
        return 0;
    }
    target->n_counted++;
    return grouping_add(target->counting, sample);
}

static int put_sample(struct target *target, const struct sample *sample)
{
    struct sample *known = table_find(&target->samples, sample_key(sample->kind, sample->id));
    int r;

    if (!names_stack(target->names, sample->stack_id)) {
        if (known)
            table_remove(&target->samples, known);
        target->own.count[LOSS_samples_capped]++;
        return 0;
    }
    if (known) {
        *known = *sample;
        return 0;
    }
    r = add_sample(target, sample);
    if (r == -ENOSPC) {
        target->own.count[LOSS_samples_capped]++;
        return 0;
    }
    return r;
}

static bool is_told_once(const struct target *target, const struct sample *sample)
{
    return target->counting && sample->kind == SAMPLE_GOROUTINE;
}

/* All of a message or nothing: its samples are checked before the first is taken. */
static int put_samples(struct target *target, const char *payload, size_t length)
{
    struct sample sample, before;

    target->changed = true;
    for (size_t at = 0; at < length; at += sizeof(sample), before = sample) {
        memcpy(&sample, payload + at, sizeof(sample));
        if ((!at || !has_same_names(&sample, &before)) && !knows(target, &sample))
            return -EBADMSG;
        if (!is_told_once(target, &sample))
            table_prefetch(&target->samples, sample_key(sample.kind, sample.id));
    }
    for (size_t at = 0; at < length; at += sizeof(sample)) {
        int r;

        memcpy(&sample, payload + at, sizeof(sample));
        r = is_told_once(target, &sample) ? count_sample(target, &sample)
                                          : put_sample(target, &sample);
        if (r)
            return r;
    }
    return 0;
}

/* One that isn't known is passed over: it may be one that was left out. */
static void drop_samples(struct target *target, const char *payload, size_t length)
{
    target->changed = true;
    for (size_t at = 0; at < length; at += sizeof(struct wire_key)) {
        struct wire_key key;
        struct sample *sample;

        memcpy(&key, payload + at, sizeof(key));
        sample = table_find(&target->samples, sample_key(key.kind, key.id));
        if (sample)
            table_remove(&target->samples, sample);
    }
}

static void note_scan(struct target *target, const struct wire_scan *scan)
{
    struct target_report *report = &target->report;
    const char *note = scan->note ? names_string(target->names, scan->note) : NULL;

    report->scan = *scan;
    report->scanned = true;
    utf8_clean(scan->runtime, strlen(scan->runtime), report->runtime, sizeof(report->runtime));
    utf8_clean(scan->runtime_version, strlen(scan->runtime_version), report->runtime_version,
               sizeof(report->runtime_version));
    report->note[0] = '\0';
    if (note)
        utf8_clean(note, strlen(note), report->note, sizeof(report->note));
    for (size_t i = 0; i < SAMPLE_KIND_MAX; i++)
        if (scan->duration_ns[i])
            scan_histogram_add(&report->scans[i], scan->duration_ns[i]);
    raise(target->analyst.count, scan->losses.count, LOSS_MAX);
    sum_losses(target);
}

/* A record is as old as the moment it was read, which is no later than the end of its scan. */
static uint64_t end_of_scan(const struct wire_scan *scan)
{
    uint64_t end = scan->time_ns;

    for (size_t i = 0; i < SAMPLE_KIND_MAX; i++)
        end = add_saturated(end, scan->duration_ns[i]);
    return end;
}

/* What is made of groups, as of the scan that was noted. */
static int show_groups(struct target *target)
{
    struct target_report *report = &target->report;
    int r;

    r = growth_update(&target->growth, report->scan.time_ns, target->options->max_stacks,
                      target->groups.list, target->groups.n);
    report->n_groups = target->groups.n;
    report->groups = target->groups.list;
    report->threads_parked = target->groups.n_parked[SAMPLE_THREAD];
    report->goroutines_parked = target->groups.n_parked[SAMPLE_GOROUTINE];
    if (r)
        return r;
    r = deadlocks_update(&target->deadlocks, target->groups.edges, target->groups.n_edges);
    report->n_deadlocks = target->deadlocks.n;
    report->deadlocks = target->deadlocks.list;
    return r;
}

static int begin_grouping(struct target *target, uint64_t now_ns, struct grouping **ret_grouping)
{
    const struct group_policy policy = {
        .now_ns = now_ns,
        .threshold_ns = (uint64_t)target->options->threshold_ns,
        .proven = target->options->proven,
        /* The first scan is not at its end: what is told of it was seen within it. */
        .throughout_ns = target->first_scan_ns ? target->first_scan_ns : UINT64_MAX,
    };

    target->changed = true;
    return grouping_new(&target->samples, target->names, &policy, ret_grouping);
}

static void end_grouping(struct target *target)
{
    groups_free(&target->groups);
    grouping_take(target->grouping, &target->groups);
    if (target->shown != target->names)
        names_free(&target->shown);
    target->shown = target->names;
    target->changed = false;
}

/* 1: there is more to do. */
static int step(struct target *target)
{
    int r = grouping_step(target->grouping);

    if (r > 0)
        return r;
    if (!r)
        end_grouping(target);
    grouping_free(&target->grouping);
    return r;
}

int target_group_on(struct target *target)
{
    int r;

    if (!target->grouping)
        return 0;
    r = step(target);
    if (r > 0)
        return r;
    note_scan(target, &target->scan);
    return r ? r : show_groups(target);
}

static int group_to_end(struct target *target)
{
    int r;

    while ((r = target_group_on(target)) > 0)
        ;
    return r;
}

/* Whether samples have only grown older. */
static bool stands(const struct target *target, uint64_t now_ns)
{
    return !target->changed && groups_stand(&target->groups, now_ns);
}

static int age(struct target *target)
{
    int r =
        groups_age(&target->groups, &target->samples, target->names, target->report.scan.time_ns);

    return r ? r : show_groups(target);
}

int target_regroup(struct target *target)
{
    const uint64_t now_ns = target->report.scan.time_ns;
    int r;

    if (!target->names || !target->first_scan_ns)
        return 0;
    if (stands(target, now_ns))
        return age(target);
    r = begin_grouping(target, now_ns, &target->grouping);
    if (!r)
        while ((r = step(target)) > 0)
            ;
    return r ? r : show_groups(target);
}

void target_reset_analyst(struct target *target)
{
    /* What it said of its last scan counts; without memory for its groups those before stay. */
    (void)!group_to_end(target);
    clear_samples(target);
    target->changed = true;
    if (target->names != target->shown)
        names_free(&target->names);
    target->names = NULL;
    /* Nothing can be proven parked since the scans of another analyst. */
    target->first_scan_ns = 0;
    add_losses(&target->former, &target->analyst);
    target->analyst = (struct losses){0};
}

void target_hold(struct target *target)
{
    if (!target->grouping)
        return;
    grouping_free(&target->grouping);
    note_scan(target, &target->scan);
}

/* No analyst takes a scan twice: grouping is the dearest thing that it can ask for. What one before
 * it said of numbers and times binds it to nothing. */
static bool is_next(const struct target *target, const struct wire_scan *scan)
{
    const struct wire_scan *last = &target->report.scan;

    return !target->first_scan_ns ||
           (scan->number > last->number && scan->time_ns >= last->time_ns);
}

static int take_look(struct target *target, const void *payload)
{
    if (target->counting)
        return -EBADMSG;
    memcpy(&target->look_ns, payload, sizeof(target->look_ns));
    return begin_grouping(target, target->look_ns, &target->counting);
}

/* Goes on with what was counted for the scan, or begins. */
static int open_grouping(struct target *target, uint64_t now_ns)
{
    if (!target->counting)
        return begin_grouping(target, now_ns, &target->grouping);
    target->grouping = TAKE_PTR(target->counting);
    target->n_counted = 0;
    return 0;
}

/* What is shown until the next scan. */
static int take_scan(struct target *target, const void *payload)
{
    const struct target_report *report = &target->report;
    const size_t n = target->samples.n + target->n_counted;
    struct wire_scan scan;
    int r;

    memcpy(&scan, payload, sizeof(scan));
    if (report->scanned && !is_next(target, &scan))
        return -EBADMSG;
    if (!names_has_string(target->names, scan.note) ||
        (target->counting && scan.time_ns != target->look_ns))
        return -EBADMSG;
    if (!target->first_scan_ns)
        target->first_scan_ns = end_of_scan(&scan);
    if (target->options->hold || (!target->counting && stands(target, scan.time_ns))) {
        note_scan(target, &scan);
        forget_counted(target);
        return target->options->hold ? 0 : age(target);
    }
    r = open_grouping(target, scan.time_ns);
    if (r)
        return r;
    target->scan = scan;
    return n > GROUPING_STEP ? 0 : group_to_end(target);
}

int target_take_analyst(struct target *target, const struct wire_header *header,
                        const void *payload)
{
    int r = 0;

    /* What an analyst still had to say of a process that ended. */
    if (!target->report.up)
        return 0;
    if (!target->names)
        r = names_new(&target->options->idle, &target->budget, &target->names);
    if (!r)
        r = group_to_end(target);
    if (r)
        return r;
    switch (header->type) {
    case WIRE_STRING:
        return names_add_string(target->names, payload, header->length, &target->own);
    case WIRE_STACK:
        return names_add_stack(target->names, payload, &target->own);
    case WIRE_PUT:
        return put_samples(target, payload, header->length);
    case WIRE_DROP:
        drop_samples(target, payload, header->length);
        return 0;
    case WIRE_LOOK:
        return take_look(target, payload);
    case WIRE_SCAN:
        return take_scan(target, payload);
    default:
        return -EBADMSG;
    }
}

/* Each name makes new series, and a process can have a thousand a second. */
static void take_name(struct target *target, const struct wire_target *wire)
{
    struct target_report *report = &target->report;
    char comm[sizeof(report->comm)], exe[sizeof(report->exe)];

    utf8_clean(wire->comm, strlen(wire->comm), comm, sizeof(comm));
    utf8_clean(wire->exe, strlen(wire->exe), exe, sizeof(exe));
    if (target->known && !strcmp(comm, report->comm) && !strcmp(exe, report->exe))
        return;
    if (target->renames == RENAMES_MAX) {
        target->own.count[LOSS_renames_capped]++;
        sum_losses(target);
        return;
    }
    target->renames += target->known;
    memcpy(report->comm, comm, sizeof(comm));
    memcpy(report->exe, exe, sizeof(exe));
}

void target_take_target(struct target *target, const struct wire_target *wire)
{
    struct target_report *report = &target->report;

    take_name(target, wire);
    target->known = true;
    target->attach_ns = wire->attach_ns;
    report->pid = wire->pid;
    report->up = wire->up;
    report->start_ns = wire->start_ns;
    if (!report->up && !target->options->keep_ended)
        clear(target);
}

/* Bytes over all devices but the loopback. */
static uint64_t sum_network(const struct wire_resources *resources, bool receive)
{
    uint64_t sum = 0;

    for (uint32_t i = 0; i < resources->n_net; i++) {
        const struct wire_net *net = &resources->net[i];

        if (strcmp(net->device, "lo"))
            sum = add_saturated(sum, receive ? net->receive_bytes : net->transmit_bytes);
    }
    return sum;
}

/* -1: unknown, as when a device came or went and its counts with it. */
static double rate(uint64_t before, uint64_t now, double seconds)
{
    return now < before || seconds <= 0 ? -1 : (double)(now - before) / seconds;
}

static uint64_t cpu_us(const struct wire_resources *resources)
{
    return add_saturated(resources->cpu_user_us, resources->cpu_system_us);
}

/* The namespace of a target's network, and so the names in it, may be its own: two that read the
 * same when clean count once. */
static void copy_network(const struct wire_resources *wire, struct wire_resources *ret_resources)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < wire->n_net; i++) {
        struct wire_net net = wire->net[i];
        uint32_t k = 0;

        utf8_clean(wire->net[i].device, strlen(wire->net[i].device), net.device,
                   sizeof(net.device));
        while (k < n && strcmp(ret_resources->net[k].device, net.device))
            k++;
        if (k == n)
            ret_resources->net[n++] = net;
    }
    ret_resources->n_net = n;
}

void target_take_resources(struct target *target, const struct wire_resources *wire)
{
    struct target_report *report = &target->report;
    struct wire_resources before = report->resources;
    struct wire_resources *now = &report->resources;

    *now = *wire;
    copy_network(wire, now);
    if (report->has_resources && now->time_ns > before.time_ns) {
        double seconds = (double)(now->time_ns - before.time_ns) / 1e9;

        raise(&now->cpu_user_us, &before.cpu_user_us, 1);
        raise(&now->cpu_system_us, &before.cpu_system_us, 1);
        report->cpu_ratio = rate(cpu_us(&before), cpu_us(now), seconds * 1e6);
        report->receive_rate = rate(sum_network(&before, true), sum_network(now, true), seconds);
        report->transmit_rate = rate(sum_network(&before, false), sum_network(now, false), seconds);
    }
    report->has_resources = true;
}

static void take_program(const struct wire_program *wire, struct wire_program *program)
{
    utf8_clean(wire->name, strlen(wire->name), program->name, sizeof(program->name));
    raise(&program->run_ns, &wire->run_ns, 1);
    raise(&program->runs, &wire->runs, 1);
}

void target_take_counters(struct target *target, const struct wire_counters *wire)
{
    struct wire_counters *counters = &target->report.counters;

    raise((uint64_t *)&counters->parks, (const uint64_t *)&wire->parks,
          sizeof(wire->parks) / sizeof(uint64_t));
    raise(counters->losses.count, wire->losses.count, LOSS_MAX);
    counters->index = wire->index;
    counters->n_programs = wire->n_programs;
    counters->has_futex = wire->has_futex;
    counters->interval_ns = wire->interval_ns;
    for (uint32_t i = 0; i < wire->n_programs; i++)
        take_program(&wire->programs[i], &counters->programs[i]);
    sum_losses(target);
}
