/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/json.h"

#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/example.h"

#define BAD "\xef\xbf\xbd"

static char *render(const struct report *report, size_t max, bool is_cut)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(json_write(report, max, out), is_cut);
    assert_int_equal(fclose(out), 0);
    assert_true(size <= max);
    return text;
}

static json_t *load(char *text)
{
    json_error_t error;
    json_t *json = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (!json)
        fail_msg("%s in line %d of:\n%s", error.text, error.line, text);
    free(text);
    return json;
}

/* Written and read again: no duplicate keys, valid UTF-8. */
static json_t *parse(const struct report *report)
{
    return load(render(report, JSON_MAX_NONE, false));
}

static json_t *target_of(json_t *json)
{
    return json_array_get(json_object_get(json, "targets"), 0);
}

static json_t *group_of(json_t *json, size_t index)
{
    return json_array_get(json_object_get(target_of(json), "groups"), index);
}

static const char *string_in(json_t *object, const char *name)
{
    const char *string = json_string_value(json_object_get(object, name));

    if (!string)
        fail_msg("%s is no string", name);
    return string;
}

static void assert_integer(json_t *object, const char *name, json_int_t expected)
{
    json_t *value = json_object_get(object, name);

    assert_true(json_is_integer(value));
    assert_int_equal(json_integer_value(value), expected);
}

static void assert_real(json_t *object, const char *name, double expected)
{
    json_t *value = json_object_get(object, name);

    assert_true(json_is_number(value));
    assert_true(json_number_value(value) == expected);
}

static void assert_json_null(json_t *object, const char *name)
{
    assert_true(json_is_null(json_object_get(object, name)));
}

static void target_has_its_fields(void **state)
{
    struct example example;
    json_t *target;
    json_t *json;

    (void)state;
    example_fill(&example);
    json = parse(&example.report);
    assert_string_equal(string_in(json, "parkwatch"), "0.1.0");
    assert_string_equal(string_in(json, "time"), "2020-09-13T15:38:40.500Z");
    assert_real(json, "threshold_seconds", 1);
    target = target_of(json);
    assert_string_equal(string_in(target, "target"), "recommendd");
    assert_integer(target, "pid", 4121);
    assert_string_equal(string_in(target, "exe"), "/usr/bin/recommendd");
    assert_string_equal(string_in(target, "start_time"), "2020-09-13T12:26:40.250Z");
    assert_string_equal(string_in(target, "runtime_version"), "go1.19.8");
    assert_true(json_is_null(json_object_get(target, "note")));
    assert_integer(json_object_get(target, "threads"), "total", 1024);
    assert_integer(json_object_get(target, "goroutines"), "parked", 14235);
    assert_int_equal(json_object_size(json_object_get(target, "losses")), 1);
    assert_integer(json_object_get(target, "losses"), "unwind_cut", 12);
    json_decref(json);
}

static void resources_are_numbers_or_null(void **state)
{
    struct example example;
    json_t *resources;
    json_t *json;

    (void)state;
    example_fill(&example);
    json = parse(&example.report);
    resources = json_object_get(target_of(json), "resources");
    assert_integer(resources, "resident_memory_bytes", 2040109465);
    assert_json_null(resources, "cgroup_memory_rss_bytes");
    assert_real(json_object_get(resources, "cpu_seconds"), "system", 0.25);
    assert_int_equal(json_array_size(json_object_get(resources, "network")), 1);
    json_decref(json);

    example.target.has_resources = false;
    json = parse(&example.report);
    resources = json_object_get(target_of(json), "resources");
    assert_json_null(resources, "resident_memory_bytes");
    assert_json_null(json_object_get(resources, "cpu_seconds"), "user");
    assert_int_equal(json_array_size(json_object_get(resources, "network")), 0);
    json_decref(json);
}

static void group_has_its_fields(void **state)
{
    struct example example;
    json_t *group;
    json_t *json;

    (void)state;
    example_fill(&example);
    example.stacks[0].n_labels = 1;
    example.stacks[0].labels = &(struct label){"tenant", "t1"};
    example.groups[0].oldest_ns = INT64_C(1234567891999);
    example.groups[0].at_most_ns = -1;
    json = parse(&example.report);
    group = group_of(json, 0);
    assert_string_equal(string_in(group, "kind"), "goroutine");
    assert_string_equal(string_in(group, "reason"), "chan send");
    assert_integer(group, "count", 14235);
    assert_real(group, "oldest_seconds", 1234.567891);
    assert_json_null(group, "oldest_seconds_at_most");
    assert_true(json_is_false(json_object_get(group, "idle")));
    assert_json_null(group, "idle_rule");
    assert_true(json_is_true(json_object_get(json_object_get(group, "growth"), "growing")));
    assert_integer(json_object_get(group, "created_by"), "line", 141);
    assert_string_equal(string_in(group_of(json, 2), "stack_id"), "0000000000003333");
    assert_string_equal(string_in(group_of(json, 2), "idle_rule"), "event loop");
    assert_json_null(group_of(json, 1), "created_by");
    assert_int_equal(json_object_size(json_object_get(group, "labels")), 1);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(group, "labels"), "tenant")), "t1");
    assert_true(json_is_object(json_object_get(group_of(json, 1), "labels")));
    json_decref(json);
}

