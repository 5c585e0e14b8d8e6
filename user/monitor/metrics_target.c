/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Samples of one target that is up: one function for each shape of family. What is not known is
 * left out, never 0.
 */
#include "monitor/metrics_target.h"

#include <inttypes.h>
#include <string.h>

#include "buckets.h"
#include "loss.h"
#include "monitor/site.h"
#include "reason.h"
#include "utf8.h"

#define STACK_LABEL_MAX 1000 /* bytes of the label "stack" before it is escaped */
#define OTHER           "other"
#define IDLE            "idle" /* the reason of others that are idle by design */

static void begin(struct exposition *to, const struct series *series)
{
    exposition_begin(to, "");
    exposition_label(to, "target", series->name);
}

/* A sample with one label beside the target's. */
static void write_labelled(struct exposition *to, const struct series *series, const char *name,
                           const char *label, double value)
{
    begin(to, series);
    exposition_label(to, name, label);
    exposition_end(to, value);
}

void metrics_target_info(struct exposition *to, const struct family *family,
                         const struct series *series)
{
    const struct target_report *target = series->target;
    char pid[16];

    (void)family;
    snprintf(pid, sizeof(pid), "%" PRIu32, target->pid);
    begin(to, series);
    exposition_label(to, "pid", pid);
    exposition_label(to, "comm", target->comm);
    exposition_label(to, "exe", target->exe);
    exposition_label(to, "runtime", target->runtime);
    exposition_label(to, "runtime_version", target->runtime_version);
    exposition_end(to, 1);
}

void metrics_target_start_time(struct exposition *to, const struct family *family,
                               const struct series *series)
{
    (void)family;
    begin(to, series);
    exposition_end(to, series->target->start_time);
}

void metrics_target_resource(struct exposition *to, const struct family *family,
                             const struct series *series)
{
    uint64_t value = family_number(family, &series->target->resources);

    if (!series->target->has_resources || value == WIRE_UNKNOWN)
        return;
    begin(to, series);
    exposition_end(to, (double)value);
}

void metrics_target_cpu(struct exposition *to, const struct family *family,
                        const struct series *series)
{
    const struct wire_resources *resources = &series->target->resources;

    (void)family;
    if (!series->target->has_resources)
        return;
    if (resources->cpu_user_us != WIRE_UNKNOWN)
        write_labelled(to, series, "mode", "user", (double)resources->cpu_user_us / 1e6);
    if (resources->cpu_system_us != WIRE_UNKNOWN)
        write_labelled(to, series, "mode", "system", (double)resources->cpu_system_us / 1e6);
}

#define DEVICE_SIZE (3 * sizeof(((struct wire_net *)NULL)->device) + 1) /* each byte replaced */

/* Devices whose names are the same once they are clean are one. */
void metrics_target_network(struct exposition *to, const struct family *family,
                            const struct series *series)
{
    const struct wire_resources *resources = &series->target->resources;
    char names[WIRE_NET_MAX][DEVICE_SIZE];
    uint64_t values[WIRE_NET_MAX];
    size_t n = 0;

    if (!series->target->has_resources)
        return;
    for (size_t i = 0; i < resources->n_net && i < WIRE_NET_MAX; i++) {
        const struct wire_net *net = &resources->net[i];
        uint64_t value = family_number(family, net);
        size_t known = 0;

        utf8_clean(net->device, strnlen(net->device, sizeof(net->device)), names[n], DEVICE_SIZE);
        values[n] = 0;
        while (strcmp(names[known], names[n]) != 0)
            known++;
        values[known] += value;
        n += known == n;
    }
    for (size_t i = 0; i < n; i++)
        write_labelled(to, series, "device", names[i], (double)values[i]);
}

void metrics_target_threads(struct exposition *to, const struct family *family,
                            const struct series *series)
{
    static const char *const states[] = {
        [THREAD_RUNNING] = "running",
        [THREAD_SLEEPING] = "sleeping",
        [THREAD_UNINTERRUPTIBLE] = "uninterruptible",
        [THREAD_STOPPED] = "stopped",
        [THREAD_ZOMBIE] = "zombie",
    };

    (void)family;
    for (int i = 0; series->target->scanned && i < THREAD_STATE_MAX; i++)
        write_labelled(to, series, "state", states[i], (double)series->target->scan.threads[i]);
}

