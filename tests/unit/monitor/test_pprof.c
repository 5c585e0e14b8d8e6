/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of user/monitor/pprof.c, protobuf.c and pool.c: what they write is read back by a reader of
 * its own, written from the description of the format.
 */
#include "monitor/pprof.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <zlib.h>

#include "clock.h"
#include "monitor/example.h"
#include "monitor/pool.h"
#include "monitor/protobuf.h"

#define UNPACKED_MAX (64 * 1024 * 1024)
#define ENTRIES_MAX  1024

/* Bytes, or one field of a message. */
struct span {
    const uint8_t *at;
    const uint8_t *end;
};

struct field {
    unsigned number;
    unsigned type;
    uint64_t value;   /* of type 0 */
    struct span span; /* of type 2 */
};

/* A profile as read: messages by the place they came in, strings likewise. */
struct profile {
    uint8_t *bytes;
    size_t size;
    size_t n_strings;
    char *strings[ENTRIES_MAX];
    size_t n_messages[16]; /* by field number */
    struct span messages[16][ENTRIES_MAX];
    uint64_t numbers[16];
};

static uint64_t read_varint(struct span *span)
{
    uint64_t value = 0;

    for (unsigned shift = 0; shift < 64; shift += 7) {
        assert_true(span->at < span->end);
        value |= (uint64_t)(*span->at & 0x7f) << shift;
        if (!(*span->at++ & 0x80))
            return value;
    }
    fail_msg("a number of more than ten bytes");
    return 0;
}

static bool read_field(struct span *span, struct field *ret_field)
{
    uint64_t tag, length;

    if (span->at == span->end)
        return false;
    tag = read_varint(span);
    *ret_field = (struct field){.number = (unsigned)(tag >> 3), .type = tag & 7};
    if (ret_field->type == 0) {
        ret_field->value = read_varint(span);
        return true;
    }
    assert_int_equal(ret_field->type, 2);
    length = read_varint(span);
    assert_true(length <= (uint64_t)(span->end - span->at));
    ret_field->span = (struct span){span->at, span->at + length};
    span->at += length;
    return true;
}

/* The first field of this number; one of number 0 if there is none. */
static struct field find(struct span message, unsigned number)
{
    struct field field;

    while (read_field(&message, &field))
        if (field.number == number)
            return field;
    return (struct field){0};
}

static uint64_t number_of(struct span message, unsigned number)
{
    return find(message, number).value;
}

/* The nth number of a packed field. */
static uint64_t packed(struct span message, unsigned field, size_t n)
{
    struct span span = find(message, field).span;
    uint64_t value = 0;

    for (size_t i = 0; i <= n; i++)
        value = read_varint(&span);
    return value;
}

static size_t count_packed(struct span message, unsigned field)
{
    struct span span = find(message, field).span;
    size_t n = 0;

    for (; span.at < span.end; n++)
        read_varint(&span);
    return n;
}

static void read_profile(struct profile *profile)
{
    struct span span = {profile->bytes, profile->bytes + profile->size};
    struct field field;

    while (read_field(&span, &field)) {
        assert_in_range(field.number, 1, 15);
        if (field.type == 0) {
            profile->numbers[field.number] = field.value;
            continue;
        }
        assert_true(profile->n_messages[field.number] < ENTRIES_MAX);
        profile->messages[field.number][profile->n_messages[field.number]++] = field.span;
        if (field.number != 6)
            continue;
        profile->strings[profile->n_strings++] =
            strndup((const char *)field.span.at, (size_t)(field.span.end - field.span.at));
    }
}

static void unpack(const void *bytes, size_t size, struct profile *profile)
{
    z_stream stream = {.next_in = (z_const Bytef *)bytes, .avail_in = (uInt)size};

    profile->bytes = malloc(UNPACKED_MAX);
    assert_non_null(profile->bytes);
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    stream.next_out = profile->bytes;
    stream.avail_out = UNPACKED_MAX;
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    profile->size = stream.total_out;
    inflateEnd(&stream);
}

static struct profile *profile_of(const struct report *report, const char *target,
                                  enum sample_kind kind)
{
    struct profile *profile = calloc(1, sizeof(*profile));
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&bytes, &size);

    assert_non_null(out);
    assert_non_null(profile);
    assert_int_equal(pprof_write(report, target, kind, out), 0);
    assert_int_equal(fclose(out), 0);
    unpack(bytes, size, profile);
    free(bytes);
    read_profile(profile);
    assert_string_equal(profile->strings[0], "");
    return profile;
}

static void profile_free(struct profile *profile)
{
    for (size_t i = 0; i < profile->n_strings; i++)
        free(profile->strings[i]);
    free(profile->bytes);
    free(profile);
}

