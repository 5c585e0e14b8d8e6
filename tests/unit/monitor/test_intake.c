/* SPDX-License-Identifier: Apache-2.0 */
/* The gate: messages that are too short, too long, unterminated or out of any other bound. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/intake.h"

static bool passes_from(enum intake_source source, uint32_t type, const void *payload,
                        size_t length)
{
    const struct wire_header header = {.type = type, .length = (uint32_t)length};
    /* At an odd address, and exactly as long as it says: the sanitizer sees a byte too many. */
    char *bytes = malloc(length + 1);
    int r;

    assert_non_null(bytes);
    if (length)
        memcpy(bytes + 1, payload, length);
    r = intake_check(source, &header, bytes + 1);
    free(bytes);
    assert_true(r == 0 || r == -EBADMSG);
    return !r;
}

static bool passes(uint32_t type, const void *payload, size_t length)
{
    return passes_from(INTAKE_ANALYST, type, payload, length);
}

static bool probe_passes(uint32_t type, const void *payload, size_t length)
{
    return passes_from(INTAKE_PROBE, type, payload, length);
}

static void test_header(void **state)
{
    const struct wire_header beyond = {.type = WIRE_TYPE_MAX};
    const struct wire_header huge = {.type = WIRE_PUT, .length = WIRE_PAYLOAD_MAX + 1};

    (void)state;
    assert_int_equal(intake_check_header(INTAKE_ANALYST, &beyond), -EBADMSG);
    assert_int_equal(intake_check_header(INTAKE_PROBE, &beyond), -EBADMSG);
    assert_int_equal(intake_check_header(INTAKE_ANALYST, &huge), -EBADMSG);
}

/* No message of the probe is taken from an analyst, nor the other way round. */
static void test_sources(void **state)
{
    const struct wire_target target = {.pid = 1};
    const struct sample sample = {.id = 1};

    (void)state;
    assert_true(probe_passes(WIRE_TARGET, &target, sizeof(target)));
    assert_false(passes(WIRE_TARGET, &target, sizeof(target)));
    assert_true(passes(WIRE_PUT, &sample, sizeof(sample)));
    assert_false(probe_passes(WIRE_PUT, &sample, sizeof(sample)));
    assert_true(probe_passes(WIRE_FINISH, NULL, 0));
    assert_false(probe_passes(WIRE_FINISH, &target, 1));
    assert_false(passes(WIRE_FINISH, NULL, 0));
}

static void test_string(void **state)
{
    static char payload[sizeof(uint32_t) + WIRE_STRING_MAX + 1];
    uint32_t id = 1;

    (void)state;
    memcpy(payload, &id, sizeof(id));
    assert_true(passes(WIRE_STRING, payload, sizeof(id)));
    assert_true(passes(WIRE_STRING, payload, sizeof(payload) - 1));
    assert_false(passes(WIRE_STRING, payload, sizeof(payload)));
    assert_false(passes(WIRE_STRING, payload, sizeof(id) - 1));
    assert_false(passes(WIRE_STRING, payload, 0));
    id = 0;
    memcpy(payload, &id, sizeof(id));
    assert_false(passes(WIRE_STRING, payload, 8));
    id = WIRE_STRINGS_MAX + 1;
    memcpy(payload, &id, sizeof(id));
    assert_false(passes(WIRE_STRING, payload, 8));
}

struct stack_message {
    struct wire_stack stack;
    struct wire_frame frames[STACK_FRAMES_MAX + 2];
};

static bool stack_passes(const struct stack_message *message, size_t n_frames)
{
    return passes(WIRE_STACK, message,
                  sizeof(message->stack) + n_frames * sizeof(message->frames[0]));
}

static void test_stack_bounds(void **state)
{
    struct stack_message message = {.stack = {.reason = 1, .n_frames = 2, .site = 1}};

    (void)state;
    assert_true(stack_passes(&message, 2));
    assert_false(stack_passes(&message, 1));
    assert_false(stack_passes(&message, 3));
    assert_false(passes(WIRE_STACK, &message, sizeof(message.stack) - 1));
    message.stack.has_creator = 1;
    assert_false(stack_passes(&message, 2));
    assert_true(stack_passes(&message, 3));
    message.stack.has_creator = 2;
    assert_false(stack_passes(&message, 4));
    message.stack.has_creator = 0;
    message.stack.n_frames = STACK_FRAMES_MAX;
    assert_true(stack_passes(&message, STACK_FRAMES_MAX));
    message.stack.n_frames = STACK_FRAMES_MAX + 1;
    assert_false(stack_passes(&message, STACK_FRAMES_MAX + 1));
    /* As large as makes the length wrap around to what it says. */
    message.stack.n_frames = UINT32_MAX;
    assert_false(stack_passes(&message, 0));
}