void metrics_target_goroutines(struct exposition *to, const struct family *family,
                               const struct series *series)
{
    static const char *const states[] = {
        [GOROUTINE_RUNNING] = "running",
        [GOROUTINE_RUNNABLE] = "runnable",
        [GOROUTINE_SYSCALL] = "syscall",
        [GOROUTINE_WAITING] = "waiting",
    };
    const struct wire_scan *scan = &series->target->scan;

    (void)family;
    if (!series->target->scanned || !scan->has_goroutines)
        return;
    for (int i = 0; i < GOROUTINE_STATE_MAX; i++)
        write_labelled(to, series, "state", states[i], (double)scan->goroutines[i]);
}

static const char *kind_name(enum sample_kind kind)
{
    return kind == SAMPLE_GOROUTINE ? "goroutine" : "thread";
}

static void begin_stack(struct exposition *to, const struct series *series, enum sample_kind kind,
                        const char *reason, const char *stack_id, const char *site)
{
    begin(to, series);
    exposition_label(to, "kind", kind_name(kind));
    exposition_label(to, "reason", reason);
    exposition_label(to, "stack_id", stack_id);
    exposition_label(to, "site", site);
}

#define STACK_ID_SIZE 17

static void format_stack_id(const struct group *group, char ret_text[static STACK_ID_SIZE])
{
    snprintf(ret_text, STACK_ID_SIZE, "%016" PRIx64, group->stack->id);
}

static void write_rest(struct exposition *to, const struct family *family,
                       const struct series *series, const struct tally *rest, const char *reason)
{
    for (int kind = 0; kind < SAMPLE_KIND_MAX; kind++) {
        if (rest[kind].waiters <= 0)
            continue;
        begin_stack(to, series, (enum sample_kind)kind, reason, OTHER, OTHER);
        exposition_end(to, family_real(family, &rest[kind]));
    }
}

void metrics_target_stacks(struct exposition *to, const struct family *family,
                           const struct series *series)
{
    char id[STACK_ID_SIZE];

    for (size_t i = 0; i < series->n_own; i++) {
        const struct group *group = series->own[i];
        struct tally tally = {0};

        tally_add(&tally, group);
        format_stack_id(group, id);
        begin_stack(to, series, group->stack->kind, group->stack->reason, id, group->site);
        exposition_end(to, family_real(family, &tally));
    }
    write_rest(to, family, series, series->rest, OTHER);
    write_rest(to, family, series, series->idle_rest, IDLE);
}

/* The frames' names, innermost first, joined by ";"; a name that doesn't fit ends it. */
static void format_stack(const struct stack *stack, char ret_text[static STACK_LABEL_MAX + 1])
{
    char name[STACK_LABEL_MAX + 1];
    size_t used = 0;

    ret_text[0] = '\0';
    for (uint32_t i = 0; i < stack->n_frames && used + 1 < STACK_LABEL_MAX; i++) {
        size_t length = site_frame(&stack->frames[i], name, sizeof(name));

        for (char *at = strchr(name, ';'); at; at = strchr(at, ';'))
            *at = ':';
        if (i > 0)
            ret_text[used++] = ';';
        length = utf8_clean(name, length, ret_text + used, STACK_LABEL_MAX + 1 - used);
        used += length;
        if (name[length])
            break;
    }
}

void metrics_target_stack_info(struct exposition *to, const struct family *family,
                               const struct series *series)
{
    char id[STACK_ID_SIZE];
    char stack[STACK_LABEL_MAX + 1];

    (void)family;
    for (size_t i = 0; i < series->n_own; i++) {
        const struct group *group = series->own[i];

        format_stack_id(group, id);
        format_stack(group->stack, stack);
        begin(to, series);
        exposition_label(to, "kind", kind_name(group->stack->kind));
        exposition_label(to, "stack_id", id);
        exposition_label(to, "site", group->site);
        exposition_label(to, "stack", stack);
        exposition_label(to, "idle_rule", group->idle_rule ? group->idle_rule : "");
        exposition_end(to, 1);
    }
}

void metrics_target_deadlocks(struct exposition *to, const struct family *family,
                              const struct series *series)
{
    (void)family;
    if (!series->target->scanned)
        return;
    begin(to, series);
    exposition_end(to, (double)series->target->n_deadlocks);
}

/* One histogram of a target; `name` and `label` tell it from the target's others. */
struct histogram {
    const char *name;
    const char *label;
    const uint64_t *counts;   /* one by one, not cumulative */
    const uint64_t *bound_ns; /* of all counts but the last */
    size_t n;
    uint64_t sum_ns;
};

