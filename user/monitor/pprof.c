/* SPDX-License-Identifier: Apache-2.0 */
/*
 * profile.proto, as github.com/google/pprof/proto/profile.proto and Go's runtime/pprof/proto.go
 * have it. What samples share (strings, functions, locations, mappings) is kept as the encoded
 * message without its id, each once; its id is its place in the pool.
 */
#include "monitor/pprof.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "human.h"
#include "monitor/gzip.h"
#include "monitor/pool.h"
#include "monitor/protobuf.h"
#include "table.h"

enum profile_field {
    PROFILE_SAMPLE_TYPE = 1,
    PROFILE_SAMPLE = 2,
    PROFILE_MAPPING = 3,
    PROFILE_LOCATION = 4,
    PROFILE_FUNCTION = 5,
    PROFILE_STRING = 6,
    PROFILE_TIME_NANOS = 9,
    PROFILE_PERIOD_TYPE = 11,
    PROFILE_PERIOD = 12,
    PROFILE_COMMENT = 13,
    PROFILE_DEFAULT_SAMPLE_TYPE = 14,
};

enum value_type_field { VALUE_TYPE_TYPE = 1, VALUE_TYPE_UNIT = 2 };

enum sample_field { SAMPLE_LOCATIONS = 1, SAMPLE_VALUES = 2, SAMPLE_LABEL = 3 };

enum label_field { LABEL_KEY = 1, LABEL_TEXT = 2, LABEL_NUMBER = 3, LABEL_UNIT = 4 };

enum mapping_field {
    MAPPING_FILE = 5,
    MAPPING_BUILD_ID = 6,
    MAPPING_HAS_FUNCTIONS = 7,
    MAPPING_HAS_FILES = 8,
    MAPPING_HAS_LINES = 9,
    MAPPING_HAS_INLINED = 10,
};

enum location_field { LOCATION_MAPPING = 2, LOCATION_ADDRESS = 3, LOCATION_LINE = 4 };

enum line_field { LINE_FUNCTION = 1, LINE_LINE = 2 };

enum function_field { FUNCTION_NAME = 2, FUNCTION_SYSTEM_NAME = 3, FUNCTION_FILE = 4 };

/* As Go has it: the singular of the one, the plural of the other. */
static const char *const type_names[SAMPLE_KIND_MAX] = {
    [SAMPLE_THREAD] = "threads",
    [SAMPLE_GOROUTINE] = "goroutine",
};

/* The number of a string, by where it stands: a million frames may share one of 4 KiB, which is not
 * looked at in each. What is beyond the bound is. */
struct known_string {
    const char *text; /* stays as it is as long as the profile */
    uint32_t number;
};

static struct table_key known_key(const void *element)
{
    const struct known_string *known = element;

    return (struct table_key){.low = (uintptr_t)known->text};
}

static const struct table_type known_type = {
    .size = sizeof(struct known_string),
    .max = 4 * WIRE_STRINGS_MAX,
    .key = known_key,
};

/* A profile in the making. The first failure is kept, and everything after it is void. */
struct profile {
    const struct target_report *target; /* whose samples are being added */
    enum sample_kind kind;
    bool names_targets;
    bool has_kind[SAMPLE_KIND_MAX]; /* among its samples */
    struct pool strings;
    struct table known; /* of them */
    struct pool mappings;
    struct pool functions;
    struct pool locations;
    struct protobuf samples;
    struct protobuf outer; /* scratch: a message */
    struct protobuf inner; /* and one within */
    int error;
};

static void profile_free(struct profile *profile)
{
    pool_free(&profile->strings);
    table_clear(&profile->known);
    pool_free(&profile->mappings);
    pool_free(&profile->functions);
    pool_free(&profile->locations);
    protobuf_free(&profile->samples);
    protobuf_free(&profile->outer);
    protobuf_free(&profile->inner);
}

static uint32_t keep(struct profile *profile, struct pool *pool, const void *bytes, size_t size)
{
    uint32_t number = 0;
    int r = pool_add(pool, bytes, size, &number);

    if (r && !profile->error)
        profile->error = r;
    return number;
}

/* The id of a message that is complete but for it. Ids start at 1: 0 is none. */
static uint64_t keep_message(struct profile *profile, struct pool *pool,
                             const struct protobuf *message)
{
    if (message->failed && !profile->error)
        profile->error = -ENOMEM;
    return (uint64_t)keep(profile, pool, message->bytes, message->size) + 1;
}

