/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/memo.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define SECOND 1000000000ul

static struct goroutine parked(void)
{
    return (struct goroutine){
        .address = 0xc000000000,
        .goid = 7,
        .stack_lo = 0xc000100000,
        .stack_hi = 0xc000110000,
        .sp = 0xc00010ff00,
        .pc = 0x401000,
        .waiting = 0xc000200000,
        .status = GO_WAITING,
        .reason = 14, /* chan receive */
        .sequence = 250,
    };
}

static struct look look_at(const struct goroutine *goroutine, uint64_t now_ns, uint64_t previous_ns)
{
    return (struct look){g_layout_of(124), goroutine, now_ns, previous_ns};
}

static struct memo begun(const struct goroutine *goroutine, uint64_t now_ns, uint64_t previous_ns)
{
    struct look look = look_at(goroutine, now_ns, previous_ns);
    struct memo memo = {.g = goroutine->address};

    memo_begin(&memo, &look);
    return memo;
}

static bool is_same(const struct memo *memo, const struct goroutine *goroutine)
{
    struct look look = look_at(goroutine, 9 * SECOND, 8 * SECOND);

    return memo_is_same(memo, &look);
}

static void go_on(struct memo *memo, const struct goroutine *goroutine)
{
    struct look look = look_at(goroutine, 9 * SECOND, 8 * SECOND);

    memo_go_on(memo, &look, true);
}

static void a_park_that_nothing_touched_is_the_same(void **state)
{
    struct goroutine goroutine = parked();
    struct memo memo = begun(&goroutine, SECOND, 0);

    (void)state;
    assert_true(is_same(&memo, &goroutine));
    memo_clear(&memo);
    assert_false(is_same(&memo, &goroutine));
}

static void each_trace_of_a_run_tells(void **state)
{
    struct goroutine before = parked(), after;
    struct memo memo = begun(&before, SECOND, 0);

    (void)state;
    after = before, after.sequence++;
    assert_false(is_same(&memo, &after));
    after = before, after.goid++;
    assert_false(is_same(&memo, &after));
    after = before, after.pc++;
    assert_false(is_same(&memo, &after));
    after = before, after.sp -= 8;
    assert_false(is_same(&memo, &after));
    after = before, after.waiting += 96;
    assert_false(is_same(&memo, &after));
    after = before, after.reason++;
    assert_false(is_same(&memo, &after));
    after = before, after.status = GO_SYSCALL;
    assert_false(is_same(&memo, &after));
}

/* The collector copies the stack of a parked goroutine to a smaller one. */
static void a_stack_that_moved_is_no_run(void **state)
{
    struct goroutine before = parked(), after = parked();
    struct memo memo = begun(&before, SECOND, 0);

    (void)state;
    memo.flags |= MEMO_SENT;
    after.stack_lo = 0xc000400000;
    after.stack_hi = 0xc000401000;
    after.sp = after.stack_hi - (before.stack_hi - before.sp);
    assert_true(is_same(&memo, &after));
    go_on(&memo, &after);
    assert_true(memo.flags & MEMO_DIRTY);
    assert_int_equal(memo.stack_bytes, 4096);
}

static void waitsince_may_be_set_but_not_change(void **state)
{
    struct goroutine goroutine = parked();
    struct memo memo = begun(&goroutine, SECOND, 0);

    (void)state;
    goroutine.waitsince = 5 * SECOND;
    assert_true(is_same(&memo, &goroutine));
    go_on(&memo, &goroutine);
    assert_true(is_same(&memo, &goroutine));
    goroutine.waitsince = 6 * SECOND;
    assert_false(is_same(&memo, &goroutine));
    goroutine.waitsince = 0;
    assert_false(is_same(&memo, &goroutine));
}

static void the_leak_detection_ends_no_park(void **state)
{
    struct goroutine goroutine = parked();
    struct memo memo = begun(&goroutine, SECOND, 0);

    (void)state;
    goroutine.status = GO_LEAKED;
    assert_true(is_same(&memo, &goroutine));
}

static void the_sequence_is_doubted_at_first(void **state)
{
    struct goroutine goroutine = parked();
    struct memo memo = begun(&goroutine, SECOND, 0);

    (void)state;
    assert_false(memo_is_doubtful(&memo));
    for (int i = 1; i < MEMO_LOOKS_ENOUGH; i++) {
        go_on(&memo, &goroutine);
        assert_true(memo_is_doubtful(&memo));
    }
    go_on(&memo, &goroutine);
    assert_false(memo_is_doubtful(&memo));
    memo = begun(&goroutine, SECOND, 0);
    goroutine.waitsince = 5;
    go_on(&memo, &goroutine);
    assert_false(memo_is_doubtful(&memo));
}

