/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as JSON. Values are made by functions that return NULL for lack of memory, which
 * whatever takes them passes on; the brackets around long lists are written by hand.
 */
#include "monitor/json.h"

#include <errno.h>
#include <inttypes.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "loss.h"
#include "utf8.h"

#define REAL_DIGITS 15                        /* of a double: all are true ones */
#define TEXT_MAX    (3 * WIRE_STRING_MAX + 1) /* a string with each byte replaced */

static json_t *text(const char *value)
{
    char clean[TEXT_MAX];

    utf8_clean(value, strlen(value), clean, sizeof(clean));
    return json_string(clean);
}

/* NULL or empty: null. */
static json_t *text_or_null(const char *value)
{
    return value && value[0] ? text(value) : json_null();
}

static json_t *number(uint64_t value)
{
    return json_integer(value > INT64_MAX ? INT64_MAX : (json_int_t)value);
}

static json_t *number_or_null(bool known, uint64_t value)
{
    return known && value != WIRE_UNKNOWN ? number(value) : json_null();
}

/* In microseconds: what is below says nothing. */
static json_t *seconds(int64_t ns)
{
    int64_t us = ns / 1000;

    return json_real((double)us / 1e6);
}

static json_t *seconds_or_null(bool known, uint64_t us)
{
    return known && us != WIRE_UNKNOWN ? json_real((double)us / 1e6) : json_null();
}

static json_t *hex(uint64_t value)
{
    return json_sprintf("0x%" PRIx64, value);
}

static json_t *stack_id(uint64_t id)
{
    return json_sprintf("%016" PRIx64, id);
}

/* RFC 3339, in UTC with milliseconds. `time`: seconds since 1970, not before. */
static json_t *timestamp(double time)
{
    int64_t millis = (int64_t)(time * 1000);
    time_t whole = millis / 1000;
    char date[64];
    struct tm tm;

    if (!gmtime_r(&whole, &tm))
        return json_null();
    strftime(date, sizeof(date), "%FT%T", &tm);
    return json_sprintf("%s.%03" PRId64 "Z", date, millis % 1000);
}