static const char *string_of(const struct profile *profile, uint64_t index)
{
    assert_true(index < profile->n_strings);
    return profile->strings[index];
}

/* The message with this id among those of a field: mappings, locations, functions. */
static struct span by_id(const struct profile *profile, unsigned field, uint64_t id)
{
    for (size_t i = 0; i < profile->n_messages[field]; i++)
        if (number_of(profile->messages[field][i], 1) == id)
            return profile->messages[field][i];
    fail_msg("no %u with id %llu", field, (unsigned long long)id);
    return (struct span){0};
}

/* The nth location of a sample. */
static struct span location_of(const struct profile *profile, size_t sample, size_t n)
{
    return by_id(profile, 4, packed(profile->messages[2][sample], 1, n));
}

static const char *mapping_of(const struct profile *profile, struct span location)
{
    uint64_t id = number_of(location, 2);

    return id ? string_of(profile, number_of(by_id(profile, 3, id), 5)) : NULL;
}

/* Checks the nth line of a location. */
static void expect_line(const struct profile *profile, struct span location, size_t n,
                        const char *function, const char *file, uint64_t line)
{
    struct field field;
    struct span at;

    while (read_field(&location, &field))
        if (field.number == 4 && n-- == 0)
            break;
    assert_int_equal(field.number, 4);
    assert_int_equal(number_of(field.span, 2), line);
    at = by_id(profile, 5, number_of(field.span, 1));
    assert_string_equal(string_of(profile, number_of(at, 2)), function);
    assert_string_equal(string_of(profile, number_of(at, 3)), function);
    assert_string_equal(string_of(profile, number_of(at, 4)), file);
}

static size_t count_lines(struct span location)
{
    struct field field;
    size_t n = 0;

    while (read_field(&location, &field))
        n += field.number == 4;
    return n;
}

/* The label with this key, or one of number 0. */
static struct span label_of(const struct profile *profile, size_t sample, const char *key)
{
    struct span message = profile->messages[2][sample];
    struct field field;

    while (read_field(&message, &field))
        if (field.number == 3 && !strcmp(string_of(profile, number_of(field.span, 1)), key))
            return field.span;
    return (struct span){0};
}

static const char *text_label(const struct profile *profile, size_t sample, const char *key)
{
    struct span label = label_of(profile, sample, key);

    return label.at ? string_of(profile, number_of(label, 2)) : NULL;
}

static void expect_type(const struct profile *profile, unsigned field, size_t n, const char *type)
{
    struct span message = profile->messages[field][n];

    assert_string_equal(string_of(profile, number_of(message, 1)), type);
    assert_string_equal(string_of(profile, number_of(message, 2)), "count");
}

static void goroutines_have_the_shape_of_gos_own_profile(void **state)
{
    struct example example;
    struct profile *profile;

    (void)state;
    example_fill(&example);
    profile = profile_of(&example.report, "recommendd", SAMPLE_GOROUTINE);
    assert_int_equal(profile->n_messages[1], 1);
    expect_type(profile, 1, 0, "goroutine");
    expect_type(profile, 11, 0, "goroutine");
    assert_int_equal(profile->numbers[12], 1);
    assert_true(profile->numbers[9] == UINT64_C(1600011520500000000));
    assert_string_equal(string_of(profile, profile->numbers[13]),
                        "parkwatch 0.1.0: waiters parked for 1s or more");
    assert_int_equal(profile->n_messages[2], 1);
    assert_int_equal(packed(profile->messages[2][0], 2, 0), 14235);
    assert_int_equal(count_packed(profile->messages[2][0], 2), 1);
    profile_free(profile);
}

static void samples_have_locations_and_labels(void **state)
{
    struct example example;
    struct profile *profile;
    struct span location;

    (void)state;
    example_fill(&example);
    example.stacks[0].n_labels = 1;
    example.stacks[0].labels = &(struct label){"tenant", "t1"};
    profile = profile_of(&example.report, NULL, SAMPLE_GOROUTINE);
    assert_int_equal(count_packed(profile->messages[2][0], 1), 2);
    location = location_of(profile, 0, 0);
    assert_int_equal(number_of(location, 3), 0x43a2d6);
    assert_string_equal(mapping_of(profile, location), "/usr/bin/recommendd");
    expect_line(profile, location, 0, "runtime.gopark", "/usr/lib/go-1.19/src/runtime/proc.go",
                364);
    location = location_of(profile, 0, 1);
    assert_int_equal(number_of(location, 3), 0x499c7a - 1);
    expect_line(profile, location, 0, "main.fetchScores", "/src/recommend.go", 153);
    assert_string_equal(text_label(profile, 0, "wait_reason"), "chan send");
    assert_string_equal(text_label(profile, 0, "created_by"), "main.recommend");
    assert_string_equal(text_label(profile, 0, "tenant"), "t1");
    assert_null(text_label(profile, 0, "idle"));
    assert_null(text_label(profile, 0, "target"));
    assert_true(number_of(label_of(profile, 0, "oldest"), 3) == 10260 * EXAMPLE_S);
    profile_free(profile);
}

