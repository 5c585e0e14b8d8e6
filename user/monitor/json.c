/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as JSON. A report of 65,536 groups is 370 MB, and one of a target that makes each name
 * as long as it may be is thousands of times its own size: it is written as it goes, made of
 * nothing but its own numbers and strings, and measured before where it has to stay within a bound.
 */
#include "monitor/json.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "loss.h"
#include "monitor/jsontext.h"

#define US_DIGITS      6
#define STACK_ID_WIDTH 16

/* Bytes at the end of a target: what was left out, brackets, commas. */
#define TARGET_END 256

/* NULL or empty: null. */
static void put_text(struct jsontext *to, const char *name, const char *value)
{
    jsontext_key(to, name);
    jsontext_string(to, value && value[0] ? value : NULL);
}

static void put_string(struct jsontext *to, const char *name, const char *value)
{
    jsontext_key(to, name);
    jsontext_string(to, value);
}

static void put_number(struct jsontext *to, const char *name, uint64_t value)
{
    jsontext_key(to, name);
    jsontext_number(to, value);
}

static void put_null(struct jsontext *to, const char *name)
{
    jsontext_key(to, name);
    jsontext_null(to);
}

static void put_known(struct jsontext *to, const char *name, bool known, uint64_t value)
{
    if (known && value != WIRE_UNKNOWN)
        put_number(to, name, value);
    else
        put_null(to, name);
}

static void put_bool(struct jsontext *to, const char *name, bool value)
{
    jsontext_key(to, name);
    jsontext_bool(to, value);
}

/* In microseconds: what is below says nothing. */
static void put_seconds(struct jsontext *to, const char *name, int64_t ns)
{
    jsontext_key(to, name);
    jsontext_decimal(to, ns / 1000, US_DIGITS);
}

static void put_cpu(struct jsontext *to, const char *name, bool known, uint64_t us)
{
    if (!known || us > INT64_MAX) {
        put_null(to, name);
        return;
    }
    jsontext_key(to, name);
    jsontext_decimal(to, (int64_t)us, US_DIGITS);
}

static void put_address(struct jsontext *to, const char *name, uint64_t address)
{
    jsontext_key(to, name);
    jsontext_hex(to, address, 0);
}

static void put_stack_id(struct jsontext *to, uint64_t id)
{
    jsontext_key(to, "stack_id");
    jsontext_hex(to, id, STACK_ID_WIDTH);
}

/* RFC 3339, in UTC with milliseconds. `time`: seconds since 1970, not before. */
static void put_time(struct jsontext *to, const char *name, double time)
{
    int64_t millis = (int64_t)(time * 1000);
    time_t whole = millis / 1000;
    char date[64], text[96];
    struct tm tm;

    if (!gmtime_r(&whole, &tm)) {
        put_null(to, name);
        return;
    }
    strftime(date, sizeof(date), "%FT%T", &tm);
    snprintf(text, sizeof(text), "%s.%03" PRId64 "Z", date, millis % 1000);
    put_string(to, name, text);
}

static void begin_object(struct jsontext *to, const char *name)
{
    jsontext_key(to, name);
    jsontext_begin(to, '{');
}

static void begin_list(struct jsontext *to, const char *name)
{
    jsontext_key(to, name);
    jsontext_begin(to, '[');
}

static void write_network(struct jsontext *to, const struct wire_net *net)
{
    char device[sizeof(net->device) + 1] = "";

    memcpy(device, net->device, sizeof(net->device));
    jsontext_begin(to, '{');
    put_string(to, "device", device);
    put_number(to, "receive_bytes", net->receive_bytes);
    put_number(to, "transmit_bytes", net->transmit_bytes);
    jsontext_end(to, '}');
}

static void write_cpu(struct jsontext *to, bool known, const struct wire_resources *now)
{
    begin_object(to, "cpu_seconds");
    put_cpu(to, "user", known, now->cpu_user_us);
    put_cpu(to, "system", known, now->cpu_system_us);
    jsontext_end(to, '}');
}