static void waiters_are_listed_by_id(void **state)
{
    struct example example;
    json_t *ids;
    json_t *json;

    (void)state;
    example_fill(&example);
    json = parse(&example.report);
    ids = json_object_get(group_of(json, 0), "ids");
    assert_int_equal(json_array_size(ids), 2);
    assert_int_equal(json_integer_value(json_array_get(ids, 0)), 4711);
    assert_int_equal(json_integer_value(json_array_get(ids, 1)), 18);
    ids = json_object_get(group_of(json, 1), "ids");
    assert_int_equal(json_array_size(ids), 1);
    json_decref(json);
}

static void unknown_parts_of_frames_are_null(void **state)
{
    struct example example;
    json_t *frames;
    json_t *json;

    (void)state;
    example_fill(&example);
    json = parse(&example.report);
    frames = json_object_get(group_of(json, 1), "frames");
    assert_int_equal(json_array_size(frames), 4);
    assert_string_equal(string_in(json_array_get(frames, 0), "function"), "__lll_lock_wait");
    assert_json_null(json_array_get(frames, 3), "function");
    assert_json_null(json_array_get(frames, 3), "file");
    assert_json_null(json_array_get(frames, 3), "line");
    assert_string_equal(string_in(json_array_get(frames, 3), "module"), "libvendor.so");
    assert_string_equal(string_in(json_array_get(frames, 3), "address"), "0x7f0000012345");
    frames = json_object_get(group_of(json, 0), "frames");
    assert_true(json_is_true(json_object_get(json_array_get(frames, 1), "inlined")));
    json_decref(json);
}

static void waits_name_addresses_or_files(void **state)
{
    struct example example;
    json_t *wait;
    json_t *json;

    (void)state;
    example_fill(&example);
    json = parse(&example.report);
    assert_true(json_is_true(json_object_get(group_of(json, 0), "waits_on_same_detail")));
    assert_true(json_is_false(json_object_get(group_of(json, 1), "waits_on_same_detail")));
    wait = json_array_get(json_object_get(group_of(json, 1), "waits_on"), 0);
    assert_string_equal(string_in(wait, "address"), "0x55e0b86050a0");
    assert_integer(wait, "owner_tid", 4130);
    assert_json_null(wait, "fd");
    assert_json_null(wait, "detail");
    wait = json_array_get(json_object_get(group_of(json, 2), "waits_on"), 0);
    assert_json_null(wait, "address");
    assert_integer(wait, "fd", 5);
    assert_json_null(wait, "owner_tid");
    assert_string_equal(string_in(wait, "detail"), "anon_inode:[eventpoll]");
    json_decref(json);
}

static void deadlocks_list_their_members(void **state)
{
    struct example example;
    json_t *members;
    json_t *json;

    (void)state;
    example_fill(&example);
    json = parse(&example.report);
    members = json_object_get(json_array_get(json_object_get(target_of(json), "deadlocks"), 0),
                              "members");
    assert_int_equal(json_array_size(members), 2);
    assert_integer(json_array_get(members, 0), "tid", 4130);
    assert_integer(json_array_get(members, 0), "owner_tid", 4131);
    assert_string_equal(string_in(json_array_get(members, 1), "address"), "0x55e0b86050a0");
    json_decref(json);
}

static void target_not_scanned_has_nulls(void **state)
{
    struct target_report target = {.name = "new", .up = true};
    struct report report = {.version = "0.1.0", .n_targets = 1, .targets = &target};
    json_t *json = parse(&report);

    (void)state;
    assert_json_null(target_of(json), "runtime");
    assert_json_null(target_of(json), "goroutines");
    assert_json_null(json_object_get(target_of(json), "threads"), "total");
    assert_int_equal(json_array_size(json_object_get(target_of(json), "groups")), 0);
    json_decref(json);
}

static void hostile_names_stay_strings(void **state)
{
    struct example example;
    json_t *json;

    (void)state;
    example_fill(&example);
    strcpy(example.target.name, "\"},{\\\n");
    strcpy(example.target.comm, "fourteen bytes\xc3");
    example.leak_frames[0].function = "\033[1m\xff</script>";
    memcpy(example.target.resources.net[0].device, "0123456789abcdef", 16);
    json = parse(&example.report);
    assert_string_equal(string_in(target_of(json), "target"), "\"},{\\" BAD);
    assert_string_equal(string_in(target_of(json), "comm"), "fourteen bytes" BAD);
    assert_string_equal(
        string_in(json_array_get(json_object_get(group_of(json, 0), "frames"), 0), "function"),
        BAD "[1m" BAD "</script>");
    json_decref(json);
}