static void inlined_frames_share_the_location_they_are_inlined_into(void **state)
{
    struct example example;
    struct profile *profile;

    (void)state;
    example_fill(&example);
    example.leak_frames[0].inlined = 1;
    example.leak_frames[1].inlined = 0;
    profile = profile_of(&example.report, NULL, SAMPLE_GOROUTINE);
    assert_int_equal(count_packed(profile->messages[2][0], 1), 1);
    assert_int_equal(count_lines(location_of(profile, 0, 0)), 2);
    assert_int_equal(number_of(location_of(profile, 0, 0), 3), 0x499c7a);
    expect_line(profile, location_of(profile, 0, 0), 0, "runtime.gopark",
                "/usr/lib/go-1.19/src/runtime/proc.go", 364);
    expect_line(profile, location_of(profile, 0, 0), 1, "main.fetchScores", "/src/recommend.go",
                153);
    profile_free(profile);
}

static const char *build_id_of(const struct profile *profile, size_t mapping)
{
    return string_of(profile, number_of(profile->messages[3][mapping], 6));
}

static void mappings_have_build_ids(void **state)
{
    struct example example;
    struct profile *profile;

    (void)state;
    example_fill(&example);
    for (size_t i = 0; i < 2; i++)
        example.leak_frames[i].build_id = "0123ef";
    profile = profile_of(&example.report, NULL, SAMPLE_GOROUTINE);
    /* The program's, which comes first whoever waits, is not there twice. */
    assert_int_equal(profile->n_messages[3], 1);
    assert_string_equal(build_id_of(profile, 0), "0123ef");
    profile_free(profile);

    /* Two files of one name. */
    example.leak_frames[1].build_id = "ab";
    profile = profile_of(&example.report, NULL, SAMPLE_GOROUTINE);
    assert_int_equal(profile->n_messages[3], 2);
    assert_string_equal(build_id_of(profile, 0), "0123ef");
    assert_string_equal(build_id_of(profile, 1), "ab");
    profile_free(profile);
}

static void threads_have_a_profile_of_their_own(void **state)
{
    struct example example;
    struct profile *profile;
    struct span location;

    (void)state;
    example_fill(&example);
    profile = profile_of(&example.report, NULL, SAMPLE_THREAD);
    expect_type(profile, 1, 0, "threads");
    assert_int_equal(profile->n_messages[2], 2);
    assert_int_equal(packed(profile->messages[2][0], 2, 0), 11);
    assert_int_equal(packed(profile->messages[2][1], 2, 0), 1012);
    assert_string_equal(text_label(profile, 1, "idle"), "event loop");
    /* A frame without a name keeps its module and address. */
    location = location_of(profile, 0, 3);
    assert_int_equal(count_lines(location), 0);
    assert_int_equal(number_of(location, 3), 0x12345 - 1);
    assert_string_equal(mapping_of(profile, location), "libvendor.so");
    profile_free(profile);
}

static void all_kinds_have_a_value_each(void **state)
{
    struct example example;
    struct profile *profile;

    (void)state;
    example_fill(&example);
    profile = profile_of(&example.report, NULL, PPROF_ALL_KINDS);
    assert_int_equal(profile->n_messages[1], 2);
    expect_type(profile, 1, 0, "goroutine");
    expect_type(profile, 1, 1, "threads");
    assert_string_equal(string_of(profile, profile->numbers[14]), "goroutine");
    assert_int_equal(profile->n_messages[2], 3);
    assert_int_equal(packed(profile->messages[2][0], 2, 0), 14235);
    assert_int_equal(packed(profile->messages[2][0], 2, 1), 0);
    assert_int_equal(packed(profile->messages[2][1], 2, 0), 0);
    assert_int_equal(packed(profile->messages[2][1], 2, 1), 11);
    profile_free(profile);
}

static void a_program_without_goroutines_shows_its_threads(void **state)
{
    struct example example;
    struct profile *profile;

    (void)state;
    example_fill(&example);
    example.target.groups = &example.groups[1];
    example.target.n_groups = 2;
    profile = profile_of(&example.report, NULL, PPROF_ALL_KINDS);
    assert_int_equal(profile->n_messages[1], 2);
    assert_string_equal(string_of(profile, profile->numbers[14]), "threads");
    profile_free(profile);
}

