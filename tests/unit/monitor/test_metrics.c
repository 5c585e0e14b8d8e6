/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/metrics.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <unistd.h>

#include <cmocka.h>

#include "loss.h"
#include "monitor/example.h"
#include "utf8.h"

#define BAD       "\xef\xbf\xbd"
#define LINES_MAX 8192

static const struct metrics_self self = {
    .cpu_seconds = 1.5,
    .resident_bytes = 1048576,
    .virtual_bytes = 2097152,
    .open_fds = -1,
    .max_fds = 1024,
    .threads = 2,
    .start_time = 1600000000.25,
};

static char *render(const struct report *report, enum metrics_format format)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(metrics_write(report, &self, format, out), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void assert_contains(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("no \"%s\" in:\n%s", part, text);
}

static void assert_lacks(const char *text, const char *part)
{
    if (strstr(text, part))
        fail_msg("\"%s\" in:\n%s", part, text);
}

static const char *skip_name(const char *at)
{
    assert_true(isalpha(*at) || *at == '_');
    while (isalnum(*at) || *at == '_')
        at++;
    return at;
}

/* Past a label value: escapes are one of three, no raw quote, no control character. */
static const char *skip_value(const char *at)
{
    assert_int_equal(*at++, '"');
    for (; *at != '"'; at++) {
        assert_true((unsigned char)*at >= 0x20);
        if (*at == '\\') {
            at++;
            assert_true(*at == '\\' || *at == '"' || *at == 'n');
        }
    }
    return at + 1;
}

/* Returns the end of a sample's name and labels, after checking its form. */
static const char *skip_series(const char *at)
{
    at = skip_name(at);
    if (*at == '{') {
        do
            at = skip_value(skip_name(at + 1) + 1);
        while (*at == ',');
        assert_int_equal(*at++, '}');
    }
    assert_int_equal(*at, ' ');
    return at;
}

/* What may follow a family's name in a sample's. */
static bool is_suffix(const char *rest)
{
    static const char *const suffixes[] = {"", "_total", "_bucket", "_sum", "_count"};
    size_t length = strcspn(rest, "{ ");

    for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++)
        if (strlen(suffixes[i]) == length && strncmp(rest, suffixes[i], length) == 0)
            return true;
    return false;
}

static void assert_sample(const char *line, const char *family)
{
    const char *end = skip_series(line);
    char *number_end;

    assert_int_equal(strncmp(line, family, strlen(family)), 0);
    assert_true(is_suffix(line + strlen(family)));
    strtod(end + 1, &number_end);
    assert_true(number_end > end + 1 && *number_end == '\0');
}