static void write_resources(struct jsontext *to, const struct target_report *target)
{
    const struct wire_resources *now = &target->resources;
    bool known = target->has_resources;
    size_t n_net = now->n_net < WIRE_NET_MAX ? now->n_net : WIRE_NET_MAX;

    begin_object(to, "resources");
    put_known(to, "resident_memory_bytes", known, now->resident_bytes);
    put_known(to, "virtual_memory_bytes", known, now->virtual_bytes);
    put_known(to, "swap_memory_bytes", known, now->swap_bytes);
    put_known(to, "cgroup_memory_usage_bytes", known, now->cgroup_usage_bytes);
    put_known(to, "cgroup_memory_rss_bytes", known, now->cgroup_rss_bytes);
    write_cpu(to, known, now);
    put_known(to, "open_fds", known, now->open_fds);
    begin_list(to, "network");
    for (size_t i = 0; known && i < n_net; i++)
        write_network(to, &now->net[i]);
    jsontext_end(to, ']');
    jsontext_end(to, '}');
}

static void write_threads(struct jsontext *to, const struct target_report *target)
{
    const uint64_t *states = target->scan.threads;
    bool known = target->scanned;

    begin_object(to, "threads");
    put_known(to, "total", known, report_threads(target));
    put_number(to, "parked", target->threads_parked);
    jsontext_end(to, '}');
    begin_object(to, "threads_by_state");
    put_known(to, "running", known, states[THREAD_RUNNING]);
    put_known(to, "sleeping", known, states[THREAD_SLEEPING]);
    put_known(to, "uninterruptible", known, states[THREAD_UNINTERRUPTIBLE]);
    put_known(to, "stopped", known, states[THREAD_STOPPED]);
    put_known(to, "zombie", known, states[THREAD_ZOMBIE]);
    jsontext_end(to, '}');
}

static void write_goroutines(struct jsontext *to, const struct target_report *target)
{
    if (!target->scanned || !target->scan.has_goroutines) {
        put_null(to, "goroutines");
        return;
    }
    begin_object(to, "goroutines");
    put_number(to, "total", report_goroutines(target));
    put_number(to, "parked", target->goroutines_parked);
    jsontext_end(to, '}');
}

/* What frames and creators have in common. */
static void put_place(struct jsontext *to, const struct frame *frame)
{
    put_text(to, "function", frame->function);
    put_text(to, "file", frame->file);
    put_known(to, "line", frame->line > 0, frame->line);
}

static void write_frame(struct jsontext *to, const struct frame *frame)
{
    jsontext_begin(to, '{');
    put_place(to, frame);
    put_text(to, "module", frame->module);
    put_address(to, "address", frame->address);
    if (frame->module)
        put_address(to, "offset", frame->offset);
    else
        put_null(to, "offset");
    put_bool(to, "inlined", frame->inlined);
    jsontext_end(to, '}');
}

static void write_frames(struct jsontext *to, const struct stack *stack)
{
    begin_list(to, "frames");
    for (uint32_t i = 0; i < stack->n_frames; i++)
        write_frame(to, &stack->frames[i]);
    jsontext_end(to, ']');
    if (!stack->creator) {
        put_null(to, "created_by");
        return;
    }
    begin_object(to, "created_by");
    put_place(to, stack->creator);
    jsontext_end(to, '}');
}

static void write_wait(struct jsontext *to, const struct waited_on *wait)
{
    static const char *const kinds[] = {
        [OBJECT_NONE] = "none",       [OBJECT_FUTEX] = "futex",         [OBJECT_FILE] = "file",
        [OBJECT_CHANNEL] = "channel", [OBJECT_SEMAPHORE] = "semaphore",
    };
    bool is_file = wait->kind == OBJECT_FILE;

    jsontext_begin(to, '{');
    put_string(to, "kind", kinds[wait->kind]);
    if (is_file)
        put_null(to, "address");
    else
        put_address(to, "address", wait->object);
    put_known(to, "fd", is_file, wait->object);
    put_number(to, "count", wait->count);
    put_known(to, "owner_tid", wait->owner > 0, wait->owner);
    put_text(to, "owner", wait->owner_text);
    put_text(to, "detail", wait->detail);
    jsontext_end(to, '}');
}