static void empty_report_is_valid(void **state)
{
    struct report report = {.version = "0.1.0"};
    json_t *json = parse(&report);

    (void)state;
    assert_int_equal(json_array_size(json_object_get(json, "targets")), 0);
    json_decref(json);
}

#define MANY 2000

/* Groups of 1, 2, ... waiters, most first. */
static void fill_many(const struct example *example, struct group ret_groups[static MANY])
{
    for (size_t i = 0; i < MANY; i++) {
        ret_groups[i] = example->groups[2];
        ret_groups[i].count = MANY - i;
    }
}

/* What is listed, from the first group on, and what is said to be left out are all there is. */
static size_t count_listed(json_t *target)
{
    json_t *groups = json_object_get(target, "groups");
    const json_int_t n = (json_int_t)json_array_size(groups);
    const json_int_t n_left_out = MANY - n;

    assert_integer(target, "groups_left_out", n_left_out);
    assert_integer(target, "waiters_left_out", n_left_out * (n_left_out + 1) / 2);
    for (json_int_t i = 0; i < n; i++)
        assert_integer(json_array_get(groups, (size_t)i), "count", MANY - i);
    return (size_t)n;
}

static void stays_within_a_bound(void **state)
{
    static struct group groups[MANY];
    struct example example;
    size_t whole, before = 0;
    json_t *json;
    char *text;

    (void)state;
    example_fill(&example);
    fill_many(&example, groups);
    example.target.groups = groups;
    example.target.n_groups = MANY;
    text = render(&example.report, JSON_MAX_NONE, false);
    whole = strlen(text);
    json = load(text);
    assert_int_equal(count_listed(target_of(json)), MANY);
    json_decref(json);
    /* What did not fit is that for which there was no room. */
    for (size_t max = 4096; max < whole; max += whole / 10) {
        json = load(render(&example.report, max, true));
        assert_true(before < count_listed(target_of(json)) || max == 4096);
        before = count_listed(target_of(json));
        assert_true(before * (whole / MANY) + 4096 > max || max == 4096);
        json_decref(json);
    }
    json = load(render(&example.report, whole + 4096, false));
    assert_int_equal(count_listed(target_of(json)), MANY);
    json_decref(json);
}

/* A target that would fill it leaves the others their part; they leave it what they do not need. */
static void targets_share_the_bound(void **state)
{
    static struct group groups[MANY];
    struct target_report targets[3];
    struct example example;
    size_t first, last;
    json_t *json;

    (void)state;
    example_fill(&example);
    fill_many(&example, groups);
    for (size_t i = 0; i < 3; i++)
        targets[i] = example.target;
    targets[0].groups = targets[2].groups = groups;
    targets[0].n_groups = targets[2].n_groups = MANY;
    example.report.targets = targets;
    example.report.n_targets = 3;
    json = load(render(&example.report, 300000, true));
    first = count_listed(json_array_get(json_object_get(json, "targets"), 0));
    assert_integer(json_array_get(json_object_get(json, "targets"), 1), "groups_left_out", 0);
    last = count_listed(json_array_get(json_object_get(json, "targets"), 2));
    assert_in_range(first, 1, MANY / 2);
    assert_in_range(last, first + 1, 2 * first);
    json_decref(json);
}

/* A cycle as long as that of a hostile program. */
static void deadlocks_are_within_the_bound(void **state)
{
    static struct deadlock_member members[MANY];
    struct deadlock deadlocks[2];
    struct example example;
    json_t *json;

    (void)state;
    example_fill(&example);
    deadlocks[0] = example.deadlock;
    deadlocks[1] = (struct deadlock){MANY, members};
    example.target.deadlocks = deadlocks;
    example.target.n_deadlocks = 2;
    json = load(render(&example.report, 32768, true));
    assert_integer(target_of(json), "deadlocks_left_out", 1);
    assert_int_equal(json_array_size(json_object_get(target_of(json), "deadlocks")), 1);
    assert_integer(target_of(json), "groups_left_out", 0);
    json_decref(json);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_has_its_fields),
        cmocka_unit_test(resources_are_numbers_or_null),
        cmocka_unit_test(group_has_its_fields),
        cmocka_unit_test(waiters_are_listed_by_id),
        cmocka_unit_test(unknown_parts_of_frames_are_null),
        cmocka_unit_test(waits_name_addresses_or_files),
        cmocka_unit_test(deadlocks_list_their_members),
        cmocka_unit_test(target_not_scanned_has_nulls),
        cmocka_unit_test(hostile_names_stay_strings),
        cmocka_unit_test(empty_report_is_valid),
        cmocka_unit_test(stays_within_a_bound),
        cmocka_unit_test(targets_share_the_bound),
        cmocka_unit_test(deadlocks_are_within_the_bound),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