static void several_targets_are_told_apart_by_a_label(void **state)
{
    struct target_report targets[2];
    struct example example;
    struct profile *profile;

    (void)state;
    example_fill(&example);
    targets[0] = targets[1] = example.target;
    strcpy(targets[1].name, "recommendd:4150");
    example.report.targets = targets;
    example.report.n_targets = 2;
    profile = profile_of(&example.report, NULL, SAMPLE_GOROUTINE);
    assert_int_equal(profile->n_messages[2], 2);
    assert_string_equal(text_label(profile, 0, "target"), "recommendd");
    assert_string_equal(text_label(profile, 1, "target"), "recommendd:4150");
    /* The same program: nothing is there twice. */
    assert_int_equal(profile->n_messages[3], 1);
    assert_int_equal(profile->n_messages[4], 2);
    assert_int_equal(profile->n_messages[5], 2);
    profile_free(profile);

    profile = profile_of(&example.report, "recommendd:4150", SAMPLE_GOROUTINE);
    assert_int_equal(profile->n_messages[2], 1);
    assert_null(text_label(profile, 0, "target"));
    profile_free(profile);
}

static void nothing_parked_is_an_empty_profile(void **state)
{
    struct report report = {.version = "0.1.0", .time = 1};
    struct example example;
    struct profile *profile;

    (void)state;
    profile = profile_of(&report, NULL, SAMPLE_GOROUTINE);
    expect_type(profile, 1, 0, "goroutine");
    assert_int_equal(profile->n_messages[2], 0);
    profile_free(profile);

    example_fill(&example);
    example.target.n_groups = 0;
    profile = profile_of(&example.report, "recommendd", PPROF_ALL_KINDS);
    assert_int_equal(profile->n_messages[2], 0);
    profile_free(profile);
}

static void stack_without_frames_stands_at_its_site(void **state)
{
    struct example example;
    struct profile *profile;

    (void)state;
    example_fill(&example);
    example.stacks[0].n_frames = 0;
    strcpy(example.groups[0].site, "[unknown]");
    profile = profile_of(&example.report, NULL, SAMPLE_GOROUTINE);
    assert_int_equal(count_packed(profile->messages[2][0], 1), 1);
    expect_line(profile, location_of(profile, 0, 0), 0, "[unknown]", "", 0);
    profile_free(profile);
}

static void names_are_kept_as_they_are(void **state)
{
    static char long_name[WIRE_STRING_MAX + 1];
    struct example example;
    struct profile *profile;

    (void)state;
    memset(long_name, 'x', WIRE_STRING_MAX);
    example_fill(&example);
    example.leak_frames[0].function = "\"; \\ %s {{.}} <b> \xef\xbf\xbd";
    example.leak_frames[0].file = "";
    example.leak_frames[1].function = long_name;
    example.leak_frames[1].line = UINT32_MAX;
    example.leak_frames[1].offset = UINT64_MAX;
    profile = profile_of(&example.report, NULL, SAMPLE_GOROUTINE);
    expect_line(profile, location_of(profile, 0, 0), 0, example.leak_frames[0].function, "", 364);
    expect_line(profile, location_of(profile, 0, 1), 0, long_name, "/src/recommend.go", UINT32_MAX);
    assert_true(number_of(location_of(profile, 0, 1), 3) == UINT64_MAX - 1);
    profile_free(profile);
}

static void the_longest_stack_is_whole(void **state)
{
    static struct frame frames[STACK_FRAMES_MAX];
    struct example example;
    struct profile *profile;

    (void)state;
    example_fill(&example);
    for (size_t i = 0; i < STACK_FRAMES_MAX; i++)
        frames[i] = (struct frame){.function = "f", .address = i};
    example.stacks[0].frames = frames;
    example.stacks[0].n_frames = STACK_FRAMES_MAX;
    profile = profile_of(&example.report, NULL, SAMPLE_GOROUTINE);
    assert_int_equal(count_packed(profile->messages[2][0], 1), STACK_FRAMES_MAX);
    assert_int_equal(number_of(location_of(profile, 0, 255), 3), 254);
    assert_null(mapping_of(profile, location_of(profile, 0, 255)));
    profile_free(profile);
}

static void failures_are_reported(void **state)
{
    struct example example;
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    example_fill(&example);
    assert_int_equal(pprof_write(&example.report, NULL, SAMPLE_THREAD, full), -EIO);
    assert_int_equal(pprof_write(&example.report, "recommend", SAMPLE_THREAD, full), -ENOENT);
    assert_int_equal(pprof_write(&example.report, "", SAMPLE_THREAD, full), -ENOENT);
    fclose(full);
}