/* Switching coroutines leaves no trace in either. */
static void coroutines_are_never_the_same(void **state)
{
    struct goroutine goroutine = parked();
    struct memo memo;

    (void)state;
    goroutine.reason = 37;
    goroutine.waitsince = 5;
    memo = begun(&goroutine, SECOND, 0);
    assert_false(is_same(&memo, &goroutine));
    assert_true(memo_is_alike(&memo, &(struct look){g_layout_of(124), &goroutine, 0, 0}));
}

/* What the collector noted of such a goroutine may be of an older wait. */
static void coroutines_have_no_estimate(void **state)
{
    struct cycles cycles = {.n = 0};
    struct goroutine goroutine = parked();
    struct memo memo;

    (void)state;
    goroutine.reason = 37;
    goroutine.waitsince = 30 * SECOND;
    memo = begun(&goroutine, 50 * SECOND, 0);
    assert_int_equal(memo_sample(&memo, &cycles).since_ns, 50 * SECOND);
    go_on(&memo, &goroutine);
    assert_int_equal(memo_sample(&memo, &cycles).since_ns, 50 * SECOND);
    assert_false(memo.flags & MEMO_DIRTY);
}

static void what_stands_elsewhere_without_a_run_was_torn(void **state)
{
    struct goroutine before = parked(), after = parked();
    struct memo memo = begun(&before, SECOND, 0);
    struct look look = look_at(&after, 9 * SECOND, 8 * SECOND);

    (void)state;
    assert_false(memo_has_other_stack(&memo, &look));
    after.stack_hi += 4096;
    assert_true(memo_has_other_stack(&memo, &look));
    after.sequence++;
    assert_false(memo_has_other_stack(&memo, &look));
    /* Of coroutines it proves nothing that the sequence is the same. */
    before.reason = after.reason = 37;
    after.sequence = before.sequence;
    memo = begun(&before, SECOND, 0);
    assert_false(memo_has_other_stack(&memo, &look));
}

static void system_calls_of_go_1_26_need_a_waitsince(void **state)
{
    struct goroutine goroutine = parked();
    struct look look = {g_layout_of(126), &goroutine, 9 * SECOND, 8 * SECOND};
    struct memo memo;

    (void)state;
    goroutine.status = GO_SYSCALL;
    memo = begun(&goroutine, SECOND, 0);
    assert_false(memo_is_same(&memo, &look));
    look.layout = g_layout_of(125);
    assert_true(memo_is_same(&memo, &look));
    look.layout = g_layout_of(126);
    goroutine.waitsince = 5;
    assert_false(memo_is_same(&memo, &look));
    memo = begun(&goroutine, SECOND, 0);
    assert_true(memo_is_same(&memo, &look));
}

/* Of a version that is not known only the collector's note counts, on a wait whose name is borne
 * out: any other may be a coroutine's. */
static void a_guess_needs_a_waitsince_and_a_name(void **state)
{
    struct goroutine goroutine = parked();
    struct g_layout layout = g_layout_guess();
    struct look look = {&layout, &goroutine, SECOND, 0};
    struct memo memo = {.g = goroutine.address};

    (void)state;
    layout.named = UINT64_C(1) << goroutine.reason;
    memo_begin(&memo, &look);
    assert_true(memo_is_alike(&memo, &look));
    assert_false(memo_is_same(&memo, &look));
    goroutine.waitsince = SECOND / 2;
    memo_begin(&memo, &look);
    assert_true(memo_is_same(&memo, &look));
    layout.named = 0;
    assert_false(memo_is_same(&memo, &look));
}

/* A g as Go 1.(minor - 100) has it. */
#define G_BYTES 512

static void put_word(uint8_t *g, size_t offset, uint64_t word)
{
    memcpy(g + offset, &word, sizeof(word));
}

static void put_g(const struct g_layout *layout, const struct goroutine *goroutine, uint8_t *ret_g)
{
    memset(ret_g, 0, G_BYTES);
    put_word(ret_g, GO_G_STACK_LO, goroutine->stack_lo);
    put_word(ret_g, GO_G_STACK_HI, goroutine->stack_hi);
    put_word(ret_g, GO_G_SP, goroutine->sp);
    put_word(ret_g, GO_G_PC, goroutine->pc);
    put_word(ret_g, GO_G_SELF, goroutine->address);
    put_word(ret_g, layout->goid, goroutine->goid);
    put_word(ret_g, layout->waitsince, goroutine->waitsince);
    put_word(ret_g, layout->waiting, goroutine->waiting);
    ret_g[layout->status] = goroutine->status;
    ret_g[layout->reason] = goroutine->reason;
    ret_g[layout->sequence] = goroutine->sequence;
}

