/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/history_json.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "monitor/example.h"

#define START_MS   INT64_C(1600000000000)
#define INTERVAL_S 5

static const struct history_about about = {
    .version = "0.1.0",
    .telemetry_path = "/m",
    .time_ms = START_MS + 99500,
    .threshold_ns = 30 * (int64_t)EXAMPLE_S,
};

struct scene {
    struct history history;
    struct example example;
};

/* The example, read and scanned `seconds` after the start. */
static void take(struct scene *scene, unsigned seconds)
{
    struct target_report *target = &scene->example.target;
    const struct history_clock clock = {(1000 + seconds) * EXAMPLE_S, START_MS + seconds * 1000};

    target->resources.time_ns = clock.now_ns;
    target->scan.time_ns = clock.now_ns;
    target->scan.number++;
    assert_int_equal(history_take(&scene->history, target, &clock), 0);
}

static int set_up(void **state)
{
    struct scene *scene = test_calloc(1, sizeof(*scene));

    history_init(&scene->history, INTERVAL_S * EXAMPLE_S);
    example_fill(&scene->example);
    *state = scene;
    return 0;
}

static int tear_down(void **state)
{
    struct scene *scene = *state;

    history_free(&scene->history);
    test_free(scene);
    return 0;
}

/* Written and read again. */
static json_t *parse(const struct scene *scene, const struct history_query *query)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    json_error_t error;
    json_t *json;

    assert_int_equal(history_write(&scene->history, &about, query, out), 0);
    assert_int_equal(fclose(out), 0);
    json = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!json)
        fail_msg("%s in line %d of:\n%s", error.text, error.line, text);
    free(text);
    return json;
}

static json_t *parse_all(const struct scene *scene)
{
    return parse(scene, &(struct history_query){0});
}

static json_t *target_of(json_t *json, size_t index)
{
    json_t *target = json_array_get(json_object_get(json, "targets"), index);

    assert_true(json_is_object(target));
    return target;
}

static double number_in(json_t *object, const char *name)
{
    json_t *value = json_object_get(object, name);

    if (!json_is_number(value))
        fail_msg("%s is no number", name);
    return json_number_value(value);
}

static void assert_text(json_t *object, const char *name, const char *expected)
{
    assert_string_equal(json_string_value(json_object_get(object, name)), expected);
}

/* Compares an array with numbers, of which -1 stands for null. */
static void assert_array(json_t *object, const char *name, size_t n, const double *expected)
{
    json_t *array = json_object_get(object, name);

    assert_int_equal(json_array_size(array), n);
    for (size_t i = 0; i < n; i++) {
        json_t *value = json_array_get(array, i);

        if (json_is_null(value) ? expected[i] != -1 : json_number_value(value) != expected[i])
            fail_msg("%s[%zu] is %f", name, i, json_number_value(value));
    }
}

#define ASSERT_ARRAY(object, name, ...)                                                            \
    assert_array(object, name, sizeof((double[]){__VA_ARGS__}) / sizeof(double),                   \
                 (const double[]){__VA_ARGS__})

static void has_what_the_page_needs(void **state)
{
    struct scene *scene = *state;
    json_t *target, *json;

    take(scene, 0);
    json = parse_all(scene);
    assert_text(json, "parkwatch", "0.1.0");
    assert_true(number_in(json, "time") == 1600000099.5);
    assert_true(number_in(json, "interval_seconds") == 5);
    assert_true(number_in(json, "threshold_seconds") == 30);
    assert_text(json, "telemetry_path", "/m");
    target = target_of(json, 0);
    assert_text(target, "target", "recommendd");
    assert_text(target, "runtime", "go");
    assert_true(number_in(target, "pid") == 4121);
    assert_true(json_is_true(json_object_get(target, "up")));
    assert_true(number_in(target, "since") == 1600000000);
    assert_true(number_in(target, "moves") == 0);
    assert_true(json_is_null(json_object_get(target, "ended")));
    json_decref(json);
}