static void test_stack_fields(void **state)
{
    const struct stack_message good = {.stack = {.reason = 1, .n_frames = 1}};
    struct stack_message message = good;

    (void)state;
    assert_true(stack_passes(&message, 1));
    message.stack.site = 1;
    assert_false(stack_passes(&message, 1));
    message = good;
    message.stack.kind = SAMPLE_KIND_MAX;
    assert_false(stack_passes(&message, 1));
    message = good;
    message.stack.reason = 0;
    assert_false(stack_passes(&message, 1));
    message.stack.reason = WIRE_STRINGS_MAX + 1;
    assert_false(stack_passes(&message, 1));
    message = good;
    message.frames[0].module = WIRE_STRINGS_MAX + 1;
    assert_false(stack_passes(&message, 1));
    message = good;
    message.frames[0].build_id = WIRE_STRINGS_MAX + 1;
    assert_false(stack_passes(&message, 1));
    message = good;
    message.frames[0].inlined = 2;
    assert_false(stack_passes(&message, 1));
    message = (struct stack_message){.stack = {.reason = 1}};
    assert_true(stack_passes(&message, 0));
    message.stack.site = 1;
    assert_false(stack_passes(&message, 0));
}

static void test_stack_labels(void **state)
{
    struct {
        struct wire_stack stack;
        struct wire_label labels[STACK_LABELS_MAX + 1];
    } message = {.stack = {.reason = 1, .n_labels = 2}};
    const size_t head = sizeof(message.stack), each = sizeof(message.labels[0]);

    (void)state;
    assert_true(passes(WIRE_STACK, &message, head + 2 * each));
    assert_false(passes(WIRE_STACK, &message, head + each));
    assert_false(passes(WIRE_STACK, &message, head + 3 * each));
    message.labels[1].key = WIRE_STRINGS_MAX + 1;
    assert_false(passes(WIRE_STACK, &message, head + 2 * each));
    message.labels[1].key = 1;
    message.labels[1].value = WIRE_STRINGS_MAX + 1;
    assert_false(passes(WIRE_STACK, &message, head + 2 * each));
    message.labels[1].value = 1;
    message.stack.n_labels = STACK_LABELS_MAX + 1;
    assert_false(passes(WIRE_STACK, &message, sizeof(message)));
    message.stack.n_labels = UINT32_MAX;
    assert_false(passes(WIRE_STACK, &message, head));
}

static bool sample_passes(struct sample sample)
{
    return passes(WIRE_PUT, &sample, sizeof(sample));
}

static void test_sample(void **state)
{
    (void)state;
    assert_true(sample_passes((struct sample){.id = 1, .owner = 2, .detail = WIRE_STRINGS_MAX}));
    assert_true(sample_passes((struct sample){.id = UINT64_MAX, .kind = SAMPLE_GOROUTINE}));
    assert_false(sample_passes((struct sample){.id = 0}));
    assert_false(sample_passes((struct sample){.id = 0, .kind = SAMPLE_GOROUTINE}));
    assert_false(sample_passes((struct sample){.id = UINT32_MAX}));
    assert_false(sample_passes((struct sample){.id = 1, .owner = UINT32_MAX}));
    assert_false(sample_passes((struct sample){.id = 1, .detail = WIRE_STRINGS_MAX + 1}));
    assert_false(sample_passes((struct sample){.id = 1, .kind = SAMPLE_KIND_MAX}));
    assert_false(sample_passes((struct sample){.id = 1, .object_kind = OBJECT_KIND_MAX}));
    assert_false(sample_passes((struct sample){.id = 1, .memory_bytes = UINT64_MAX}));
}

/* One bad sample spoils its message, wherever it is; so does part of one. */
static void test_put_and_drop(void **state)
{
    struct sample samples[3] = {{.id = 1}, {.id = 2}, {.id = 3}};
    struct wire_key keys[2] = {{.id = 1}, {.id = 2}};

    (void)state;
    assert_true(passes(WIRE_PUT, samples, sizeof(samples)));
    assert_false(passes(WIRE_PUT, samples, sizeof(samples) - 1));
    assert_false(passes(WIRE_PUT, samples, 0));
    samples[2].id = 0;
    assert_false(passes(WIRE_PUT, samples, sizeof(samples)));
    assert_true(passes(WIRE_DROP, keys, sizeof(keys)));
    assert_false(passes(WIRE_DROP, keys, sizeof(keys) + 1 - sizeof(keys[0])));
    keys[1].kind = SAMPLE_KIND_MAX;
    assert_false(passes(WIRE_DROP, keys, sizeof(keys)));
}

static void test_look(void **state)
{
    uint64_t time_ns = INT64_MAX;

    (void)state;
    assert_true(passes(WIRE_LOOK, &time_ns, sizeof(time_ns)));
    assert_false(passes(WIRE_LOOK, &time_ns, sizeof(time_ns) - 1));
    assert_false(probe_passes(WIRE_LOOK, &time_ns, sizeof(time_ns)));
    time_ns++;
    assert_false(passes(WIRE_LOOK, &time_ns, sizeof(time_ns)));
}