/* What memo_stands() is a shortcut for: the same park, and nothing to note of it. */
static bool stands_in_detail(const struct memo *memo, const struct g_layout *layout,
                             const uint8_t *g)
{
    struct goroutine goroutine;
    struct look look = {layout, &goroutine, 9 * SECOND, 8 * SECOND};
    struct memo after = *memo;

    if (!goroutine_decode(layout, memo->g, g, &goroutine) ||
        !goroutine_is_parked(layout, &goroutine) || !memo_is_same(memo, &look))
        return false;
    memo_go_on(&after, &look, false);
    return !memcmp(&after, memo, sizeof(after));
}

/* Whatever bit of the g is another one. */
static void the_shortcut_says_what_the_long_way_does(void **state)
{
    uint8_t g[G_BYTES];

    (void)state;
    for (int minor = GO_MINOR_FIRST; minor <= GO_MINOR_LAST; minor++) {
        const struct g_layout *layout = g_layout_of(minor);
        struct goroutine goroutine = parked();
        struct look look = {layout, &goroutine, SECOND, 0};
        struct memo memo = {.g = goroutine.address, .flags = MEMO_MET};

        goroutine.waitsince = minor % 2 ? 5 : 0;
        memo_begin(&memo, &look);
        put_g(layout, &goroutine, g);
        assert_true(memo_stands(&memo, layout, g));
        for (size_t bit = 0; bit < 8ul * layout->size; bit++) {
            g[bit / 8] ^= 1 << bit % 8;
            assert_int_equal(memo_stands(&memo, layout, g), stands_in_detail(&memo, layout, g));
            g[bit / 8] ^= 1 << bit % 8;
        }
        g[layout->status] = GO_LEAKED; /* the one that takes the long way */
        assert_false(memo_stands(&memo, layout, g));
        assert_true(stands_in_detail(&memo, layout, g));
    }
}

/* What is more to be looked at goes the long way. */
static void the_shortcut_is_for_waits_that_were_seen(void **state)
{
    static const uint16_t untold[] = {MEMO_NEW, MEMO_TORN, MEMO_UNSEEN};
    const struct g_layout *layout = g_layout_of(124);
    struct g_layout guess = *layout;
    struct goroutine goroutine = parked();
    struct memo memo = begun(&goroutine, SECOND, 0);
    uint8_t g[G_BYTES];

    (void)state;
    put_g(layout, &goroutine, g);
    for (size_t i = 0; i < 3; i++) {
        memo.flags ^= untold[i];
        assert_false(memo_stands(&memo, layout, g));
        memo.flags ^= untold[i];
    }
    assert_true(memo_stands(&memo, layout, g));
    guess.is_guess = true;
    guess.named = UINT64_MAX;
    assert_false(memo_stands(&memo, &guess, g));
    memo_clear(&memo);
    assert_false(memo_stands(&memo, layout, g));
    goroutine.reason = layout->coroutine;
    memo = begun(&goroutine, SECOND, 0);
    put_g(layout, &goroutine, g);
    assert_false(memo_stands(&memo, layout, g));
    goroutine.status = GO_SYSCALL;
    memo = begun(&goroutine, SECOND, 0);
    put_g(layout, &goroutine, g);
    assert_false(memo_stands(&memo, layout, g));
}