static int compare_lines(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Splits in place. Returns the number of lines. */
static size_t split(char *text, char *lines[static LINES_MAX])
{
    char *rest = NULL;
    size_t n = 0;

    for (char *line = strtok_r(text, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest)) {
        assert_true(n < LINES_MAX);
        lines[n++] = line;
    }
    return n;
}

/* Every sample follows its own family's head, no family comes twice, no series comes twice. */
static void assert_valid(const char *text)
{
    char *copy = strdup(text);
    char **lines = calloc(LINES_MAX, sizeof(*lines));
    char **series = calloc(LINES_MAX, sizeof(*series));
    size_t n = split(copy, lines);
    size_t n_series = 0;
    char family[128] = "";

    for (size_t i = 0; i < n; i++) {
        if (lines[i][0] == '#') {
            if (sscanf(lines[i], "# TYPE %127s", family) == 1)
                series[n_series++] = lines[i];
            continue;
        }
        assert_sample(lines[i], family);
        *(char *)skip_series(lines[i]) = '\0';
        series[n_series++] = lines[i];
    }
    qsort(series, n_series, sizeof(*series), compare_lines);
    for (size_t i = 1; i < n_series; i++)
        assert_string_not_equal(series[i - 1], series[i]);
    free(series);
    free(lines);
    free(copy);
}

static void exports_all_families(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    text = render(&example.report, METRICS_TEXT);
    assert_valid(text);
    assert_contains(text, "\nparkwatch_build_info{version=\"0.1.0\"} 1\n" + 1);
    assert_contains(text, "\nparkwatch_threshold_seconds 1\n");
    assert_contains(text, "\nparkwatch_target_up{target=\"recommendd\"} 1\n");
    assert_contains(text, "\nparkwatch_target_start_time_seconds{target=\"recommendd\"} "
                          "1600000000.25\n");
    assert_contains(text, "\nparkwatch_parked{target=\"recommendd\",kind=\"goroutine\","
                          "reason=\"chan send\",stack_id=\"1111111111111111\","
                          "site=\"main.fetchScores recommend.go:153\"} 14235\n");
    assert_contains(text, "\nparkwatch_parked{target=\"recommendd\",kind=\"thread\","
                          "reason=\"idle\",stack_id=\"other\",site=\"other\"} 1012\n");
    assert_contains(text, "site=\"other\"} 11520\n");
    assert_contains(text, "stack=\"runtime.gopark;main.fetchScores\"");
    assert_contains(text,
                    "\nparkwatch_goroutines{target=\"recommendd\",state=\"waiting\"} 15316\n");
    assert_contains(text, "\nparkwatch_target_cpu_seconds_total{target=\"recommendd\","
                          "mode=\"system\"} 0.25\n");
    assert_contains(text, "\nparkwatch_bpf_run_seconds_total{program=\"on_switch\"} 0.0000015\n");
    assert_contains(text, "\nparkwatch_role_cpu_seconds_total{role=\"reader\"} 0.25\n");
    assert_contains(text, "\nparkwatch_role_resident_memory_bytes{role=\"monitor\"} 4096\n");
    assert_lacks(text, "role=\"verifier\"");
    assert_contains(text, "\nprocess_start_time_seconds 1600000000.25\n");
    assert_lacks(text, "EOF");
    assert_lacks(text, "# UNIT");
    free(text);
}

static void histograms_add_up(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    text = render(&example.report, METRICS_TEXT);
    assert_contains(text, "reason=\"poll\",le=\"0.001\"} 5\n");
    assert_contains(text, "reason=\"poll\",le=\"1.0\"} 7\n");
    assert_contains(text, "reason=\"poll\",le=\"86400.0\"} 7\n");
    assert_contains(text, "reason=\"poll\",le=\"+Inf\"} 8\n");
    assert_contains(text, "_sum{target=\"recommendd\",reason=\"poll\"} 90000.5\n");
    assert_contains(text, "_count{target=\"recommendd\",reason=\"poll\"} 8\n");
    assert_lacks(text, "reason=\"sleep\"");
    assert_contains(text, "source=\"goroutines\",le=\"0.1\"} 1\n");
    free(text);
}

/* Counts of an exporter that looped once for each of them, at the scrape, kept it busy for ever
 * (OBI CVE-2026-45680): as many as there can be cost no more than a few. */
static void counters_that_jump_cost_nothing(void **state)
{
    struct example example;
    uint64_t *counts = (uint64_t *)&example.target.counters.parks;
    size_t length;
    char *text;

    (void)state;
    example_fill(&example);
    text = render(&example.report, METRICS_TEXT);
    length = strlen(text);
    free(text);
    for (size_t i = 0; i < sizeof(example.target.counters.parks) / sizeof(*counts); i++)
        counts[i] = counts[i] ? UINT64_MAX / RECORD_BUCKETS - i : 0;
    alarm(10);
    text = render(&example.report, METRICS_TEXT);
    alarm(0);
    assert_valid(text);
    assert_in_range(strlen(text), length, 2 * length);
    free(text);
}

static void openmetrics_differs_in_form_only(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    text = render(&example.report, METRICS_OPENMETRICS);
    assert_valid(text);
    assert_contains(text, "\n# TYPE parkwatch_long_parks counter\n");
    assert_contains(text, "\nparkwatch_long_parks_total{target=\"recommendd\"} 3\n");
    assert_contains(text, "\n# UNIT parkwatch_target_cpu_seconds seconds\n");
    assert_contains(text, "\n# UNIT parkwatch_parked_memory_bytes bytes\n");
    assert_contains(text, "le=\"1.0\"");
    assert_string_equal(text + strlen(text) - 7, "\n# EOF\n");
    free(text);
}

static void unknown_is_left_out(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    example.target.resources.swap_bytes = WIRE_UNKNOWN;
    example.target.resources.cpu_user_us = WIRE_UNKNOWN;
    example.target.scan.has_goroutines = 0;
    text = render(&example.report, METRICS_TEXT);
    assert_lacks(text, "\nparkwatch_target_swap_bytes{");
    assert_lacks(text, "\nparkwatch_target_cgroup_memory_rss_bytes{");
    assert_lacks(text, "mode=\"user\"");
    assert_lacks(text, "\nparkwatch_goroutines{");
    assert_lacks(text, "\nprocess_open_fds ");
    free(text);

    example.target.scanned = false;
    example.target.has_resources = false;
    text = render(&example.report, METRICS_TEXT);
    assert_valid(text);
    assert_lacks(text, "\nparkwatch_threads{");
    assert_lacks(text, "\nparkwatch_deadlocks{");
    assert_lacks(text, "\nparkwatch_target_network_receive_bytes_total{");
    free(text);
}

static void losses_are_there_from_the_start(void **state)
{
    struct target_report target = {.name = "new", .up = true};
    struct report report = {.version = "0.1.0", .n_targets = 1, .targets = &target};
    char *text = render(&report, METRICS_TEXT);

    (void)state;
    for (int i = 0; i < LOSS_MAX; i++) {
        char line[128];

        snprintf(line, sizeof(line), "\nparkwatch_losses_total{target=\"new\",what=\"%s\"} 0\n",
                 loss_name((enum loss)i));
        assert_contains(text, line);
    }
    free(text);
}

static void ended_target_is_only_down(void **state)
{
    struct example example;
    char *text;
    char *at;

    (void)state;
    example_fill(&example);
    example.target.up = false;
    text = render(&example.report, METRICS_TEXT);
    assert_valid(text);
    at = strstr(text, "recommendd");
    assert_non_null(at);
    assert_contains(text, "\nparkwatch_target_up{target=\"recommendd\"} 0\n");
    assert_null(strstr(at + 1, "recommendd"));
    free(text);
}

static void hostile_names_are_escaped(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    strcpy(example.target.name, "a\"b\\c\nd");
    strcpy(example.target.comm, "fourteen bytes\xc3"); /* cut inside a character */
    example.leak_frames[0].function = "std::vector<T, \"x\">\033[1m;\xff";
    example.stacks[0].reason = "\"} 1\nparkwatch_parked 7";
    memcpy(example.target.resources.net[0].device, "0123456789abcde\xff", 16);
    text = render(&example.report, METRICS_TEXT);
    assert_valid(text);
    assert_contains(text, "target=\"a\\\"b\\\\c" BAD "d\"");
    assert_contains(text, "comm=\"fourteen bytes" BAD "\"");
    assert_contains(text, "stack=\"std::vector<T, \\\"x\\\">" BAD "[1m:" BAD ";main.fetchScores\"");
    assert_contains(text, "reason=\"\\\"} 1" BAD "parkwatch_parked 7\"");
    assert_contains(text, "device=\"0123456789abcde" BAD "\"");
    free(text);
}

static void no_series_comes_twice(void **state)
{
    struct target_report targets[3];
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    example.groups[2].has_series = true;
    example.stacks[2].id = example.stacks[1].id;
    example.target.resources.n_net = 3;
    example.target.resources.net[0] = (struct wire_net){"\xfe", 1, 10};
    example.target.resources.net[1] = (struct wire_net){"eth0", 2, 20};
    example.target.resources.net[2] = (struct wire_net){"\xff", 3, 30};
    for (int i = 0; i < 3; i++)
        targets[i] = example.target;
    strcpy(targets[0].name, "x#2");
    strcpy(targets[1].name, "x");
    strcpy(targets[2].name, "x");
    example.report.targets = targets;
    example.report.n_targets = 3;
    text = render(&example.report, METRICS_TEXT);
    assert_valid(text);
    assert_contains(text, "parkwatch_target_up{target=\"x#3\"} 1\n");
    assert_contains(text, "receive_bytes_total{target=\"x\",device=\"" BAD "\"} 4\n");
    free(text);
}

static void stack_label_is_cut_at_a_character(void **state)
{
    static char name[WIRE_STRING_MAX];
    struct example example;
    const char *label;
    const char *end;
    char *text;

    (void)state;
    name[0] = 'x';
    for (size_t i = 1; i + 2 < sizeof(name); i += 2)
        memcpy(name + i, "ä", 2);
    example_fill(&example);
    example.leak_frames[1].function = name;
    text = render(&example.report, METRICS_TEXT);
    assert_valid(text);
    label = strstr(text, "stack=\"") + strlen("stack=\"");
    end = strchr(label, '"');
    assert_in_range(end - label, 997, 1000);
    assert_memory_equal(end - 2, "ä", 2);
    free(text);
}

static void many_groups_are_bounded(void **state)
{
    enum { GROUPS = 1000, OWN = 50, IDLE = 150 };
    struct stack *stacks = calloc(GROUPS, sizeof(*stacks));
    struct group *groups = calloc(GROUPS, sizeof(*groups));
    struct example example;
    size_t own = 0;
    char *text;

    (void)state;
    example_fill(&example);
    for (size_t i = 0; i < GROUPS; i++) {
        stacks[i] = example.stacks[1];
        stacks[i].id = i;
        groups[i] = (struct group){
            .stack = &stacks[i],
            .count = 2,
            .has_series = i < OWN,
            .idle_rule = i < IDLE ? "sleep" : NULL,
        };
    }
    example.target.groups = groups;
    example.target.n_groups = GROUPS;
    text = render(&example.report, METRICS_TEXT);
    assert_valid(text);
    for (char *at = text; (at = strstr(at, "\nparkwatch_parked{")); at++)
        own++;
    assert_int_equal(own, OWN + 2);
    assert_contains(text, "reason=\"other\",stack_id=\"other\",site=\"other\"} 1700\n");
    assert_contains(text, "reason=\"idle\",stack_id=\"other\",site=\"other\"} 200\n");
    free(text);
    free(groups);
    free(stacks);
}

static void empty_report_is_valid(void **state)
{
    struct report report = {.version = "0.1.0"};
    char *text = render(&report, METRICS_OPENMETRICS);

    (void)state;
    assert_valid(text);
    assert_contains(text, "parkwatch_build_info");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(exports_all_families),
        cmocka_unit_test(histograms_add_up),
        cmocka_unit_test(counters_that_jump_cost_nothing),
        cmocka_unit_test(openmetrics_differs_in_form_only),
        cmocka_unit_test(unknown_is_left_out),
        cmocka_unit_test(losses_are_there_from_the_start),
        cmocka_unit_test(ended_target_is_only_down),
        cmocka_unit_test(hostile_names_are_escaped),
        cmocka_unit_test(no_series_comes_twice),
        cmocka_unit_test(stack_label_is_cut_at_a_character),
        cmocka_unit_test(many_groups_are_bounded),
        cmocka_unit_test(empty_report_is_valid),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