static json_t *list(size_t n, json_t *(*item)(const void *base, size_t index), const void *base)
{
    json_t *array = json_array();

    for (size_t i = 0; array && i < n; i++) {
        if (json_array_append_new(array, item(base, i)) < 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* An object in the making. */
struct object {
    json_t *json;
    bool failed;
};

static struct object object_new(void)
{
    return (struct object){.json = json_object()};
}

/* Takes `value`; NULL, a failure, makes the object one. */
static void put(struct object *object, const char *name, json_t *value)
{
    if (json_object_set_new(object->json, name, value) < 0)
        object->failed = true;
}

static json_t *object_take(struct object *object)
{
    if (object->failed) {
        json_decref(object->json);
        return NULL;
    }
    return object->json;
}

static json_t *network_item(const void *base, size_t index)
{
    const struct wire_net *net = (const struct wire_net *)base + index;
    struct object object = object_new();
    char device[sizeof(net->device) + 1] = "";

    memcpy(device, net->device, sizeof(net->device));
    put(&object, "device", text(device));
    put(&object, "receive_bytes", number(net->receive_bytes));
    put(&object, "transmit_bytes", number(net->transmit_bytes));
    return object_take(&object);
}

static json_t *cpu_seconds(bool known, const struct wire_resources *now)
{
    struct object object = object_new();

    put(&object, "user", seconds_or_null(known, now->cpu_user_us));
    put(&object, "system", seconds_or_null(known, now->cpu_system_us));
    return object_take(&object);
}

static json_t *resources(const struct target_report *target)
{
    const struct wire_resources *now = &target->resources;
    bool known = target->has_resources;
    size_t n_net = now->n_net < WIRE_NET_MAX ? now->n_net : WIRE_NET_MAX;
    struct object object = object_new();

    put(&object, "resident_memory_bytes", number_or_null(known, now->resident_bytes));
    put(&object, "virtual_memory_bytes", number_or_null(known, now->virtual_bytes));
    put(&object, "swap_memory_bytes", number_or_null(known, now->swap_bytes));
    put(&object, "cgroup_memory_usage_bytes", number_or_null(known, now->cgroup_usage_bytes));
    put(&object, "cgroup_memory_rss_bytes", number_or_null(known, now->cgroup_rss_bytes));
    put(&object, "cpu_seconds", cpu_seconds(known, now));
    put(&object, "open_fds", number_or_null(known, now->open_fds));
    put(&object, "network", list(known ? n_net : 0, network_item, now->net));
    return object_take(&object);
}

static uint64_t sum(const uint64_t *counts, size_t n)
{
    uint64_t total = 0;

    for (size_t i = 0; i < n; i++)
        total += counts[i];
    return total;
}

static json_t *threads(const struct target_report *target)
{
    uint64_t total = sum(target->scan.threads, THREAD_STATE_MAX);
    struct object object = object_new();

    put(&object, "total", number_or_null(target->scanned, total));
    put(&object, "parked", number(target->threads_parked));
    return object_take(&object);
}

static json_t *threads_by_state(const struct target_report *target)
{
    const uint64_t *states = target->scan.threads;
    struct object object = object_new();

    put(&object, "running", number_or_null(target->scanned, states[THREAD_RUNNING]));
    put(&object, "sleeping", number_or_null(target->scanned, states[THREAD_SLEEPING]));
    put(&object, "uninterruptible",
        number_or_null(target->scanned, states[THREAD_UNINTERRUPTIBLE]));
    put(&object, "stopped", number_or_null(target->scanned, states[THREAD_STOPPED]));
    put(&object, "zombie", number_or_null(target->scanned, states[THREAD_ZOMBIE]));
    return object_take(&object);
}

static json_t *goroutines(const struct target_report *target)
{
    struct object object;

    if (!target->scanned || !target->scan.has_goroutines)
        return json_null();
    object = object_new();
    put(&object, "total", number(sum(target->scan.goroutines, GOROUTINE_STATE_MAX)));
    put(&object, "parked", number(target->goroutines_parked));
    return object_take(&object);
}

static json_t *frame_item(const void *base, size_t index)
{
    const struct frame *frame = (const struct frame *)base + index;
    struct object object = object_new();

    put(&object, "function", text_or_null(frame->function));
    put(&object, "file", text_or_null(frame->file));
    put(&object, "line", number_or_null(frame->line > 0, frame->line));
    put(&object, "module", text_or_null(frame->module));
    put(&object, "address", hex(frame->address));
    put(&object, "offset", frame->module ? hex(frame->offset) : json_null());
    put(&object, "inlined", json_boolean(frame->inlined));
    return object_take(&object);
}

static json_t *creator(const struct frame *frame)
{
    struct object object;

    if (!frame)
        return json_null();
    object = object_new();
    put(&object, "function", text_or_null(frame->function));
    put(&object, "file", text_or_null(frame->file));
    put(&object, "line", number_or_null(frame->line > 0, frame->line));
    return object_take(&object);
}

static json_t *wait_item(const void *base, size_t index)
{
    static const char *const kinds[] = {
        [OBJECT_NONE] = "none",       [OBJECT_FUTEX] = "futex",         [OBJECT_FILE] = "file",
        [OBJECT_CHANNEL] = "channel", [OBJECT_SEMAPHORE] = "semaphore",
    };
    const struct waited_on *wait = (const struct waited_on *)base + index;
    bool is_file = wait->kind == OBJECT_FILE;
    struct object object = object_new();

    put(&object, "kind", json_string(kinds[wait->kind]));
    put(&object, "address", is_file ? json_null() : hex(wait->object));
    put(&object, "fd", number_or_null(is_file, wait->object));
    put(&object, "count", number(wait->count));
    put(&object, "owner_tid", number_or_null(wait->owner > 0, wait->owner));
    put(&object, "owner", text_or_null(wait->owner_text));
    put(&object, "detail", text_or_null(wait->detail));
    return object_take(&object);
}

static json_t *growth(const struct group *group)
{
    struct object object = object_new();

    put(&object, "first_count", number(group->first_count));
    put(&object, "min_count", number(group->min_count));
    put(&object, "max_count", number(group->max_count));
    put(&object, "observed_seconds", seconds(group->observed_ns));
    put(&object, "growing", json_boolean(group->growing));
    return object_take(&object);
}

static void put_ages(struct object *object, const struct group *group)
{
    bool bounded = group->at_most_ns >= 0;

    put(object, "oldest_seconds", seconds(group->oldest_ns));
    put(object, "newest_seconds", seconds(group->newest_ns));
    put(object, "oldest_seconds_at_least", seconds(group->at_least_ns));
    put(object, "oldest_seconds_at_most", bounded ? seconds(group->at_most_ns) : json_null());
}

static json_t *labels(const struct stack *stack)
{
    struct object object = object_new();

    for (uint32_t i = 0; i < stack->n_labels; i++)
        put(&object, stack->labels[i].key, text(stack->labels[i].value));
    return object_take(&object);
}

static json_t *make_group(const struct group *group)
{
    const struct stack *stack = group->stack;
    bool is_goroutine = stack->kind == SAMPLE_GOROUTINE;
    struct object object = object_new();

    put(&object, "kind", json_string(is_goroutine ? "goroutine" : "thread"));
    put(&object, "stack_id", stack_id(stack->id));
    put(&object, "reason", text(stack->reason));
    put(&object, "count", number(group->count));
    put_ages(&object, group);
    put(&object, "rewaits", number(group->rewaits));
    put(&object, "memory_bytes", number(group->memory_bytes));
    put(&object, "site", text(group->site));
    put(&object, "idle", json_boolean(group->idle_rule));
    put(&object, "idle_rule", text_or_null(group->idle_rule));
    put(&object, "growth", growth(group));
    put(&object, "waits_on_total", number(group->n_objects));
    put(&object, "waits_on", list(group->n_waits, wait_item, group->waits));
    put(&object, "frames", list(stack->n_frames, frame_item, stack->frames));
    put(&object, "created_by", creator(stack->creator));
    put(&object, "labels", labels(stack));
    return object_take(&object);
}

static json_t *member_item(const void *base, size_t index)
{
    const struct deadlock_member *member = (const struct deadlock_member *)base + index;
    struct object object = object_new();

    put(&object, "tid", number(member->tid));
    put(&object, "address", hex(member->address));
    put(&object, "owner_tid", number(member->owner_tid));
    put(&object, "stack_id", stack_id(member->stack_id));
    return object_take(&object);
}

static json_t *deadlock_item(const void *base, size_t index)
{
    const struct deadlock *deadlock = (const struct deadlock *)base + index;
    struct object object = object_new();

    put(&object, "members", list(deadlock->n_members, member_item, deadlock->members));
    return object_take(&object);
}

static json_t *make_losses(const struct losses *losses)
{
    struct object object = object_new();

    for (int i = 0; i < LOSS_MAX; i++)
        if (losses->count[i] > 0)
            put(&object, loss_name((enum loss)i), number(losses->count[i]));
    return object_take(&object);
}

/* What of a target comes before its groups. */
static json_t *make_target(const struct target_report *target)
{
    struct object object = object_new();

    put(&object, "target", text(target->name));
    put(&object, "pid", number(target->pid));
    put(&object, "up", json_boolean(target->up));
    put(&object, "comm", text(target->comm));
    put(&object, "exe", text(target->exe));
    put(&object, "start_time", timestamp(target->start_time));
    put(&object, "uptime_seconds", seconds(target->uptime_ns));
    put(&object, "observed_seconds", seconds(target->observed_ns));
    put(&object, "runtime", text_or_null(target->runtime));
    put(&object, "runtime_version", text_or_null(target->runtime_version));
    put(&object, "note", text_or_null(target->note));
    put(&object, "resources", resources(target));
    put(&object, "threads", threads(target));
    put(&object, "threads_by_state", threads_by_state(target));
    put(&object, "goroutines", goroutines(target));
    put(&object, "deadlocks", list(target->n_deadlocks, deadlock_item, target->deadlocks));
    put(&object, "losses", make_losses(&target->losses));
    return object_take(&object);
}

static json_t *make_report(const struct report *report)
{
    struct object object = object_new();

    put(&object, "parkwatch", text(report->version));
    put(&object, "time", timestamp(report->time));
    put(&object, "threshold_seconds", seconds(report->threshold_ns));
    return object_take(&object);
}

/* Writes and releases. JSON_EMBED in `flags` leaves the braces to the caller. */
static int write_value(json_t *value, size_t flags, FILE *out)
{
    int r;

    if (!value)
        return -ENOMEM;
    r = json_dumpf(value, out, flags | JSON_COMPACT | JSON_REAL_PRECISION(REAL_DIGITS));
    json_decref(value);
    return r < 0 ? -EIO : 0;
}

static int write_target(const struct target_report *target, FILE *out)
{
    int r;

    putc('{', out);
    r = write_value(make_target(target), JSON_EMBED, out);
    fputs(",\"groups\":[", out);
    for (size_t i = 0; r == 0 && i < target->n_groups; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        r = write_value(make_group(&target->groups[i]), 0, out);
    }
    fputs("]}", out);
    return r;
}

int json_write(const struct report *report, FILE *out)
{
    int r;

    putc('{', out);
    r = write_value(make_report(report), JSON_EMBED, out);
    fputs(",\"targets\":[", out);
    for (size_t i = 0; r == 0 && i < report->n_targets; i++) {
        fputs(i > 0 ? ",\n" : "\n", out);
        r = write_target(&report->targets[i], out);
    }
    fputs("]}\n", out);
    return r == 0 && ferror(out) ? -EIO : r;
}
