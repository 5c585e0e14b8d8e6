/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/runtime.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyst/go/process.h"

/* As process_park_in() leaves it. */
enum unwind_end go_code_unwind(struct go_code *code, uint64_t pc, uint64_t sp,
                               const struct stack_copy *copy, struct raw_frame *ret_frames,
                               size_t max, size_t *ret_n)
{
    (void)code, (void)sp;
    assert_true(max >= 2);
    assert_true(copy->size >= 8);
    ret_frames[0] = (struct raw_frame){pc, true};
    ret_frames[1] = (struct raw_frame){0, true};
    memcpy(&ret_frames[1].pc, copy->bytes, 8);
    *ret_n = 2;
    return UNWIND_WHOLE;
}

static int open_runtime(struct process *process, char why[static GO_WHY_MAX],
                        struct go_runtime **ret_runtime)
{
    *ret_runtime = NULL;
    return go_runtime_new((struct go_code *)process, &process->memory, why, ret_runtime);
}

static void assert_opens(struct process *process)
{
    struct go_runtime *runtime;
    char why[GO_WHY_MAX];
    int r = open_runtime(process, why, &runtime);

    if (r)
        print_error("1.%d: %s\n", process->minor - 100, why);
    assert_int_equal(r, 0);
    assert_string_equal(why, "");
    go_runtime_free(&runtime);
}

static void assert_refused(struct process *process, const char *because)
{
    struct go_runtime *runtime;
    char why[GO_WHY_MAX];

    assert_int_equal(open_runtime(process, why, &runtime), -ENOTSUP);
    assert_null(runtime);
    if (!strstr(why, because))
        print_error("\"%s\" is not in \"%s\"\n", because, why);
    assert_non_null(strstr(why, because));
}

static void every_version_is_proven(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct process *process = process_new(versions[i].minor, 20);

        assert_opens(process);
        free(process);
    }
}

/* A version that is laid out like another one is told by what does not come out right. */
static void a_wrong_layout_is_refused(void **state)
{
    static const int wrong[][2] = {{119, 124}, {124, 119}, {126, 123}, {119, 126}, {125, 126}};

    (void)state;
    for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        struct process *process = process_new(wrong[i][0], 20);

        process->minor = wrong[i][1];
        assert_refused(process, "");
        free(process);
    }
}

static void reasons_with_other_numbers_are_refused(void **state)
{
    struct process *process = process_new(119, 3);

    (void)state;
    process_set_status(process, 1, GO_WAITING, process->offsets->send);
    process_park_in(process, 1, START_FORCE_GC);
    assert_refused(process, "runtime.forcegchelper waits for \"chan send\" (15) instead of "
                            "\"force gc (idle)\"");
    free(process);
}

/* A finalizer runs on a goroutine of the runtime's, a collection may begin on another, and there
 * they wait for whatever they meet. */
static void what_the_runtimes_own_meet_speaks_for_nothing(void **state)
{
    struct process *process = process_new(119, 3);
    size_t finalizers = process_add(process, process->offsets->receive, START_FINALIZERS);

    (void)state;
    process_park_in(process, finalizers, PC_RECEIVE);
    process_queue(process, finalizers);
    process_set_status(process, 1, GO_WAITING, 18); /* semacquire */
    process_park_in(process, 1, PC_SEMACQUIRE);
    assert_opens(process);
    process_set_status(process, 2, GO_WAITING, 18);
    process_set_status(process, 3, GO_WAITING, 18);
    assert_refused(process, "none of the runtime's own goroutines");
    free(process);
}

static void what_waits_on_a_channel_has_a_sudog(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct process *process = process_new(versions[i].minor, 3);
        const struct offsets *offsets = process->offsets;
        uint64_t sudog;

        process_park_in(process, 4, PC_SEND);
        assert_refused(process, "chansend has no sudog that points back to it");
        process_queue(process, 4);
        assert_opens(process);
        memcpy(&sudog, process_at(process, g_of(4) + offsets->waiting, 8), 8);
        put64(process, sudog, g_of(5));
        assert_refused(process, "no sudog that points back to it");
        put64(process, sudog, g_of(4));
        put64(process, sudog + 128 + offsets->recvq + 16, 0);
        assert_refused(process, "a channel that it is queued at");
        free(process);
    }
}