static void ages_are_what_is_known(void **state)
{
    struct cycles cycles = {.n = 0};
    struct goroutine goroutine = parked();
    struct memo memo = begun(&goroutine, 50 * SECOND, 0);
    struct sample sample = memo_sample(&memo, &cycles);

    (void)state;
    /* Parked when we came, and nothing else known. */
    assert_int_equal(sample.id, 7);
    assert_int_equal(sample.kind, SAMPLE_GOROUTINE);
    assert_int_equal(sample.memory_bytes, 65536);
    assert_int_equal(sample.seen_ns, 50 * SECOND);
    assert_int_equal(sample.since_ns, 50 * SECOND);
    assert_int_equal(sample.not_before_ns, 0);

    /* A collection noted it; it may have been the first. */
    goroutine.waitsince = 30 * SECOND;
    memo = begun(&goroutine, 50 * SECOND, 0);
    sample = memo_sample(&memo, &cycles);
    assert_int_equal(sample.since_ns, 30 * SECOND);
    assert_int_equal(sample.not_before_ns, 0);

    /* It was not: others parked before an earlier one. */
    cycles_add(&cycles, 30 * SECOND);
    cycles_add(&cycles, 20 * SECOND);
    cycles_add(&cycles, 40 * SECOND);
    sample = memo_sample(&memo, &cycles);
    assert_int_equal(sample.not_before_ns, 20 * SECOND);

    /* We saw it begin. */
    goroutine.waitsince = 0;
    memo = begun(&goroutine, 50 * SECOND, 45 * SECOND);
    sample = memo_sample(&memo, &cycles);
    assert_int_equal(sample.since_ns, 50 * SECOND);
    assert_int_equal(sample.not_before_ns, 45 * SECOND);

    /* A clock of another time namespace. */
    goroutine.waitsince = 90 * SECOND;
    memo = begun(&goroutine, 50 * SECOND, 0);
    cycles_add(&cycles, 80 * SECOND);
    sample = memo_sample(&memo, &cycles);
    assert_int_equal(sample.since_ns, 50 * SECOND);
    assert_int_equal(sample.not_before_ns, 0);
}

static void what_begins_anew_forgets(void **state)
{
    struct goroutine goroutine = parked();
    struct memo memo = begun(&goroutine, SECOND, 0);
    struct look look = look_at(&goroutine, 9 * SECOND, 8 * SECOND);

    (void)state;
    memo.flags |= MEMO_SENT | MEMO_DIRTY | MEMO_DUE | MEMO_SYSTEM;
    memo.stack_id = memo.object = memo.detail = 1;
    go_on(&memo, &goroutine);
    goroutine.sequence++;
    memo_begin(&memo, &look);
    assert_int_equal(memo.flags, MEMO_PARKED | MEMO_WATCHED | MEMO_SYSTEM);
    assert_int_equal(memo.seen_ns, 9 * SECOND);
    assert_int_equal(memo.not_before_ns, 8 * SECOND);
    assert_int_equal(memo.looks, 0);
    assert_int_equal(memo.stack_id + memo.object + memo.detail, 0);
}

static void cycles_are_sorted_and_single(void **state)
{
    struct cycles cycles = {.n = 0};

    (void)state;
    assert_int_equal(cycles_before(&cycles, 5), 0);
    cycles_add(&cycles, 30);
    cycles_add(&cycles, 10);
    cycles_add(&cycles, 20);
    cycles_add(&cycles, 20);
    assert_int_equal(cycles.n, 3);
    assert_int_equal(cycles_before(&cycles, 10), 0);
    assert_int_equal(cycles_before(&cycles, 11), 10);
    assert_int_equal(cycles_before(&cycles, 30), 20);
    assert_int_equal(cycles_before(&cycles, UINT64_MAX), 30);
}

static void cycles_are_bounded_and_bounds_hold(void **state)
{
    struct cycles cycles = {.n = 0};

    (void)state;
    for (uint64_t i = 1; i <= 10 * CYCLES_MAX; i++) {
        cycles_add(&cycles, i * 100);
        assert_true(cycles.n <= CYCLES_MAX);
    }
    for (uint64_t i = 1; i <= 10 * CYCLES_MAX; i++)
        assert_true(cycles_before(&cycles, i * 100) < i * 100);
    assert_true(cycles_before(&cycles, 500000) > 400000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_park_that_nothing_touched_is_the_same),
        cmocka_unit_test(each_trace_of_a_run_tells),
        cmocka_unit_test(a_stack_that_moved_is_no_run),
        cmocka_unit_test(waitsince_may_be_set_but_not_change),
        cmocka_unit_test(the_leak_detection_ends_no_park),
        cmocka_unit_test(the_sequence_is_doubted_at_first),
        cmocka_unit_test(coroutines_are_never_the_same),
        cmocka_unit_test(coroutines_have_no_estimate),
        cmocka_unit_test(what_stands_elsewhere_without_a_run_was_torn),
        cmocka_unit_test(system_calls_of_go_1_26_need_a_waitsince),
        cmocka_unit_test(a_guess_needs_a_waitsince_and_a_name),
        cmocka_unit_test(the_shortcut_says_what_the_long_way_does),
        cmocka_unit_test(the_shortcut_is_for_waits_that_were_seen),
        cmocka_unit_test(ages_are_what_is_known),
        cmocka_unit_test(what_begins_anew_forgets),
        cmocka_unit_test(cycles_are_sorted_and_single),
        cmocka_unit_test(cycles_are_bounded_and_bounds_hold),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