/* The string table starts with "", which stands for none. */
static uint64_t string_of(struct profile *profile, const char *text)
{
    struct known_string string = {.text = text};
    const struct known_string *known;

    if (!text)
        return 0;
    known = table_find(&profile->known, known_key(&string));
    if (known)
        return known->number;
    string.number = keep(profile, &profile->strings, text, strlen(text));
    /* Without memory for it, it is looked at again. */
    table_add(&profile->known, &string, NULL);
    return string.number;
}

static const char *base_of(const char *path)
{
    const char *slash = strrchr(path, '/');

    return slash ? slash + 1 : path;
}

/* The program itself by its path, which names the profile where it is shown; a library by the name
 * that is known of it. */
static uint64_t mapping_of(struct profile *profile, const char *module, const char *build_id)
{
    const char *exe = profile->target->exe;
    struct protobuf *message = &profile->inner;

    protobuf_reset(message);
    protobuf_number(message, MAPPING_FILE,
                    string_of(profile, strcmp(module, base_of(exe)) ? module : exe));
    protobuf_number(message, MAPPING_BUILD_ID, string_of(profile, build_id));
    /* Names were looked up: pprof is not to try it again. */
    protobuf_number(message, MAPPING_HAS_FUNCTIONS, 1);
    protobuf_number(message, MAPPING_HAS_FILES, 1);
    protobuf_number(message, MAPPING_HAS_LINES, 1);
    protobuf_number(message, MAPPING_HAS_INLINED, 1);
    return keep_message(profile, &profile->mappings, message);
}

static uint64_t function_of(struct profile *profile, const char *name, const char *file)
{
    struct protobuf *message = &profile->inner;

    protobuf_reset(message);
    protobuf_number(message, FUNCTION_NAME, string_of(profile, name));
    protobuf_number(message, FUNCTION_SYSTEM_NAME, string_of(profile, name));
    protobuf_number(message, FUNCTION_FILE, string_of(profile, file));
    return keep_message(profile, &profile->functions, message);
}

/* Adds a line to the location in `outer`. */
static void add_line(struct profile *profile, const char *function, const char *file, uint32_t line)
{
    uint64_t id = function_of(profile, function, file);
    struct protobuf *message = &profile->inner;

    protobuf_reset(message);
    protobuf_number(message, LINE_FUNCTION, id);
    protobuf_number(message, LINE_LINE, line);
    protobuf_bytes(&profile->outer, LOCATION_LINE, message->bytes, message->size);
}

/* The place of one frame and of those before it that are inlined into it, innermost first. A caller
 * is shown where its call is, before the return address. */
static uint64_t location_of(struct profile *profile, const struct frame *frames, size_t n,
                            bool is_caller)
{
    const struct frame *frame = &frames[n - 1];
    uint64_t address = frame->module ? frame->offset : frame->address;
    uint64_t mapping = frame->module ? mapping_of(profile, frame->module, frame->build_id) : 0;

    protobuf_reset(&profile->outer);
    protobuf_number(&profile->outer, LOCATION_MAPPING, mapping);
    protobuf_number(&profile->outer, LOCATION_ADDRESS, address - (is_caller && address));
    for (size_t i = 0; i < n; i++)
        if (frames[i].function)
            add_line(profile, frames[i].function, frames[i].file, frames[i].line);
    return keep_message(profile, &profile->locations, &profile->outer);
}

/* A waiter without a stack still has to stand somewhere, or pprof leaves it out. */
static uint64_t location_of_none(struct profile *profile, const char *site)
{
    protobuf_reset(&profile->outer);
    add_line(profile, site, NULL, 0);
    return keep_message(profile, &profile->locations, &profile->outer);
}

static size_t locations_of(struct profile *profile, const struct group *group,
                           uint64_t ret_ids[static STACK_FRAMES_MAX])
{
    const struct stack *stack = group->stack;
    size_t n = 0;

    for (size_t first = 0, i = 0; i < stack->n_frames && n < STACK_FRAMES_MAX; i++) {
        /* The outermost one has nothing to be inlined into. */
        if (stack->frames[i].inlined && i + 1 < stack->n_frames)
            continue;
        ret_ids[n++] = location_of(profile, &stack->frames[first], i + 1 - first, first > 0);
        first = i + 1;
    }
    if (!n)
        ret_ids[n++] = location_of_none(profile, group->site);
    return n;
}