static void test_scan(void **state)
{
    const struct wire_scan good = {.number = 1, .runtime = "go", .runtime_version = "go1.19.8"};
    struct wire_scan scan = good;

    (void)state;
    assert_true(passes(WIRE_SCAN, &scan, sizeof(scan)));
    assert_false(passes(WIRE_SCAN, &scan, sizeof(scan) - 1));
    scan.number = 0;
    assert_false(passes(WIRE_SCAN, &scan, sizeof(scan)));
    scan = good;
    scan.time_ns = (uint64_t)INT64_MAX + 1;
    assert_false(passes(WIRE_SCAN, &scan, sizeof(scan)));
    scan = good;
    scan.has_goroutines = 2;
    assert_false(passes(WIRE_SCAN, &scan, sizeof(scan)));
    scan = good;
    scan.note = WIRE_STRINGS_MAX;
    assert_true(passes(WIRE_SCAN, &scan, sizeof(scan)));
    scan.note = WIRE_STRINGS_MAX + 1;
    assert_false(passes(WIRE_SCAN, &scan, sizeof(scan)));
    scan = good;
    strcpy(scan.runtime, "java");
    assert_false(passes(WIRE_SCAN, &scan, sizeof(scan)));
    memset(scan.runtime, 'n', sizeof(scan.runtime));
    assert_false(passes(WIRE_SCAN, &scan, sizeof(scan)));
    scan = good;
    memset(scan.runtime_version, 'v', sizeof(scan.runtime_version));
    assert_false(passes(WIRE_SCAN, &scan, sizeof(scan)));
}

static void test_target(void **state)
{
    const struct wire_target good = {.pid = 1, .up = 1, .analyst = 1, .comm = "x", .exe = "/x"};
    struct wire_target target = good;

    (void)state;
    assert_true(probe_passes(WIRE_TARGET, &target, sizeof(target)));
    target.index = RECORD_TARGETS_MAX;
    assert_false(probe_passes(WIRE_TARGET, &target, sizeof(target)));
    target = good;
    target.pid = 0;
    assert_false(probe_passes(WIRE_TARGET, &target, sizeof(target)));
    target = good;
    target.up = 2;
    assert_false(probe_passes(WIRE_TARGET, &target, sizeof(target)));
    target = good;
    memset(target.comm, 'c', sizeof(target.comm));
    assert_false(probe_passes(WIRE_TARGET, &target, sizeof(target)));
    target = good;
    memset(target.exe, 'e', sizeof(target.exe));
    assert_false(probe_passes(WIRE_TARGET, &target, sizeof(target)));
}

static void test_usage(void **state)
{
    const struct wire_usage usage = {.roles[ROLE_VERIFIER] = {WIRE_UNKNOWN, WIRE_UNKNOWN}};

    (void)state;
    assert_true(probe_passes(WIRE_USAGE, &usage, sizeof(usage)));
    assert_false(probe_passes(WIRE_USAGE, &usage, sizeof(usage) - 8));
    assert_false(passes(WIRE_USAGE, &usage, sizeof(usage)));
}

static void test_resources_and_counters(void **state)
{
    struct wire_resources resources = {.n_net = WIRE_NET_MAX};
    struct wire_counters counters = {.n_programs = WIRE_PROGRAMS_MAX};

    (void)state;
    assert_true(probe_passes(WIRE_RESOURCES, &resources, sizeof(resources)));
    assert_false(probe_passes(WIRE_RESOURCES, &resources, sizeof(resources) - 8));
    memset(resources.net[WIRE_NET_MAX - 1].device, 'd', sizeof(resources.net[0].device));
    assert_false(probe_passes(WIRE_RESOURCES, &resources, sizeof(resources)));
    resources = (struct wire_resources){.n_net = WIRE_NET_MAX + 1};
    assert_false(probe_passes(WIRE_RESOURCES, &resources, sizeof(resources)));
    resources = (struct wire_resources){.index = RECORD_TARGETS_MAX};
    assert_false(probe_passes(WIRE_RESOURCES, &resources, sizeof(resources)));
    assert_true(probe_passes(WIRE_COUNTERS, &counters, sizeof(counters)));
    memset(counters.programs[0].name, 'p', sizeof(counters.programs[0].name));
    assert_false(probe_passes(WIRE_COUNTERS, &counters, sizeof(counters)));
    counters = (struct wire_counters){.n_programs = WIRE_PROGRAMS_MAX + 1};
    assert_false(probe_passes(WIRE_COUNTERS, &counters, sizeof(counters)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header),
        cmocka_unit_test(test_sources),
        cmocka_unit_test(test_string),
        cmocka_unit_test(test_stack_bounds),
        cmocka_unit_test(test_stack_fields),
        cmocka_unit_test(test_stack_labels),
        cmocka_unit_test(test_sample),
        cmocka_unit_test(test_put_and_drop),
        cmocka_unit_test(test_look),
        cmocka_unit_test(test_scan),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_usage),
        cmocka_unit_test(test_resources_and_counters),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