/* Who ran meanwhile is no witness. */
static void run_on(struct process *process)
{
    put64(process, g_of(4) + 56, STACKS_AT + 5 * STACK_SIZE - 256 - 8 * (process->n_reads % 8));
}

static void who_ran_is_no_witness(void **state)
{
    struct process *process = process_new(119, 3);

    (void)state;
    process_park_in(process, 4, PC_SEND);
    process->before_read = run_on;
    assert_opens(process);
    free(process);
}

/* Of a version yet unknown. */
static struct process *newer_process(void)
{
    struct process *process = process_new(127, 3);

    process->minor = 131;
    return process;
}

static struct goroutine decode(const struct g_layout *layout, struct process *process, size_t i)
{
    struct goroutine goroutine;

    assert_true(
        goroutine_decode(layout, g_of(i), process_at(process, g_of(i), layout->size), &goroutine));
    return goroutine;
}

static void a_newer_version_is_tried(void **state)
{
    struct process *process = newer_process();
    struct go_runtime *runtime;
    const struct g_layout *layout;
    struct goroutine goroutine;
    char why[GO_WHY_MAX];

    (void)state;
    put64(process, g_of(4) + process->offsets->waiting + 32, THINGS_AT); /* labels */
    assert_int_equal(open_runtime(process, why, &runtime), 0);
    layout = go_runtime_layout(runtime);
    assert_true(layout->is_guess);
    goroutine = decode(layout, process, 1);
    assert_string_equal(goroutine_reason(layout, &goroutine), "force gc (idle)");
    /* Nothing has borne this one out yet. */
    goroutine = decode(layout, process, 4);
    assert_string_equal(goroutine_reason(layout, &goroutine), "unknown wait reason");
    assert_int_equal(goroutine.labels, 0);
    process_park_in(process, 5, PC_SEND);
    process_queue(process, 5);
    assert_int_equal(go_runtime_prove(runtime, (struct go_code *)process, why), 0);
    assert_string_equal(goroutine_reason(layout, &goroutine), "chan send");
    /* What speaks against it may come late. */
    process_park_in(process, 5, PC_RECEIVE);
    assert_int_equal(go_runtime_prove(runtime, (struct go_code *)process, why), -ENOTSUP);
    go_runtime_free(&runtime);
    free(process);
}

static void a_newer_version_proves_more(void **state)
{
    struct process *process = newer_process();
    const unsigned gopc = process->offsets->gopc, waitsince = process->offsets->waitsince;

    (void)state;
    for (size_t i = 0; i < process->n_gs; i++)
        put64(process, g_of(i) + waitsince, 1 + i);
    assert_opens(process);
    for (size_t i = 0; i < process->n_gs; i++)
        put64(process, g_of(i) + waitsince, g_of(i) << 24);
    assert_refused(process, "wait since a time to come");
    process->minor = 127; /* in a time namespace of its own */
    assert_opens(process);
    free(process);

    process = newer_process();
    for (size_t i = 0; i < process->n_gs; i++)
        put64(process, g_of(i) + gopc, 0);
    assert_refused(process, "0 of 7 goroutines were made by what is no code, 0 by code");
    for (size_t i = 0; i < process->n_gs; i++)
        put64(process, g_of(i) + gopc, i < 2 ? 0x402000 : HEAP_BASE);
    assert_refused(process, "5 of 7 goroutines were made by what is no code");
    free(process);
}

static void an_old_version_is_refused(void **state)
{
    struct process *process = process_new(119, 3);

    (void)state;
    process->minor = 116;
    assert_refused(process, "older than 1.17");
    free(process);
}

