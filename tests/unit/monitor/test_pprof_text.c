/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/pprof_text.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/example.h"

static void expect(const struct report *report, const char *target, enum sample_kind kind,
                   enum pprof_text text, const char *expected)
{
    char *bytes = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&bytes, &size);

    assert_non_null(out);
    assert_int_equal(pprof_text_write(report, target, kind, text, out), 0);
    assert_int_equal(fclose(out), 0);
    assert_string_equal(bytes, expected);
    free(bytes);
}

static void counts_by_stack(void **state)
{
    struct example example;

    (void)state;
    example_fill(&example);
    example.leak_frames[1].inlined = 0;
    expect(&example.report, NULL, SAMPLE_GOROUTINE, PPROF_TEXT_COUNTS,
           "goroutine profile: total 14235\n"
           "14235 @ 0x43a2d6 0x499c7a\n"
           "# labels: {\"wait_reason\":\"chan send\"}\n"
           "#\t0x499c7a\tmain.fetchScores\t/src/recommend.go:153\n"
           "\n");
    expect(&example.report, "recommendd", SAMPLE_THREAD, PPROF_TEXT_COUNTS,
           "threads profile: total 1023\n"
           "11 @ 0x7f01 0x7f02 0x4a11 0x7f0000012345\n"
           "# labels: {\"wait_reason\":\"futex lock\"}\n"
           "#\t0x7f01\t__lll_lock_wait\n"
           "#\t0x7f02\tpthread_mutex_lock\n"
           "#\t0x4a11\tcache_refresh\tcache.c:88\n"
           "#\t0x7f0000012345\tlibvendor.so+0x12345\n"
           "\n"
           "1012 @ 0x7f03 0x0\n"
           "# labels: {\"wait_reason\":\"poll\"}\n"
           "#\t0x7f03\tepoll_wait\n"
           "#\t0x0\tloop_run\tloop.c:9\n"
           "\n");
}

static void labels_follow_the_reason(void **state)
{
    static const struct label labels[] = {{"shard \"7\"", "a\\b"}, {"tenant", ""}};
    struct example example;

    (void)state;
    example_fill(&example);
    example.stacks[0].n_frames = 0;
    example.stacks[0].labels = labels;
    example.stacks[0].n_labels = 2;
    expect(&example.report, NULL, SAMPLE_GOROUTINE, PPROF_TEXT_COUNTS,
           "goroutine profile: total 14235\n"
           "14235 @ 0x0\n"
           "# labels: {\"wait_reason\":\"chan send\", \"shard \\\"7\\\"\":\"a\\\\b\", "
           "\"tenant\":\"\"}\n"
           "\n");
}

/* A report of 65,536 stacks that are long, 16 of each, would be gigabytes. */
static void few_stacks_are_repeated(void **state)
{
    static struct group groups[1000];
    struct example example;
    char *bytes = NULL;
    size_t size = 0, n = 0;
    FILE *out = open_memstream(&bytes, &size);

    (void)state;
    example_fill(&example);
    for (size_t i = 0; i < 1000; i++) {
        groups[i] = (struct group){.stack = &example.stacks[0], .count = 16, .n_waiters = 16};
        for (size_t j = 0; j < 16; j++)
            groups[i].waiters[j].id = 1 + i * 16 + j;
    }
    example.target.groups = groups;
    example.target.n_groups = 1000;
    assert_int_equal(
        pprof_text_write(&example.report, NULL, SAMPLE_GOROUTINE, PPROF_TEXT_STACKS, out), 0);
    fclose(out);
    for (const char *at = bytes; (at = strstr(at, "goroutine ")) != NULL; at++)
        n++;
    assert_int_equal(n, 1000 + 4096);
    assert_non_null(strstr(bytes, "goroutine 15985 ["));
    assert_non_null(strstr(bytes, "# and 15 more goroutines"));
    free(bytes);
}

static void stacks_as_a_panic_prints_them(void **state)
{
    struct example example;

    (void)state;
    example_fill(&example);
    expect(&example.report, NULL, SAMPLE_GOROUTINE, PPROF_TEXT_STACKS,
           "goroutine 4711 [chan send, 171 minutes]:\n"
           "main.fetchScores(...)\n"
           "\t/src/recommend.go:153\n"
           "created by main.recommend\n"
           "\t/src/recommend.go:141\n"
           "\n"
           "goroutine 18 [chan send]:\n"
           "main.fetchScores(...)\n"
           "\t/src/recommend.go:153\n"
           "created by main.recommend\n"
           "\t/src/recommend.go:141\n"
           "\n"
           "# and 14233 more goroutines, parked no longer, with the stack above\n"
           "\n");
    example.target.n_groups = 2;
    example.groups[1].count = 1;
    example.groups[1].waiters[0].age_ns = 59 * EXAMPLE_S;
    expect(&example.report, NULL, SAMPLE_THREAD, PPROF_TEXT_STACKS,
           "thread 4122 [futex lock]:\n"
           "__lll_lock_wait\n"
           "\tlibc.so.6+0x0\n"
           "pthread_mutex_lock\n"
           "\tlibc.so.6+0x0\n"
           "cache_refresh\n"
           "\tcache.c:88\n"
           "libvendor.so+0x12345\n"
           "\tlibvendor.so+0x12345\n"
           "\n");
}

