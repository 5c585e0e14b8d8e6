/* SPDX-License-Identifier: Apache-2.0 */
/* Checks messages to the monitor against the bounds of wire.h. Believes nothing. */
#include "intake.h"

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "webbundle.h"

/* Payloads come at any alignment: structures are copied out before they are read. */
static bool is_terminated(const char *text, size_t size)
{
    return memchr(text, '\0', size);
}

static bool is_string_id(uint32_t id)
{
    return id <= WIRE_STRINGS_MAX;
}

static bool is_tid(uint64_t tid)
{
    return tid > 0 && tid <= INT32_MAX;
}

static bool check_string(const void *payload, size_t length)
{
    uint32_t id;

    (void)length;
    memcpy(&id, payload, sizeof(id));
    return id > 0 && is_string_id(id);
}

static bool check_frame(const void *bytes)
{
    struct wire_frame frame;

    memcpy(&frame, bytes, sizeof(frame));
    return is_string_id(frame.function) && is_string_id(frame.file) && is_string_id(frame.module) &&
           is_string_id(frame.build_id) && frame.inlined <= 1;
}

static bool check_label(const void *bytes)
{
    struct wire_label label;

    memcpy(&label, bytes, sizeof(label));
    return is_string_id(label.key) && is_string_id(label.value);
}

static bool check_stack(const void *payload, size_t length)
{
    const char *frames = (const char *)payload + sizeof(struct wire_stack);
    struct wire_stack stack;
    size_t n;

    memcpy(&stack, payload, sizeof(stack));
    if (stack.kind >= SAMPLE_KIND_MAX || stack.has_creator > 1 || !stack.reason ||
        !is_string_id(stack.reason) || stack.n_frames > STACK_FRAMES_MAX ||
        stack.n_labels > STACK_LABELS_MAX)
        return false;
    if (stack.n_frames ? stack.site >= stack.n_frames : stack.site)
        return false;
    n = stack.n_frames + stack.has_creator;
    if (length !=
        sizeof(stack) + n * sizeof(struct wire_frame) + stack.n_labels * sizeof(struct wire_label))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!check_frame(frames + i * sizeof(struct wire_frame)))
            return false;
    frames += n * sizeof(struct wire_frame);
    for (size_t i = 0; i < stack.n_labels; i++)
        if (!check_label(frames + i * sizeof(struct wire_label)))
            return false;
    return true;
}

static bool check_sample(const void *bytes)
{
    struct sample sample;

    memcpy(&sample, bytes, sizeof(sample));
    if (sample.kind >= SAMPLE_KIND_MAX || sample.object_kind >= OBJECT_KIND_MAX)
        return false;
    if (sample.kind == SAMPLE_THREAD ? !is_tid(sample.id) : !sample.id)
        return false;
    return (!sample.owner || is_tid(sample.owner)) && is_string_id(sample.detail) &&
           sample.memory_bytes <= INTAKE_MEMORY_MAX;
}

static bool check_put(const void *payload, size_t length)
{
    if (length % sizeof(struct sample))
        return false;
    for (size_t at = 0; at < length; at += sizeof(struct sample))
        if (!check_sample((const char *)payload + at))
            return false;
    return true;
}

static bool check_drop(const void *payload, size_t length)
{
    struct wire_key key;

    if (length % sizeof(key))
        return false;
    for (size_t at = 0; at < length; at += sizeof(key)) {
        memcpy(&key, (const char *)payload + at, sizeof(key));
        if (key.kind >= SAMPLE_KIND_MAX)
            return false;
    }
    return true;
}

static bool check_look(const void *payload, size_t length)
{
    uint64_t time_ns;

    (void)length;
    memcpy(&time_ns, payload, sizeof(time_ns));
    return time_ns <= INT64_MAX;
}

static bool check_scan(const void *payload, size_t length)
{
    struct wire_scan scan;

    (void)length;
    memcpy(&scan, payload, sizeof(scan));
    /* Ages are signed: with the scan's own time in range, so is each difference to it. */
    if (!scan.number || scan.time_ns > INT64_MAX || scan.has_goroutines > 1 ||
        !is_string_id(scan.note))
        return false;
    if (!is_terminated(scan.runtime, sizeof(scan.runtime)) ||
        !is_terminated(scan.runtime_version, sizeof(scan.runtime_version)))
        return false;
    return !strcmp(scan.runtime, "native") || !strcmp(scan.runtime, "go");
}