static void write_waits(struct jsontext *to, const struct group *group)
{
    put_number(to, "waits_on_total", group->n_objects);
    put_bool(to, "waits_on_same_detail", group->same_detail);
    begin_list(to, "waits_on");
    for (size_t i = 0; i < group->n_waits; i++)
        write_wait(to, &group->waits[i]);
    jsontext_end(to, ']');
}

static void write_growth(struct jsontext *to, const struct group *group)
{
    begin_object(to, "growth");
    put_number(to, "first_count", group->first_count);
    put_number(to, "min_count", group->min_count);
    put_number(to, "max_count", group->max_count);
    put_seconds(to, "observed_seconds", group->observed_ns);
    put_bool(to, "growing", group->growing);
    jsontext_end(to, '}');
}

/* TIDs or goids, oldest first. */
static void write_ids(struct jsontext *to, const struct group *group)
{
    begin_list(to, "ids");
    for (size_t i = 0; i < group->n_waiters; i++)
        jsontext_number(to, group->waiters[i].id);
    jsontext_end(to, ']');
}

static void put_ages(struct jsontext *to, const struct group *group)
{
    put_seconds(to, "oldest_seconds", group->oldest_ns);
    put_seconds(to, "newest_seconds", group->newest_ns);
    put_seconds(to, "oldest_seconds_at_least", group->at_least_ns);
    if (group->at_most_ns >= 0)
        put_seconds(to, "oldest_seconds_at_most", group->at_most_ns);
    else
        put_null(to, "oldest_seconds_at_most");
}

static bool is_repeated(const struct stack *stack, uint32_t index)
{
    for (uint32_t i = index + 1; i < stack->n_labels; i++)
        if (!strcmp(stack->labels[i].key, stack->labels[index].key))
            return true;
    return false;
}

/* Of labels that share a key the last one counts: an object has each once. */
static void write_labels(struct jsontext *to, const struct stack *stack)
{
    begin_object(to, "labels");
    for (uint32_t i = 0; i < stack->n_labels; i++)
        if (!is_repeated(stack, i))
            put_string(to, stack->labels[i].key, stack->labels[i].value);
    jsontext_end(to, '}');
}

static void write_group(struct jsontext *to, const struct group *group)
{
    const struct stack *stack = group->stack;

    jsontext_line(to);
    jsontext_begin(to, '{');
    put_string(to, "kind", stack->kind == SAMPLE_GOROUTINE ? "goroutine" : "thread");
    put_stack_id(to, stack->id);
    put_string(to, "reason", stack->reason);
    put_number(to, "count", group->count);
    write_ids(to, group);
    put_ages(to, group);
    put_number(to, "rewaits", group->rewaits);
    put_number(to, "memory_bytes", group->memory_bytes);
    put_string(to, "site", group->site);
    put_bool(to, "idle", group->idle_rule);
    put_text(to, "idle_rule", group->idle_rule);
    write_growth(to, group);
    write_waits(to, group);
    write_frames(to, stack);
    write_labels(to, stack);
    jsontext_end(to, '}');
}

static void write_deadlock(struct jsontext *to, const struct deadlock *deadlock)
{
    jsontext_begin(to, '{');
    begin_list(to, "members");
    for (size_t i = 0; i < deadlock->n_members; i++) {
        const struct deadlock_member *member = &deadlock->members[i];

        jsontext_begin(to, '{');
        put_number(to, "tid", member->tid);
        put_address(to, "address", member->address);
        put_number(to, "owner_tid", member->owner_tid);
        put_stack_id(to, member->stack_id);
        jsontext_end(to, '}');
    }
    jsontext_end(to, ']');
    jsontext_end(to, '}');
}

/* Whether the document has room for what was measured until it is `end` bytes long. */
static bool has_room(const struct jsontext *to, const struct jsontext *measure, size_t end)
{
    const size_t written = jsontext_written(to);

    return written <= end && jsontext_written(measure) <= end - written;
}

static bool deadlock_fits(const struct jsontext *to, const struct deadlock *deadlock, size_t end)
{
    struct jsontext measure;

    if (end == JSON_MAX_NONE)
        return true;
    jsontext_init(&measure, NULL);
    write_deadlock(&measure, deadlock);
    return has_room(to, &measure, end);
}