static void without_goroutines_it_is_refused(void **state)
{
    struct process *process = process_new(119, 3);

    (void)state;
    process_set_allgs(process, 0, 0, 0);
    assert_refused(process, "runtime.allgs");
    free(process);
}

static void one_goroutine_in_between_is_no_harm(void **state)
{
    struct process *process = process_new(119, 30);

    (void)state;
    put64(process, g_of(9) + 72, 0);
    assert_opens(process);
    free(process);
}

static void goids_must_differ(void **state)
{
    struct process *process = process_new(119, 30);

    (void)state;
    put64(process, g_of(9) + process->offsets->goid, 7);
    assert_refused(process, "two goroutines have the number 7");
    free(process);
}

/* What the first try stumbled over has passed. */
static void mend_goid(struct process *process)
{
    if (process->n_reads > 8)
        put64(process, g_of(9) + process->offsets->goid, 10);
}

static void a_later_try_says_nothing_of_the_first(void **state)
{
    struct process *process = process_new(119, 30);

    (void)state;
    put64(process, g_of(9) + process->offsets->goid, 7);
    process->before_read = mend_goid;
    assert_opens(process);
    free(process);
}

static void goids_begin_low(void **state)
{
    struct process *process = process_new(119, 30);

    (void)state;
    for (size_t i = 0; i < process->n_gs; i++)
        put64(process, g_of(i) + process->offsets->goid, 1000 + i);
    assert_refused(process, "the lowest number of a goroutine is 1000");
    free(process);
}

static void stack_pointers_lie_in_their_stacks(void **state)
{
    struct process *process = process_new(119, 30);

    (void)state;
    for (size_t i = 0; i < process->n_gs; i++)
        put64(process, g_of(i) + 56, 64);
    assert_refused(process, "outside their stacks");
    free(process);
}

/* Words that look like slices, of elements that are no g's, lead nowhere, or are endless. */
static void false_slices_are_passed_over(void **state)
{
    static const uint64_t slices[][3] = {
        {ARRAY_AT + 8 * 300, 5, 8},         /* of nil */
        {THINGS_AT, 4, 4},                  /* of nothing */
        {0x7f0000000000, 5, 8},             /* not mapped */
        {ARRAY_AT, 9, 3},                   /* longer than its capacity */
        {ARRAY_AT, UINT64_MAX, UINT64_MAX}, /* endless */
        {ARRAY_AT + 3, 5, 8},               /* not aligned */
        {HEAP_BASE + HEAP_SIZE - 8, 2, 2},  /* beyond its end */
    };
    struct process *process = process_new(124, 10);

    (void)state;
    for (size_t i = 0; i < sizeof(slices) / sizeof(slices[0]); i++)
        for (size_t k = 0; k < 3; k++)
            put64(process, DATA_BASE + 1024 + i * 24 + k * 8, slices[i][k]);
    put64(process, HEAP_BASE + HEAP_SIZE - 8, UINT64_MAX - 16);
    assert_opens(process);
    free(process);
}

static void gs_are_listed_in_parts(void **state)
{
    struct process *process = process_new(119, 20);
    struct go_runtime *runtime;
    uint64_t gs[PROCESS_GS], total;
    char why[GO_WHY_MAX];
    size_t n;

    (void)state;
    assert_int_equal(open_runtime(process, why, &runtime), 0);
    assert_int_equal(go_runtime_gs(runtime, 20, 3, gs, &n, &total), 0);
    assert_int_equal(n, 3);
    assert_int_equal(total, 24);
    assert_int_equal(gs[0], g_of(20));
    assert_int_equal(go_runtime_gs(runtime, 23, 3, gs, &n, &total), 0);
    assert_int_equal(n, 1);
    assert_int_equal(go_runtime_gs(runtime, 99, 3, gs, &n, &total), 0);
    assert_int_equal(n, 0);
    go_runtime_free(&runtime);
    free(process);
}