/* Labels of the sample in `outer`. */
static void add_label(struct profile *profile, const char *key, const char *text)
{
    uint64_t key_id = string_of(profile, key);
    uint64_t text_id = string_of(profile, text);

    protobuf_reset(&profile->inner);
    protobuf_number(&profile->inner, LABEL_KEY, key_id);
    protobuf_number(&profile->inner, LABEL_TEXT, text_id);
    protobuf_bytes(&profile->outer, SAMPLE_LABEL, profile->inner.bytes, profile->inner.size);
}

static void add_age(struct profile *profile, const char *key, int64_t ns)
{
    uint64_t key_id = string_of(profile, key);
    uint64_t unit_id = string_of(profile, "nanoseconds");

    protobuf_reset(&profile->inner);
    protobuf_number(&profile->inner, LABEL_KEY, key_id);
    protobuf_number(&profile->inner, LABEL_NUMBER, (uint64_t)ns);
    protobuf_number(&profile->inner, LABEL_UNIT, unit_id);
    protobuf_bytes(&profile->outer, SAMPLE_LABEL, profile->inner.bytes, profile->inner.size);
}

static void add_labels(struct profile *profile, const struct group *group)
{
    const struct frame *creator = group->stack->creator;

    add_label(profile, "wait_reason", group->stack->reason);
    add_age(profile, "oldest", group->oldest_ns);
    if (group->idle_rule)
        add_label(profile, "idle", group->idle_rule);
    if (creator && creator->function)
        add_label(profile, "created_by", creator->function);
    for (uint32_t i = 0; i < group->stack->n_labels; i++)
        add_label(profile, group->stack->labels[i].key, group->stack->labels[i].value);
    if (profile->names_targets)
        add_label(profile, "target", profile->target->name);
}

/* How many values a sample has: one for each of the profile's kinds, in this order. */
static size_t kinds_of(enum sample_kind kind, enum sample_kind ret_kinds[static SAMPLE_KIND_MAX])
{
    if (kind != PPROF_ALL_KINDS) {
        ret_kinds[0] = kind;
        return 1;
    }
    ret_kinds[0] = SAMPLE_GOROUTINE;
    ret_kinds[1] = SAMPLE_THREAD;
    return SAMPLE_KIND_MAX;
}

static void add_values(struct profile *profile, const struct group *group)
{
    enum sample_kind kinds[SAMPLE_KIND_MAX];
    uint64_t values[SAMPLE_KIND_MAX];
    size_t n = kinds_of(profile->kind, kinds);

    for (size_t i = 0; i < n; i++)
        values[i] = group->stack->kind == kinds[i] ? group->count : 0;
    protobuf_numbers(&profile->outer, SAMPLE_VALUES, values, n);
}

static void add_group(struct profile *profile, const struct group *group)
{
    uint64_t locations[STACK_FRAMES_MAX];
    size_t n = locations_of(profile, group, locations);

    profile->has_kind[group->stack->kind] = true;
    protobuf_reset(&profile->outer);
    protobuf_numbers(&profile->outer, SAMPLE_LOCATIONS, locations, n);
    add_values(profile, group);
    add_labels(profile, group);
    protobuf_bytes(&profile->samples, PROFILE_SAMPLE, profile->outer.bytes, profile->outer.size);
}

/* The build id of the program itself, if any frame is of it. */
static const char *program_build_id(const struct target_report *target)
{
    const char *program = base_of(target->exe);

    for (size_t i = 0; i < target->n_groups; i++) {
        const struct stack *stack = target->groups[i].stack;

        for (size_t j = 0; j < stack->n_frames; j++)
            if (stack->frames[j].module && !strcmp(stack->frames[j].module, program))
                return stack->frames[j].build_id;
    }
    return NULL;
}

static void add_target(struct profile *profile, const struct target_report *target)
{
    profile->target = target;
    /* The first mapping is taken for the program. */
    if (*target->exe)
        mapping_of(profile, base_of(target->exe), program_build_id(target));
    for (size_t i = 0; i < target->n_groups; i++) {
        const struct group *group = &target->groups[i];

        if (profile->kind == PPROF_ALL_KINDS || group->stack->kind == profile->kind)
            add_group(profile, group);
    }
}