static bool check_target(const void *payload, size_t length)
{
    struct wire_target target;

    (void)length;
    memcpy(&target, payload, sizeof(target));
    return target.index < RECORD_TARGETS_MAX && is_tid(target.pid) && target.up <= 1 &&
           target.analyst <= 1 && is_terminated(target.comm, sizeof(target.comm)) &&
           is_terminated(target.exe, sizeof(target.exe));
}

static bool check_resources(const void *payload, size_t length)
{
    struct wire_resources resources;

    (void)length;
    memcpy(&resources, payload, sizeof(resources));
    if (resources.index >= RECORD_TARGETS_MAX || resources.n_net > WIRE_NET_MAX)
        return false;
    for (size_t i = 0; i < resources.n_net; i++)
        if (!is_terminated(resources.net[i].device, sizeof(resources.net[i].device)))
            return false;
    return true;
}

static bool check_counters(const void *payload, size_t length)
{
    struct wire_counters counters;

    (void)length;
    memcpy(&counters, payload, sizeof(counters));
    if (counters.index >= RECORD_TARGETS_MAX || counters.n_programs > WIRE_PROGRAMS_MAX ||
        counters.has_futex > 1)
        return false;
    for (size_t i = 0; i < counters.n_programs; i++)
        if (!is_terminated(counters.programs[i].name, sizeof(counters.programs[i].name)))
            return false;
    return true;
}

/* Numbers, of which none is wrong. */
static bool check_usage(const void *payload, size_t length)
{
    (void)payload;
    return length == sizeof(struct wire_usage);
}

static bool check_nothing(const void *payload, size_t length)
{
    (void)payload;
    return !length;
}

/* By enum wire_type. `check` sees only payloads whose length is in these bounds. */
static const struct {
    enum intake_source source;
    size_t length_min;
    size_t length_max;
    bool (*check)(const void *payload, size_t length);
} messages[WIRE_TYPE_MAX] = {
    [WIRE_STRING] = {INTAKE_ANALYST, sizeof(uint32_t), sizeof(uint32_t) + WIRE_STRING_MAX,
                     check_string},
    [WIRE_STACK] = {INTAKE_ANALYST, sizeof(struct wire_stack), WIRE_PAYLOAD_MAX, check_stack},
    [WIRE_PUT] = {INTAKE_ANALYST, sizeof(struct sample), WIRE_PAYLOAD_MAX, check_put},
    [WIRE_DROP] = {INTAKE_ANALYST, sizeof(struct wire_key), WIRE_PAYLOAD_MAX, check_drop},
    [WIRE_SCAN] = {INTAKE_ANALYST, sizeof(struct wire_scan), sizeof(struct wire_scan), check_scan},
    [WIRE_LOOK] = {INTAKE_ANALYST, sizeof(uint64_t), sizeof(uint64_t), check_look},
    [WIRE_TARGET] = {INTAKE_PROBE, sizeof(struct wire_target), sizeof(struct wire_target),
                     check_target},
    [WIRE_RESOURCES] = {INTAKE_PROBE, sizeof(struct wire_resources), sizeof(struct wire_resources),
                        check_resources},
    [WIRE_COUNTERS] = {INTAKE_PROBE, sizeof(struct wire_counters), sizeof(struct wire_counters),
                       check_counters},
    [WIRE_FINISH] = {INTAKE_PROBE, 0, 0, check_nothing},
    [WIRE_USAGE] = {INTAKE_PROBE, sizeof(struct wire_usage), sizeof(struct wire_usage),
                    check_usage},
    [WIRE_WEB] = {INTAKE_PROBE, sizeof(struct wire_web), WIRE_PAYLOAD_MAX, webbundle_is_sound},
    [WIRE_WEB_BAD] = {INTAKE_PROBE, 0, 0, check_nothing},
    [WIRE_VERIFIER] = {INTAKE_PROBE, 0, 0, check_nothing},
};

int intake_check_header(enum intake_source source, const struct wire_header *header)
{
    if (header->type >= WIRE_TYPE_MAX || messages[header->type].source != source ||
        header->length < messages[header->type].length_min ||
        header->length > messages[header->type].length_max)
        return -EBADMSG;
    return 0;
}

int intake_check(enum intake_source source, const struct wire_header *header, const void *payload)
{
    int r = intake_check_header(source, header);

    if (r)
        return r;
    return messages[header->type].check(payload, header->length) ? 0 : -EBADMSG;
}
