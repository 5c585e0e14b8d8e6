/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/example.h"
#include "utf8.h"

#define BAD "\xef\xbf\xbd"

static char *render(const struct report *report, unsigned width, bool terminal)
{
    struct text_options options = {.width = width, .terminal = terminal};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(text_write(report, &options, out), 0);
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

/* The whole report of one target, renders as people see it. */
static void reads_well(void **state)
{
    static const char expected[] =
        "recommendd · pid 4121 · go1.19.8 · up 3h12m · observed for 1.0s\n"
        "RSS 1.9 GiB   cgroup 2.1 GiB   CPU 0.4 %   net in 1.2 kB/s out 900 B/s   15,318 goroutines\n"
        "1,024 threads   40 open files\n"
        "\n"
        "14,246 waiters parked for 1s or more, in 2 stacks; 1,012 more are idle by design\n"
        "\n"
        "DEADLOCK: 2 threads wait for each other's locks\n"
        "    thread 4130 waits for 0x55e0b86050e0, held by thread 4131, in cache_refresh cache.c:88\n"
        "    thread 4131 waits for 0x55e0b86050a0, held by thread 4130\n"
        "\n"
        "14,235 goroutines   chan send    2h51m (at most 2h53m)   27.8 MiB\n"
        "       runtime.gopark              proc.go:364\n"
        "       main.fetchScores            recommend.go:153 (inlined)\n"
        "       created by main.recommend   recommend.go:141\n"
        "       on 14,235 channels, each unbuffered, open, with 1 sender and no receiver\n"
        "       newest 3.0s, growing: +12 in 30s\n"
        "\n"
        "    11 threads      futex lock   2h50m                     88 KiB\n"
        "       __lll_lock_wait        libc.so.6\n"
        "       pthread_mutex_lock     libc.so.6\n"
        "       cache_refresh          cache.c:88\n"
        "       libvendor.so+0x12345\n"
        "       on the mutex 0x55e0b86050a0, 10 waiters, held by thread 4130 (flush, parked 2h50m in\n"
        "         write)\n"
        "       on the mutex 0x55e0b86050e0, 1 waiter, held by thread 4131\n"
        "       re-waited 31 times after timeouts\n"
        "\n"
        "idle by design\n"
        " 1,012 threads   poll   3h12m   loop_run loop.c:9 (event loop)\n"
        "\n"
        "This report is incomplete:\n"
        "    12 stacks that end before their thread's first frame\n";
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    text = render(&example.report, 95, false);
    assert_string_equal(text, expected);
    free(text);
}

static void says_that_nothing_was_found(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    example.target.n_groups = 0;
    text = render(&example.report, 0, false);
    assert_contains(text, "\nno waiter has been parked for 1s or more\n");
    free(text);

    example.report.threshold_ns = 0;
    text = render(&example.report, 0, false);
    assert_contains(text, "\nno waiter is parked\n");
    free(text);

    example.target.n_groups = 1;
    example.target.groups = &example.groups[2];
    example.report.threshold_ns = (int64_t)EXAMPLE_S;
    text = render(&example.report, 0, false);
    assert_contains(text,
                    "\nno waiter has been parked for 1s or more, but 1,012 are idle by design\n");
    free(text);
}

static void a_refused_runtime_says_why(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    text = render(&example.report, 0, false);
    assert_lacks(text, "cannot be read");
    free(text);
    strcpy(example.target.note, "go1.39 is not known yet");
    text = render(&example.report, 0, false);
    assert_contains(text, "\nabout its goroutines: go1.39 is not known yet\n");
    free(text);
    strcpy(example.target.note, "go1.16.1 is older than 1.17");
    example.target.scan.has_goroutines = 0;
    text = render(&example.report, 0, false);
    assert_contains(text, "\nits goroutines cannot be read: go1.16.1 is older than 1.17\n");
    free(text);
}

static void one_is_singular(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    example.groups[1].count = 1;
    example.groups[1].rewaits = 1;
    example.groups[2].count = 1;
    example.groups[2].waits[0].count = 1;
    example.target.groups = &example.groups[1];
    example.target.n_groups = 2;
    example.report.threshold_ns = 0;
    text = render(&example.report, 0, false);
    assert_contains(text, "\n1 waiter parked, in 1 stack; 1 more is idle by design\n");
    assert_contains(text, "     1 thread   futex lock");
    assert_contains(text, "re-waited 1 time after");
    free(text);
}

static void ended_target_says_so(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    example.target.up = false;
    text = render(&example.report, 0, false);
    assert_contains(text, "· ended ·");
    assert_contains(text, "the target has ended; this is its last scan\n");
    free(text);

    example.target.scanned = false;
    example.target.n_groups = 0;
    text = render(&example.report, 0, false);
    assert_contains(text, "the target has ended\n");
    assert_lacks(text, "no waiter");
    free(text);
}

static void unknown_resources_are_left_out(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    example.target.resources.resident_bytes = WIRE_UNKNOWN;
    example.target.resources.open_fds = WIRE_UNKNOWN;
    example.target.cpu_ratio = -1;
    example.target.receive_rate = -1;
    example.target.scan.has_goroutines = 0;
    text = render(&example.report, 0, false);
    assert_contains(text, "\ncgroup 2.1 GiB   1,024 threads\n");
    free(text);
}

static void assert_age(struct example *example, int64_t estimate, int64_t at_least, int64_t at_most,
                       const char *expected)
{
    char *text;

    example->groups[0].oldest_ns = estimate;
    example->groups[0].at_least_ns = at_least;
    example->groups[0].at_most_ns = at_most;
    text = render(&example->report, 0, false);
    assert_contains(text, expected);
    free(text);
}

static void bounds_show_where_they_say_more(void **state)
{
    const int64_t s = (int64_t)EXAMPLE_S;
    const int64_t ms = (int64_t)EXAMPLE_MS;
    struct example example;

    (void)state;
    example_fill(&example);
    example.target.n_groups = 1;
    assert_age(&example, 600 * s, 600 * s, 720 * s + 1, "chan send   10m0s (at most 12m1s)   27");
    assert_age(&example, 600 * s, 1 * s, 600 * s, "chan send   10m0s   27");
    assert_age(&example, 250 * ms, 250 * ms, 251 * ms, "chan send   250ms   27");
    assert_age(&example, 600 * s - 1, 1 * s, 600 * s + 1, "chan send   9m59s   27");
    assert_age(&example, 60 * s, 12 * s, -1, "chan send   1m0s (at least 12s)   27");
    assert_age(&example, 12 * s, 12 * s, -1, "chan send   at least 12s   27");
}

static void waits_are_listed_or_summed(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    example.groups[0].same_detail = false;
    text = render(&example.report, 0, false);
    assert_contains(
        text,
        "on the channel 0xc000012060, unbuffered, open, with 1 sender and no receiver, 1 waiter\n");
    assert_contains(text, "and on 14,232 more\n");
    free(text);

    example.groups[0].n_objects = example.groups[0].count = GROUP_WAITS_MAX;
    text = render(&example.report, 0, false);
    assert_contains(text, "on 16 channels, each unbuffered");
    free(text);

    example.groups[0].waits[0].detail = NULL;
    text = render(&example.report, 0, false);
    assert_lacks(text, ", each");
    assert_contains(text, "and on 13 more\n");
    free(text);

    example.groups[2].idle_rule = NULL;
    text = render(&example.report, 0, false);
    assert_contains(text, "on fd 5 (anon_inode:[eventpoll])\n");
    free(text);
}

static void labels_are_shown(void **state)
{
    const struct label labels[] = {{"route", "/buy"}, {"tenant", "t1"}};
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    example.stacks[0].labels = labels;
    example.stacks[0].n_labels = 2;
    text = render(&example.report, 0, false);
    assert_contains(text, "labels route=/buy, tenant=t1\n");
    free(text);
}

static void long_stacks_lose_their_middle(void **state)
{
    struct frame frames[STACK_FRAMES_MAX];
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    for (size_t i = 0; i < STACK_FRAMES_MAX; i++)
        frames[i] = (struct frame){.module = "lib.so", .offset = 0x1000 + i};
    example.stacks[0].frames = frames;
    example.stacks[0].n_frames = STACK_FRAMES_MAX;
    text = render(&example.report, 0, false);
    assert_contains(text, "lib.so+0x1021\n       … 216 more frames\n       lib.so+0x10fa\n");
    assert_contains(text, "lib.so+0x10ff\n");
    free(text);

    example.stacks[0].n_frames = 40;
    text = render(&example.report, 0, false);
    assert_lacks(text, "more frames");
    free(text);
}

static void assert_lines_fit(const char *text, size_t width)
{
    char *copy = strdup(text);
    char *rest = NULL;

    for (char *line = strtok_r(copy, "\n", &rest); line; line = strtok_r(NULL, "\n", &rest))
        if (utf8_columns(line) > width)
            fail_msg("wider than %zu: %s", width, line);
    free(copy);
}

static void long_names_are_cut_to_the_width(void **state)
{
    static char name[WIRE_STRING_MAX];
    struct example example;
    char *text;

    (void)state;
    memset(name, 'x', sizeof(name) - 1);
    example_fill(&example);
    example.leak_frames[0].function = name;
    example.leak_frames[1].file = name;
    example.lock_frames[0].module = name;
    example.stacks[1].reason = name;
    example.groups[0].waits[0].detail = name;
    example.groups[1].waits[0].owner_text = name;
    memset(example.target.comm, 'c', sizeof(example.target.comm) - 1);
    text = render(&example.report, 80, false);
    assert_lines_fit(text, 80);
    assert_contains(text, "xx…xx");
    free(text);
    example.groups[2].count = UINT64_MAX;
    text = render(&example.report, 20, false);
    free(text);
    example.groups[2].count = 1;
    text = render(&example.report, 20, false);
    assert_lines_fit(text, 70);
    free(text);
    text = render(&example.report, 4000, false);
    assert_lines_fit(text, 400);
    free(text);
}

static void hostile_names_do_no_harm(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    strcpy(example.target.name, "\033]0;t\007\n\xc3");
    example.leak_frames[1].function = "f\033[2J\r\n\xe2\x80\xaeg";
    example.groups[0].waits[0].detail = "\xff\033c";
    strcpy(example.groups[2].site, "\033[1m\n");
    text = render(&example.report, 0, false);
    assert_lacks(text, "\033");
    assert_lacks(text, "\r");
    assert_lacks(text, "\xe2\x80\xae");
    assert_contains(text, BAD "]0;t" BAD BAD BAD " · pid");
    assert_contains(text, "f" BAD "[2J" BAD BAD BAD "g ");
    free(text);
}

static void styles_are_for_terminals(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    text = render(&example.report, 80, true);
    assert_contains(text, "\033[1mrecommendd");
    free(text);
    text = render(&example.report, 80, false);
    assert_lacks(text, "\033");
    free(text);
}

static void empty_report_is_empty(void **state)
{
    struct report report = {.version = "0.1.0"};
    char *text = render(&report, 0, false);

    (void)state;
    assert_string_equal(text, "");
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reads_well),
        cmocka_unit_test(says_that_nothing_was_found),
        cmocka_unit_test(a_refused_runtime_says_why),
        cmocka_unit_test(one_is_singular),
        cmocka_unit_test(ended_target_says_so),
        cmocka_unit_test(unknown_resources_are_left_out),
        cmocka_unit_test(bounds_show_where_they_say_more),
        cmocka_unit_test(waits_are_listed_or_summed),
        cmocka_unit_test(labels_are_shown),
        cmocka_unit_test(long_stacks_lose_their_middle),
        cmocka_unit_test(long_names_are_cut_to_the_width),
        cmocka_unit_test(hostile_names_do_no_harm),
        cmocka_unit_test(styles_are_for_terminals),
        cmocka_unit_test(empty_report_is_empty),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