/* The collector has a slice of the same array for a while, which is not longer. */
static void the_longest_slice_counts(void **state)
{
    struct process *process = process_new(119, 20);
    struct go_runtime *runtime;
    uint64_t gs[PROCESS_GS], total;
    char why[GO_WHY_MAX];
    size_t n;

    (void)state;
    put64(process, DATA_BASE + 8, ARRAY_AT);
    put64(process, DATA_BASE + 16, 10);
    put64(process, DATA_BASE + 24, 10);
    assert_int_equal(open_runtime(process, why, &runtime), 0);
    assert_int_equal(go_runtime_gs(runtime, 0, PROCESS_GS, gs, &n, &total), 0);
    assert_int_equal(n, 24);
    put64(process, DATA_BASE + 8, 0);
    assert_int_equal(go_runtime_gs(runtime, 0, PROCESS_GS, gs, &n, &total), 0);
    assert_int_equal(n, 24);
    go_runtime_free(&runtime);
    free(process);
}

static void an_entry_not_stored_yet_ends_the_list(void **state)
{
    struct process *process = process_new(119, 20);
    struct go_runtime *runtime;
    uint64_t gs[PROCESS_GS], total;
    char why[GO_WHY_MAX];
    size_t n;

    (void)state;
    put64(process, ARRAY_AT + 23 * 8, 0);
    assert_int_equal(open_runtime(process, why, &runtime), 0);
    assert_int_equal(go_runtime_gs(runtime, 0, PROCESS_GS, gs, &n, &total), 0);
    assert_int_equal(n, 23);
    assert_int_equal(total, 24);
    go_runtime_free(&runtime);
    free(process);
}

/* Each look at the header finds another array. */
static void move_array(struct process *process)
{
    put64(process, ALLGS_AT, ARRAY_AT + process->n_reads % 2 * 0x20000);
}

static void an_array_that_keeps_moving_is_given_up(void **state)
{
    struct process *process = process_new(119, 20);
    struct go_runtime *runtime;
    uint64_t gs[PROCESS_GS], total;
    char why[GO_WHY_MAX];
    size_t n;

    (void)state;
    assert_int_equal(open_runtime(process, why, &runtime), 0);
    process->before_read = move_array;
    /* With nothing to copy, a try is two looks at the header. */
    assert_int_equal(go_runtime_gs(runtime, 24, PROCESS_GS, gs, &n, &total), -EAGAIN);
    process->before_read = NULL;
    assert_int_equal(go_runtime_gs(runtime, 24, PROCESS_GS, gs, &n, &total), 0);
    go_runtime_free(&runtime);
    free(process);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_is_proven),
        cmocka_unit_test(a_wrong_layout_is_refused),
        cmocka_unit_test(reasons_with_other_numbers_are_refused),
        cmocka_unit_test(what_the_runtimes_own_meet_speaks_for_nothing),
        cmocka_unit_test(what_waits_on_a_channel_has_a_sudog),
        cmocka_unit_test(who_ran_is_no_witness),
        cmocka_unit_test(a_newer_version_is_tried),
        cmocka_unit_test(a_newer_version_proves_more),
        cmocka_unit_test(an_old_version_is_refused),
        cmocka_unit_test(without_goroutines_it_is_refused),
        cmocka_unit_test(one_goroutine_in_between_is_no_harm),
        cmocka_unit_test(goids_must_differ),
        cmocka_unit_test(a_later_try_says_nothing_of_the_first),
        cmocka_unit_test(goids_begin_low),
        cmocka_unit_test(stack_pointers_lie_in_their_stacks),
        cmocka_unit_test(false_slices_are_passed_over),
        cmocka_unit_test(gs_are_listed_in_parts),
        cmocka_unit_test(the_longest_slice_counts),
        cmocka_unit_test(an_entry_not_stored_yet_ends_the_list),
        cmocka_unit_test(an_array_that_keeps_moving_is_given_up),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