static void has_all_columns(void **state)
{
    struct scene *scene = *state;
    struct target_report *target = &scene->example.target;
    json_t *shown, *json;

    take(scene, 0);
    target->resources.resident_bytes = 5;
    target->cpu_ratio = 1.23456;
    target->receive_rate = -1;
    target->transmit_rate = 7.6;
    target->threads_parked = 3;
    target->scan.has_goroutines = 0;
    take(scene, 5);
    json = parse_all(scene);
    shown = target_of(json, 0);
    ASSERT_ARRAY(shown, "times", 1600000000, 1600000005);
    ASSERT_ARRAY(shown, "resident_memory_bytes", 2040109465, 5);
    ASSERT_ARRAY(shown, "cgroup_memory_usage_bytes", 2254857830, 2254857830);
    ASSERT_ARRAY(shown, "cgroup_memory_rss_bytes", -1, -1);
    ASSERT_ARRAY(shown, "cpu_cores", 0.004, 1.2346);
    ASSERT_ARRAY(shown, "network_receive_bytes_per_second", 1234, -1);
    ASSERT_ARRAY(shown, "network_transmit_bytes_per_second", 900, 8);
    ASSERT_ARRAY(shown, "threads", 1024, 1024);
    ASSERT_ARRAY(shown, "goroutines", 15318, -1);
    ASSERT_ARRAY(shown, "parked_threads", 1023, 3);
    ASSERT_ARRAY(shown, "parked_goroutines", 14235, -1);
    json_decref(json);
}

static void has_sites_by_their_waiters(void **state)
{
    struct scene *scene = *state;
    struct group *groups = scene->example.groups;
    json_t *sites, *json;

    scene->example.target.n_groups = 2;
    groups[1].count = 20000;
    take(scene, 0);
    scene->example.target.n_groups = 3;
    groups[1].count = 0;
    take(scene, 5);
    json = parse_all(scene);
    sites = json_object_get(target_of(json, 0), "sites");
    assert_int_equal(json_array_size(sites), 3);
    assert_text(json_array_get(sites, 0), "site", "main.fetchScores recommend.go:153");
    assert_text(json_array_get(sites, 0), "kind", "goroutine");
    assert_text(json_array_get(sites, 0), "reason", "chan send");
    ASSERT_ARRAY(json_array_get(sites, 0), "counts", 14235, 14235);
    assert_text(json_array_get(sites, 1), "kind", "thread");
    assert_true(json_is_false(json_object_get(json_array_get(sites, 1), "idle")));
    ASSERT_ARRAY(json_array_get(sites, 1), "counts", 20000, 0);
    assert_text(json_array_get(sites, 2), "site", "loop_run loop.c:9");
    assert_true(json_is_true(json_object_get(json_array_get(sites, 2), "idle")));
    ASSERT_ARRAY(json_array_get(sites, 2), "counts", 0, 1012);
    json_decref(json);
}

static void has_the_rest_as_other(void **state)
{
    struct scene *scene = *state;
    struct group groups[RANKING_SITES_MAX + 2];
    json_t *sites, *other, *json;

    for (size_t i = 0; i < RANKING_SITES_MAX + 2; i++) {
        groups[i] = (struct group){.stack = &scene->example.stacks[1], .count = 100 - i};
        snprintf(groups[i].site, sizeof(groups[i].site), "f%zu", i);
    }
    scene->example.target.groups = groups;
    scene->example.target.n_groups = RANKING_SITES_MAX + 2;
    take(scene, 0);
    json = parse_all(scene);
    sites = json_object_get(target_of(json, 0), "sites");
    assert_int_equal(json_array_size(sites), RANKING_SITES_MAX + 1);
    other = json_array_get(sites, RANKING_SITES_MAX);
    assert_text(other, "site", "other");
    assert_true(json_is_null(json_object_get(other, "kind")));
    assert_true(json_is_null(json_object_get(other, "reason")));
    ASSERT_ARRAY(other, "counts", 88 + 87);
    json_decref(json);
}

static void a_gap_is_a_row_of_nulls(void **state)
{
    struct scene *scene = *state;
    json_t *target, *json;

    take(scene, 0);
    take(scene, 40);
    json = parse_all(scene);
    target = target_of(json, 0);
    ASSERT_ARRAY(target, "times", 1600000000, 1600000005, 1600000040);
    ASSERT_ARRAY(target, "threads", 1024, -1, 1024);
    ASSERT_ARRAY(target, "cpu_cores", 0.004, -1, 0.004);
    ASSERT_ARRAY(target, "resident_memory_bytes", 2040109465, -1, 2040109465);
    ASSERT_ARRAY(json_array_get(json_object_get(target, "sites"), 0), "counts", 14235, -1, 14235);
    json_decref(json);
}