static void numbers_are_varints(void **state)
{
    static const uint8_t expected[] = {
        0x08, 0x96, 0x01,                                                 /* 1: 150 */
        0x10, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, /* 2: -1 */
        0x22, 0x06, 0x03, 0x8e, 0x02, 0x9e, 0xa7, 0x05,                   /* 4: packed */
        0x82, 0x01, 0x02, 'h',  'i',                                      /* 16: "hi" */
        0x2a, 0x05, 0x08, 0xac, 0x02, 'a',  'b',                          /* 5: 300, "ab" */
    };
    struct protobuf message = {0};

    (void)state;
    protobuf_number(&message, 1, 150);
    protobuf_number(&message, 2, UINT64_MAX);
    protobuf_number(&message, 3, 0);
    protobuf_numbers(&message, 4, (const uint64_t[]){3, 270, 86942}, 3);
    protobuf_bytes(&message, 16, "hi", 2);
    protobuf_entry(&message, 5, 300, "ab", 2);
    assert_false(message.failed);
    assert_int_equal(message.size, sizeof(expected));
    assert_memory_equal(message.bytes, expected, sizeof(expected));
    protobuf_free(&message);
}

static void pool_numbers_each_string_once(void **state)
{
    struct pool pool = {0};
    uint32_t number;
    size_t size;

    (void)state;
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < 10000; i++) {
            assert_int_equal(pool_add(&pool, &i, sizeof(i), &number), 0);
            assert_int_equal(number, i);
        }
    }
    assert_int_equal(pool.n, 10000);
    assert_int_equal(pool_add(&pool, NULL, 0, &number), 0);
    assert_int_equal(number, 10000);
    assert_int_equal(pool_add(&pool, "", 0, &number), 0);
    assert_int_equal(number, 10000);
    assert_memory_equal(pool_get(&pool, 77, &size), &(uint32_t){77}, sizeof(uint32_t));
    assert_int_equal(size, sizeof(uint32_t));
    pool_free(&pool);
}

#define MANY_GROUPS 4096

/* CPU time of a profile of many stacks whose frames all share one name. */
static uint64_t time_of(const char *name)
{
    static struct group groups[MANY_GROUPS];
    struct frame frames[16];
    struct stack stack = {
        .kind = SAMPLE_THREAD, .reason = "poll", .n_frames = 16, .frames = frames};
    struct example example;
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&bytes, &size);
    uint64_t start;

    example_fill(&example);
    for (size_t i = 0; i < 16; i++)
        frames[i] = (struct frame){.function = name, .file = name, .module = name, .address = i};
    for (size_t i = 0; i < MANY_GROUPS; i++)
        groups[i] = (struct group){.stack = &stack, .count = 1};
    example.target.groups = groups;
    example.target.n_groups = MANY_GROUPS;
    start = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    assert_int_equal(pprof_write(&example.report, NULL, SAMPLE_THREAD, out), 0);
    start = clock_ns(CLOCK_PROCESS_CPUTIME_ID) - start;
    fclose(out);
    free(bytes);
    return start;
}

/* A target chooses how long its names are; what they cost is not that times its frames. */
static void long_names_are_looked_at_once(void **state)
{
    static char name[WIRE_STRING_MAX + 1];
    uint64_t brief;

    (void)state;
    memset(name, 'n', WIRE_STRING_MAX);
    brief = time_of("n");
    assert_true(time_of(name) < 5 * brief);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(goroutines_have_the_shape_of_gos_own_profile),
        cmocka_unit_test(samples_have_locations_and_labels),
        cmocka_unit_test(inlined_frames_share_the_location_they_are_inlined_into),
        cmocka_unit_test(mappings_have_build_ids),
        cmocka_unit_test(threads_have_a_profile_of_their_own),
        cmocka_unit_test(all_kinds_have_a_value_each),
        cmocka_unit_test(a_program_without_goroutines_shows_its_threads),
        cmocka_unit_test(several_targets_are_told_apart_by_a_label),
        cmocka_unit_test(nothing_parked_is_an_empty_profile),
        cmocka_unit_test(stack_without_frames_stands_at_its_site),
        cmocka_unit_test(names_are_kept_as_they_are),
        cmocka_unit_test(the_longest_stack_is_whole),
        cmocka_unit_test(failures_are_reported),
        cmocka_unit_test(numbers_are_varints),
        cmocka_unit_test(pool_numbers_each_string_once),
        cmocka_unit_test(long_names_are_looked_at_once),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