static void put_type(struct profile *profile, struct protobuf *out, enum profile_field field,
                     enum sample_kind kind)
{
    uint64_t type = string_of(profile, type_names[kind]);
    uint64_t unit = string_of(profile, "count");

    protobuf_reset(&profile->inner);
    protobuf_number(&profile->inner, VALUE_TYPE_TYPE, type);
    protobuf_number(&profile->inner, VALUE_TYPE_UNIT, unit);
    protobuf_bytes(out, field, profile->inner.bytes, profile->inner.size);
}

/* What pprof shows unless asked for another: goroutines, where there are any. */
static enum sample_kind default_kind(const struct profile *profile)
{
    if (profile->kind != PPROF_ALL_KINDS)
        return profile->kind;
    return profile->has_kind[SAMPLE_GOROUTINE] || !profile->has_kind[SAMPLE_THREAD]
               ? SAMPLE_GOROUTINE
               : SAMPLE_THREAD;
}

/* Says what the samples are; adds to the strings. */
static void put_head(struct profile *profile, const struct report *report, struct protobuf *out)
{
    enum sample_kind kinds[SAMPLE_KIND_MAX];
    size_t n = kinds_of(profile->kind, kinds);
    char comment[128];

    for (size_t i = 0; i < n; i++)
        put_type(profile, out, PROFILE_SAMPLE_TYPE, kinds[i]);
    put_type(profile, out, PROFILE_PERIOD_TYPE, kinds[0]);
    protobuf_number(out, PROFILE_PERIOD, 1);
    protobuf_number(out, PROFILE_DEFAULT_SAMPLE_TYPE,
                    string_of(profile, type_names[default_kind(profile)]));
    protobuf_number(out, PROFILE_TIME_NANOS, (uint64_t)(report->time * 1e9));
    snprintf(comment, sizeof(comment), "parkwatch %s: waiters parked for %s or more",
             report->version, human_exact(report->threshold_ns).text);
    protobuf_number(out, PROFILE_COMMENT, string_of(profile, comment));
}

static void put_entries(const struct pool *pool, struct protobuf *out, enum profile_field field)
{
    for (uint32_t i = 0; i < pool->n; i++) {
        size_t size;
        const void *bytes = pool_get(pool, i, &size);

        protobuf_entry(out, field, (uint64_t)i + 1, bytes, size);
    }
}

static void put_profile(struct profile *profile, const struct report *report, struct protobuf *out)
{
    put_head(profile, report, out);
    /* They are encoded as they are to be. */
    protobuf_append(out, profile->samples.bytes, profile->samples.size);
    put_entries(&profile->mappings, out, PROFILE_MAPPING);
    put_entries(&profile->locations, out, PROFILE_LOCATION);
    put_entries(&profile->functions, out, PROFILE_FUNCTION);
    for (uint32_t i = 0; i < profile->strings.n; i++) {
        size_t size;
        const void *bytes = pool_get(&profile->strings, i, &size);

        protobuf_bytes(out, PROFILE_STRING, bytes, size);
    }
    if (out->failed || profile->samples.failed || profile->outer.failed || profile->inner.failed)
        profile->error = -ENOMEM;
}

static int write_gzipped(const struct protobuf *message, FILE *out)
{
    AUTO_FREE void *packed = NULL;
    size_t size;
    int r;

    r = gzip_compress(message->bytes, message->size, &packed, &size);
    if (r < 0)
        return r;
    return fwrite(packed, 1, size, out) == size ? 0 : -EIO;
}

int pprof_write(const struct report *report, const char *target, enum sample_kind kind, FILE *out)
{
    CLEANUP(profile_free)
    struct profile profile = {.kind = kind, .names_targets = !target && report->n_targets > 1};
    CLEANUP(protobuf_free) struct protobuf message = {0};
    bool is_found = !target;

    table_init(&profile.known, &known_type);
    string_of(&profile, "");
    for (size_t i = 0; i < report->n_targets; i++) {
        if (target && strcmp(target, report->targets[i].name))
            continue;
        is_found = true;
        add_target(&profile, &report->targets[i]);
    }
    if (!is_found)
        return -ENOENT;
    put_profile(&profile, report, &message);
    return profile.error ? profile.error : write_gzipped(&message, out);
}