static void begin_histogram(struct exposition *to, const struct series *series,
                            const struct histogram *histogram, const char *suffix)
{
    exposition_begin(to, suffix);
    exposition_label(to, "target", series->name);
    exposition_label(to, histogram->name, histogram->label);
}

static void write_histogram(struct exposition *to, const struct series *series,
                            const struct histogram *histogram)
{
    uint64_t count = 0;
    uint64_t total = 0;

    for (size_t i = 0; i < histogram->n; i++)
        total += histogram->counts[i];
    if (total == 0)
        return;
    for (size_t i = 0; i < histogram->n; i++) {
        char le[LE_SIZE] = "+Inf";

        count += histogram->counts[i];
        if (i < histogram->n - 1)
            exposition_le(histogram->bound_ns[i], le);
        begin_histogram(to, series, histogram, "_bucket");
        exposition_label(to, "le", le);
        exposition_end(to, (double)count);
    }
    begin_histogram(to, series, histogram, "_sum");
    exposition_end_seconds(to, histogram->sum_ns);
    begin_histogram(to, series, histogram, "_count");
    exposition_end(to, (double)total);
}

void metrics_target_parks(struct exposition *to, const struct family *family,
                          const struct series *series)
{
    const struct park_counters *parks = &series->target->counters.parks;

    (void)family;
    for (int i = 0; i < PARK_CLASS_MAX; i++) {
        struct histogram histogram = {
            .name = "reason",
            .label = reason_name((enum park_class)i),
            .counts = parks->parks[i],
            .bound_ns = park_bucket_ns,
            .n = RECORD_BUCKETS,
            .sum_ns = parks->parked_ns[i],
        };

        write_histogram(to, series, &histogram);
    }
}

void metrics_target_scans(struct exposition *to, const struct family *family,
                          const struct series *series)
{
    static const char *const sources[] = {
        [SAMPLE_THREAD] = "threads",
        [SAMPLE_GOROUTINE] = "goroutines",
    };

    (void)family;
    for (int kind = 0; kind < SAMPLE_KIND_MAX; kind++) {
        struct histogram histogram = {
            .name = "source",
            .label = sources[kind],
            .counts = series->target->scans[kind].scans,
            .bound_ns = scan_bucket_ns,
            .n = SCAN_BUCKETS,
            .sum_ns = series->target->scans[kind].sum_ns,
        };

        write_histogram(to, series, &histogram);
    }
}

void metrics_target_interval(struct exposition *to, const struct family *family,
                             const struct series *series)
{
    const struct wire_counters *counters = &series->target->counters;

    (void)family;
    if (!counters->interval_ns)
        return;
    begin(to, series);
    exposition_end_seconds(to, counters->interval_ns);
}

void metrics_target_long_parks(struct exposition *to, const struct family *family,
                               const struct series *series)
{
    (void)family;
    begin(to, series);
    exposition_end(to, (double)series->target->counters.parks.long_parks);
}

void metrics_target_futex_waits(struct exposition *to, const struct family *family,
                                const struct series *series)
{
    static const char *const outcomes[] = {
        [FUTEX_WOKEN] = "woken",
        [FUTEX_TIMEOUT] = "timeout",
        [FUTEX_INTERRUPTED] = "interrupted",
        [FUTEX_ERROR] = "error",
    };
    const uint64_t *waits = series->target->counters.parks.futex_waits;

    (void)family;
    if (!series->target->counters.has_futex)
        return;
    for (int i = 0; i < FUTEX_OUTCOME_MAX; i++)
        write_labelled(to, series, "outcome", outcomes[i], (double)waits[i]);
}

void metrics_target_futex_wakes(struct exposition *to, const struct family *family,
                                const struct series *series)
{
    const uint64_t *wakes = series->target->counters.parks.futex_wakes;

    (void)family;
    if (!series->target->counters.has_futex)
        return;
    write_labelled(to, series, "woke", "some", (double)wakes[1]);
    write_labelled(to, series, "woke", "none", (double)wakes[0]);
}

void metrics_target_losses(struct exposition *to, const struct family *family,
                           const struct series *series)
{
    (void)family;
    for (int i = 0; i < LOSS_MAX; i++)
        write_labelled(to, series, "what", loss_name((enum loss)i),
                       (double)series->target->losses.count[i]);
}