static bool group_fits(const struct jsontext *to, const struct group *group, size_t end)
{
    struct jsontext measure;

    if (end == JSON_MAX_NONE)
        return true;
    jsontext_init(&measure, NULL);
    write_group(&measure, group);
    return has_room(to, &measure, end);
}

/* Returns how many there was no room for. */
static size_t write_deadlocks(struct jsontext *to, const struct target_report *target, size_t end)
{
    size_t i = 0;

    begin_list(to, "deadlocks");
    for (; i < target->n_deadlocks && deadlock_fits(to, &target->deadlocks[i], end); i++)
        write_deadlock(to, &target->deadlocks[i]);
    jsontext_end(to, ']');
    put_number(to, "deadlocks_left_out", target->n_deadlocks - i);
    return target->n_deadlocks - i;
}

/* Returns how many there was no room for. */
static size_t write_groups(struct jsontext *to, const struct target_report *target, size_t end)
{
    uint64_t waiters = 0;
    size_t n = 0;

    begin_list(to, "groups");
    for (; n < target->n_groups && group_fits(to, &target->groups[n], end); n++)
        write_group(to, &target->groups[n]);
    jsontext_end(to, ']');
    for (size_t i = n; i < target->n_groups; i++)
        waiters += target->groups[i].count;
    put_number(to, "groups_left_out", target->n_groups - n);
    put_number(to, "waiters_left_out", waiters);
    return target->n_groups - n;
}

static void write_losses(struct jsontext *to, const struct losses *losses)
{
    begin_object(to, "losses");
    for (int i = 0; i < LOSS_MAX; i++)
        if (losses->count[i] > 0)
            put_number(to, loss_name((enum loss)i), losses->count[i]);
    jsontext_end(to, '}');
}

/* What a target is. */
static void put_identity(struct jsontext *to, const struct target_report *target)
{
    put_string(to, "target", target->name);
    put_number(to, "pid", target->pid);
    put_bool(to, "up", target->up);
    put_string(to, "comm", target->comm);
    put_string(to, "exe", target->exe);
    put_time(to, "start_time", target->start_time);
    put_seconds(to, "uptime_seconds", target->uptime_ns);
    put_seconds(to, "observed_seconds", target->observed_ns);
    put_text(to, "runtime", target->runtime);
    put_text(to, "runtime_version", target->runtime_version);
    put_text(to, "note", target->note);
}

/* Where the document may be when a target ends that has `left` of its own kind to come, itself
 * among them. */
static size_t end_of(const struct jsontext *to, size_t max, size_t left)
{
    const size_t written = jsontext_written(to);
    const size_t part = max > written ? (max - written) / left : 0;

    if (max == JSON_MAX_NONE)
        return JSON_MAX_NONE;
    return written + (part > TARGET_END ? part - TARGET_END : 0);
}

/* True if something was left out. */
static bool write_target(struct jsontext *to, const struct target_report *target, size_t end)
{
    size_t n_left_out;

    jsontext_line(to);
    jsontext_begin(to, '{');
    put_identity(to, target);
    write_resources(to, target);
    write_threads(to, target);
    write_goroutines(to, target);
    write_losses(to, &target->losses);
    n_left_out = write_deadlocks(to, target, end);
    n_left_out += write_groups(to, target, end);
    jsontext_end(to, '}');
    return n_left_out > 0;
}

int json_write(const struct report *report, size_t max, FILE *out)
{
    bool is_cut = false;
    struct jsontext to;
    int r;

    jsontext_init(&to, out);
    jsontext_begin(&to, '{');
    put_string(&to, "parkwatch", report->version);
    put_time(&to, "time", report->time);
    put_seconds(&to, "threshold_seconds", report->threshold_ns);
    begin_list(&to, "targets");
    for (size_t i = 0; i < report->n_targets; i++)
        is_cut |= write_target(&to, &report->targets[i], end_of(&to, max, report->n_targets - i));
    jsontext_end(&to, ']');
    jsontext_end(&to, '}');
    r = jsontext_finish(&to);
    putc('\n', out);
    return r ? r : is_cut;
}