static void runtime_frames_show_where_there_are_no_others(void **state)
{
    struct example example;

    (void)state;
    example_fill(&example);
    example.stacks[0].n_frames = 1;
    example.stacks[0].creator = NULL;
    example.groups[0].count = example.groups[0].n_waiters = 1;
    expect(&example.report, NULL, SAMPLE_GOROUTINE, PPROF_TEXT_STACKS,
           "goroutine 4711 [chan send, 171 minutes]:\n"
           "runtime.gopark(...)\n"
           "\t/usr/lib/go-1.19/src/runtime/proc.go:364\n"
           "\n");
}

static void inlined_frames_share_an_address_and_goexit_is_left_out(void **state)
{
    struct frame frames[3];
    struct example example;

    (void)state;
    example_fill(&example);
    frames[0] = (struct frame){
        .function = "main.inner", .file = "a.go", .line = 1, .address = 0x10, .inlined = 1};
    frames[1] =
        (struct frame){.function = "main.outer", .file = "a.go", .line = 2, .address = 0x10};
    frames[2] =
        (struct frame){.function = "runtime.goexit", .file = "a.s", .line = 3, .address = 0x20};
    example.stacks[0].frames = frames;
    example.stacks[0].n_frames = 3;
    example.stacks[0].reason = "a \"b\\";
    expect(&example.report, NULL, SAMPLE_GOROUTINE, PPROF_TEXT_COUNTS,
           "goroutine profile: total 14235\n"
           "14235 @ 0x10 0x20\n"
           "# labels: {\"wait_reason\":\"a \\\"b\\\\\"}\n"
           "#\t0x10\tmain.inner\ta.go:1\n"
           "#\t0x10\tmain.outer\ta.go:2\n"
           "\n");
}

static void nothing_parked_and_no_stack(void **state)
{
    struct report empty = {.version = "0.1.0"};
    struct example example;

    (void)state;
    expect(&empty, NULL, SAMPLE_GOROUTINE, PPROF_TEXT_COUNTS, "goroutine profile: total 0\n");
    expect(&empty, NULL, SAMPLE_GOROUTINE, PPROF_TEXT_STACKS, "");
    example_fill(&example);
    example.stacks[0].n_frames = 0;
    expect(&example.report, NULL, SAMPLE_GOROUTINE, PPROF_TEXT_COUNTS,
           "goroutine profile: total 14235\n"
           "14235 @ 0x0\n"
           "# labels: {\"wait_reason\":\"chan send\"}\n"
           "\n");
}

static void failures_are_reported(void **state)
{
    struct example example;
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    example_fill(&example);
    assert_int_equal(pprof_text_write(&example.report, "", SAMPLE_THREAD, PPROF_TEXT_COUNTS, full),
                     -ENOENT);
    assert_int_equal(
        pprof_text_write(&example.report, NULL, SAMPLE_THREAD, PPROF_TEXT_COUNTS, full), -EIO);
    fclose(full);
}

/* The end of a stream: how often it was tried. */
static ssize_t refuse(void *context, const char *bytes, size_t size)
{
    (void)bytes;
    (void)size;
    ++*(unsigned *)context;
    return 0;
}

/* A client may ask for a report of gigabytes, and is not to get it: it is not made either. */
static void ends_with_its_stream(void **state)
{
    static struct group groups[1000];
    unsigned n_tries = 0;
    struct example example;
    FILE *out = fopencookie(&n_tries, "w", (cookie_io_functions_t){.write = refuse});

    (void)state;
    example_fill(&example);
    for (size_t i = 0; i < 1000; i++)
        groups[i] = example.groups[1];
    example.target.groups = groups;
    example.target.n_groups = 1000;
    assert_non_null(out);
    setvbuf(out, NULL, _IONBF, 0);
    assert_int_equal(pprof_text_write(&example.report, NULL, SAMPLE_THREAD, PPROF_TEXT_COUNTS, out),
                     -EIO);
    assert_in_range(n_tries, 1, 1000);
    fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counts_by_stack),
        cmocka_unit_test(labels_follow_the_reason),
        cmocka_unit_test(stacks_as_a_panic_prints_them),
        cmocka_unit_test(few_stacks_are_repeated),
        cmocka_unit_test(runtime_frames_show_where_there_are_no_others),
        cmocka_unit_test(inlined_frames_share_an_address_and_goexit_is_left_out),
        cmocka_unit_test(nothing_parked_and_no_stack),
        cmocka_unit_test(failures_are_reported),
        cmocka_unit_test(ends_with_its_stream),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