static void gives_what_is_later(void **state)
{
    struct scene *scene = *state;
    json_t *json;

    take(scene, 0);
    take(scene, 40);
    take(scene, 45);
    json = parse(scene, &(struct history_query){.since_ms = START_MS});
    ASSERT_ARRAY(target_of(json, 0), "times", 1600000005, 1600000040, 1600000045);
    json_decref(json);
    json = parse(scene, &(struct history_query){.since_ms = START_MS + 40000});
    ASSERT_ARRAY(target_of(json, 0), "times", 1600000045);
    assert_int_equal(json_array_size(json_object_get(target_of(json, 0), "sites")), 3);
    json_decref(json);
    json = parse(scene, &(struct history_query){.since_ms = START_MS + 45000});
    assert_int_equal(json_array_size(json_object_get(target_of(json, 0), "times")), 0);
    assert_int_equal(json_array_size(json_object_get(target_of(json, 0), "threads")), 0);
    json_decref(json);
}

static void gives_a_point_once_it_has_settled(void **state)
{
    struct scene *scene = *state;
    struct history_clock clock = {1005 * EXAMPLE_S, START_MS + 5000};
    json_t *json;

    take(scene, 0);
    scene->example.target.resources.time_ns = clock.now_ns;
    assert_int_equal(history_take(&scene->history, &scene->example.target, &clock), 0);
    json = parse_all(scene);
    ASSERT_ARRAY(target_of(json, 0), "times", 1600000000);
    json_decref(json);
}

static void an_ended_target_is_still_there(void **state)
{
    struct scene *scene = *state;
    struct history_clock clock = {1007 * EXAMPLE_S, START_MS + 7000};
    json_t *json;

    take(scene, 0);
    scene->example.target.up = false;
    assert_int_equal(history_take(&scene->history, &scene->example.target, &clock), 0);
    json = parse_all(scene);
    assert_true(json_is_false(json_object_get(target_of(json, 0), "up")));
    assert_true(number_in(target_of(json, 0), "ended") == 1600000007);
    ASSERT_ARRAY(target_of(json, 0), "times", 1600000000);
    json_decref(json);
}

static void gives_one_target(void **state)
{
    struct scene *scene = *state;
    const struct history_query query = {.target = "b\"<"};
    json_t *json;

    take(scene, 0);
    scene->example.target.pid++;
    snprintf(scene->example.target.name, sizeof(scene->example.target.name), "b\"<");
    take(scene, 1);
    json = parse_all(scene);
    assert_int_equal(json_array_size(json_object_get(json, "targets")), 2);
    json_decref(json);
    json = parse(scene, &query);
    assert_int_equal(json_array_size(json_object_get(json, "targets")), 1);
    assert_text(target_of(json, 0), "target", "b\"<");
    json_decref(json);
}

static void refuses_a_target_that_is_not_there(void **state)
{
    struct scene *scene = *state;
    const struct history_query query = {.target = "other"};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    take(scene, 0);
    assert_int_equal(history_write(&scene->history, &about, &query, out), -ENOENT);
    fclose(out);
    assert_int_equal(size, 0);
    free(text);
}

static void none_are_an_empty_list(void **state)
{
    json_t *json = parse_all(*state);

    assert_int_equal(json_array_size(json_object_get(json, "targets")), 0);
    json_decref(json);
}

#define WITH_SCENE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SCENE(has_what_the_page_needs),
        WITH_SCENE(has_all_columns),
        WITH_SCENE(has_sites_by_their_waiters),
        WITH_SCENE(has_the_rest_as_other),
        WITH_SCENE(a_gap_is_a_row_of_nulls),
        WITH_SCENE(gives_what_is_later),
        WITH_SCENE(gives_a_point_once_it_has_settled),
        WITH_SCENE(an_ended_target_is_still_there),
        WITH_SCENE(gives_one_target),
        WITH_SCENE(refuses_a_target_that_is_not_there),
        WITH_SCENE(none_are_an_empty_list),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
