/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/witness.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyst/go/process.h"

#define NIL_SEND   4u  /* "chan send (nil chan)", of each version up to 1.25 */
#define SEMACQUIRE 18u /* likewise */
#define EACH       16  /* goroutines of one reason that are asked */
#define REASONS    64  /* that are told apart */
#define COPY       512 /* bytes of a stack that are copied */
#define HEAP_END   (HEAP_BASE + HEAP_SIZE)

static struct process *target;
static const struct g_layout *layout;
static struct goroutine goroutines[PROCESS_GS];
static uint64_t named;
static char why[GO_WHY_MAX];

/* How it was asked. */
static size_t n_unwound, last_copy_size;
static unsigned n_taken, fail_at; /* answers; the one that is an error instead, 0: none is */
static unsigned change_at;        /* the answer before which the target changes; 0: none */
static void (*change)(void);

/* The innermost frame is gopark(), its caller the word at sp. */
enum unwind_end go_code_unwind(struct go_code *code, uint64_t pc, uint64_t sp,
                               const struct stack_copy *copy, struct raw_frame *ret_frames,
                               size_t max, size_t *ret_n)
{
    (void)code;
    assert_true(max >= 2);
    assert_true(copy->size > 0);
    assert_int_equal(copy->address, sp);
    n_unwound++;
    last_copy_size = copy->size;
    ret_frames[0] = (struct raw_frame){pc, true};
    *ret_n = copy->size < 8 ? 1 : 2;
    if (*ret_n == 1)
        return UNWIND_CUT;
    ret_frames[1] = (struct raw_frame){0, true};
    memcpy(&ret_frames[1].pc, copy->bytes, 8);
    return UNWIND_WHOLE;
}

/* Answers lie in allocations of just their size, so that the sanitizer sees who reads on. */
static uint8_t *answers[RPC_AHEAD_SLOTS];

static void forget_answers(void)
{
    for (size_t i = 0; i < RPC_AHEAD_SLOTS; i++) {
        free(answers[i]);
        answers[i] = NULL;
    }
}

static int take_exactly(void *context, const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    size_t slot = target->asked.n_taken % RPC_AHEAD_SLOTS, n = target->asked.slots[slot].n;
    size_t size = 0;
    int r;

    n_taken++;
    if (n_taken == change_at)
        change();
    r = process_take(context, ret_bytes, ret_lengths);
    for (size_t i = 0; i < n; i++)
        size += (*ret_lengths)[i];
    free(answers[slot]);
    answers[slot] = malloc(size);
    if (size)
        memcpy(answers[slot], *ret_bytes, size);
    *ret_bytes = answers[slot];
    return r ? r : n_taken == fail_at ? -ECONNRESET : 0;
}

/* Three goroutines of the runtime's and main, which say nothing, and `n` that send. */
static void open_target(int minor, size_t n)
{
    target = process_new(minor, n);
    target->memory.take = take_exactly;
    layout = g_layout_of(minor);
    change = NULL;
    change_at = fail_at = 0;
}

static void close_target(void)
{
    forget_answers();
    free(target);
}

static int begin(void **state)
{
    (void)state;
    open_target(124, 3);
    return 0;
}

static int end(void **state)
{
    (void)state;
    close_target();
    return 0;
}

static void decode(size_t index)
{
    uint8_t bytes[G_STRIDE];

    memcpy(bytes, process_at(target, g_of(index), layout->size), layout->size);
    assert_true(goroutine_decode(layout, g_of(index), bytes, &goroutines[index]));
}

static int ask_those(size_t n)
{
    named = 0;
    why[0] = '\0';
    n_unwound = last_copy_size = n_taken = 0;
    return witness_ask(layout, (struct go_code *)target, &target->memory, goroutines, n, &named,
                       why);
}

static int ask(void)
{
    for (size_t i = 0; i < target->n_gs; i++)
        decode(i);
    return ask_those(target->n_gs);
}

static uint64_t bit(unsigned reason)
{
    return UINT64_C(1) << reason;
}

static void assert_named(uint64_t expected)
{
    int r = ask();

    if (r)
        print_error("%s\n", why);
    assert_int_equal(r, 0);
    assert_true(named == expected);
    assert_string_equal(why, "");
}

static void assert_refused(const char *because)
{
    assert_int_equal(ask(), -ENOTSUP);
    if (!strstr(why, because))
        print_error("\"%s\" is not in \"%s\"\n", because, why);
    assert_non_null(strstr(why, because));
    assert_true(named == 0);
}

static void set_waiting(size_t index, uint64_t sudog)
{
    put64(target, g_of(index) + target->offsets->waiting, sudog);
}

static uint64_t sudog_of(size_t index)
{
    return THINGS_AT + index * 256;
}

static uint64_t channel_of(size_t index)
{
    return sudog_of(index) + 128;
}

static void set_channel(size_t index, uint64_t channel)
{
    put64(target, sudog_of(index) + target->offsets->sudog_channel, channel);
}

/* Goroutine 4, which is asked by all that follows. */
static void park(uint8_t reason, uint64_t pc)
{
    process_set_status(target, 4, GO_WAITING, reason);
    process_park_in(target, 4, pc);
}

static void park_sender(void)
{
    park(target->offsets->send, PC_SEND);
    process_queue(target, 4);
}

static void each_version_is_borne_out(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        const struct offsets *offsets = &versions[i];

        open_target(offsets->minor, 3);
        park_sender();
        process_set_status(target, 5, GO_WAITING, offsets->receive);
        process_park_in(target, 5, PC_RECEIVE);
        process_queue(target, 5);
        process_set_status(target, 6, GO_WAITING, offsets->select);
        process_park_in(target, 6, PC_SELECT);
        process_queue(target, 6);
        assert_named(bit(offsets->send) | bit(offsets->receive) | bit(offsets->select));
        close_target();
    }
}

static void none_say_nothing(void **state)
{
    (void)state;
    assert_int_equal(ask_those(0), 0);
    assert_true(named == 0);
    assert_named(0); /* those here are in no function that is known */
    assert_int_equal(n_unwound, 7);
    assert_int_equal(n_taken, 2); /* their stacks, and they again: they wait on nothing */
}

static void numbers_beyond_31_are_told_apart(void **state)
{
    (void)state;
    park(target->offsets->coroutine, PC_COROSWITCH);
    assert_in_range(target->offsets->coroutine, 32, 63);
    assert_named(bit(target->offsets->coroutine));
}

static void another_reason_is_refused(void **state)
{
    (void)state;
    park_sender();
    process_set_status(target, 4, GO_WAITING, target->offsets->receive);
    assert_refused("runtime.chansend waits for \"chan receive\" (14) instead of \"chan send\"");
    process_set_status(target, 4, GO_WAITING, 63);
    assert_refused("waits for \"unknown wait reason\" (63)");
    process_set_status(target, 4, GO_WAITING, 0);
    assert_refused("waits for \"waiting\" (0)");
}

/* What waits on no channel needs no sudog, and may have one of a semaphore. */
static void others_are_not_asked_for_channels(void **state)
{
    (void)state;
    park(SEMACQUIRE, PC_SEMACQUIRE);
    assert_named(bit(SEMACQUIRE));
    set_waiting(4, sudog_of(4));
    assert_named(bit(SEMACQUIRE));
    assert_int_equal(n_taken, 3); /* and that sudog, which has no channel */
    set_waiting(4, UINT64_MAX);
    assert_named(bit(SEMACQUIRE));
}

static void a_nil_channel_has_no_sudog(void **state)
{
    (void)state;
    park(NIL_SEND, PC_SEND);
    assert_string_equal(g_layout_reason(layout, NIL_SEND), "chan send (nil chan)");
    assert_named(bit(NIL_SEND));
    process_queue(target, 4);
    assert_refused("a goroutine in runtime.chansend waits on no channel, and yet has a sudog");
}

static void a_select_of_nil_channels_has_no_sudog(void **state)
{
    (void)state;
    park(target->offsets->select, PC_SELECT);
    assert_named(bit(target->offsets->select));
    process_queue(target, 4);
    put64(target, sudog_of(4), g_of(5));
    assert_refused("selectgo has no sudog that points back to it");
    put64(target, sudog_of(4), g_of(4));
    set_channel(4, 0);
    assert_refused("selectgo has a sudog without a channel");
}

static void the_sudog_points_back(void **state)
{
    static const uint64_t elsewhere[] = {1, UINT64_MAX, UINT64_MAX - 7, HEAP_END, 0x7f0000000000};

    (void)state;
    park(target->offsets->send, PC_SEND);
    assert_refused("chansend has no sudog that points back to it");
    process_queue(target, 4);
    assert_named(bit(target->offsets->send));
    put64(target, sudog_of(4), g_of(5));
    assert_refused("no sudog that points back");
    put64(target, sudog_of(4), 0);
    assert_refused("no sudog that points back");
    put64(target, sudog_of(4), g_of(4));
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        set_waiting(4, elsewhere[i]);
        assert_refused("no sudog that points back");
    }
    /* The word that points back can be read, the rest can't. */
    put64(target, HEAP_END - 8, g_of(4));
    set_waiting(4, HEAP_END - 8);
    assert_refused("no sudog that points back");
}

static void the_channel_is_one(void **state)
{
    static const uint64_t elsewhere[] = {0, 1, UINT64_MAX, UINT64_MAX - 63, HEAP_END};

    (void)state;
    park_sender();
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++) {
        set_channel(4, elsewhere[i]);
        assert_refused("chansend has a sudog without a channel that it is queued at");
    }
    /* It says that it is closed, and has no queues. */
    put32(target, HEAP_END - 32 + 28, 1);
    set_channel(4, HEAP_END - 32);
    assert_refused("a sudog without a channel");
}

static void it_is_queued_on_its_side(void **state)
{
    uint64_t recvq = channel_of(4) + target->offsets->recvq, sendq = recvq + 16;

    (void)state;
    park_sender();
    put64(target, recvq, 0);
    assert_named(bit(target->offsets->send));
    put64(target, recvq, sudog_of(4));
    put64(target, sendq, 0);
    assert_refused("a channel that it is queued at");
    park(target->offsets->receive, PC_RECEIVE);
    assert_named(bit(target->offsets->receive));
    put64(target, sendq, sudog_of(4));
    put64(target, recvq, 0);
    assert_refused("a channel that it is queued at");
    /* A select is in either. */
    park(target->offsets->select, PC_SELECT);
    assert_named(bit(target->offsets->select));
}

/* It lets go of all before it wakes the first. */
static void a_channel_being_closed_has_no_queue(void **state)
{
    (void)state;
    park_sender();
    put64(target, channel_of(4) + target->offsets->recvq + 16, 0);
    assert_refused("a channel that it is queued at");
    put32(target, channel_of(4) + 28, 1);
    assert_named(bit(target->offsets->send));
}

/* In a place that would speak against the layout, had it a say. */
static void park_badly(void)
{
    park(target->offsets->send, PC_RECEIVE);
}

static void only_who_seems_parked_is_asked(void **state)
{
    static const uint32_t others[] = {GO_IDLE, GO_RUNNABLE,  GO_RUNNING,  GO_SYSCALL,
                                      GO_DEAD, GO_COPYSTACK, GO_PREEMPTED};

    (void)state;
    park_badly();
    assert_refused("chanrecv");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        process_set_status(target, 4, others[i], target->offsets->send);
        assert_named(0);
        assert_int_equal(n_unwound, 6);
    }
    process_set_status(target, 4, GO_LEAKED, target->offsets->send);
    assert_refused("chanrecv");
}

static void a_stack_pointer_off_its_stack_is_not_followed(void **state)
{
    uint64_t sp = STACKS_AT + 5 * STACK_SIZE - 256;

    (void)state;
    park_badly();
    put64(target, g_of(4), sp + 1);
    assert_named(0);
    assert_int_equal(n_unwound, 6);
    put64(target, g_of(4), sp);
    assert_refused("chanrecv");
    put64(target, g_of(4) + 8, sp - 8);
    assert_named(0);
    put64(target, g_of(4) + 8, sp);
    assert_named(0);
    assert_int_equal(n_unwound, 6);
    put64(target, g_of(4) + 8, sp + 8);
    assert_refused("chanrecv");
    assert_int_equal(last_copy_size, 8);
}

/* No more is copied than there is of it, and never more than there is room for. */
static void stacks_are_copied_in_bounds(void **state)
{
    uint64_t sp = STACKS_AT + 5 * STACK_SIZE - 256;
    static const struct {
        uint64_t above; /* bytes of the stack above sp */
        size_t copied;
    } sizes[] = {
        {1, 1},
        {COPY - 1, COPY - 1},
        {COPY, COPY},
        {COPY + 1, COPY},
        {1ull << 32, COPY},
        {(1ull << 32) + 8, COPY},
        {1ull << 63, COPY},
        {0, COPY}, /* the last: to the end of memory */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        put64(target, g_of(4) + 8, sizes[i].above ? sp + sizes[i].above : UINT64_MAX);
        decode(4);
        goroutines[0] = goroutines[4];
        assert_int_equal(ask_those(1), 0);
        assert_int_equal(n_unwound, 1);
        assert_int_equal(last_copy_size, sizes[i].copied);
    }
}

static void a_stack_that_cannot_be_read_says_nothing(void **state)
{
    static const uint64_t nowhere[] = {8, HEAP_END, UINT64_MAX - 8, UINT64_MAX - COPY};

    (void)state;
    park_badly();
    put64(target, g_of(4), 0);
    put64(target, g_of(4) + 8, UINT64_MAX);
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        put64(target, g_of(4) + 56, nowhere[i]);
        assert_named(0);
        assert_int_equal(n_unwound, 6);
    }
    put64(target, g_of(4) + 56, HEAP_END - 8); /* in part */
    put64(target, HEAP_END - 8, PC_RECEIVE);
    assert_refused("chanrecv");
    assert_int_equal(last_copy_size, 8);
}

static void run_once(void)
{
    put8(target, g_of(4) + target->offsets->sequence, 8);
}

static void move_stack(void)
{
    put64(target, g_of(4) + 56, STACKS_AT + 5 * STACK_SIZE - 264);
}

static void forget_itself(void)
{
    put64(target, g_of(4) + 72, 0);
}

static void park_elsewhere(void)
{
    process_set_status(target, 4, GO_WAITING, target->offsets->receive);
}

/* Stacks, sudogs and channels come in one answer each; the fourth has the g's again. */
static void who_ran_meanwhile_says_nothing(void **state)
{
    static void (*const changes[])(void) = {run_once, move_stack, forget_itself, park_elsewhere};

    (void)state;
    for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        for (change_at = 1; change_at <= 4; change_at++) {
            close_target();
            target = process_new(124, 3);
            target->memory.take = take_exactly;
            park_sender();
            change = changes[i];
            assert_named(0);
            assert_int_equal(n_taken, 4);
            assert_int_equal(n_unwound, 6);
        }
    }
}

/* Neither speaks for the layout nor against it. */
static void a_g_that_cannot_be_read_again_says_nothing(void **state)
{
    static const uint64_t nowhere[] = {UINT64_MAX - 8, HEAP_END, HEAP_END - 100, 0};

    (void)state;
    park_badly();
    decode(4);
    goroutines[0] = goroutines[4];
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        goroutines[0].address = nowhere[i];
        if (nowhere[i] == HEAP_END - 100)
            put64(target, nowhere[i] + 72, nowhere[i]);
        assert_int_equal(ask_those(1), 0);
        assert_true(named == 0);
        assert_int_equal(n_unwound, 0);
    }
}

static void errors_of_the_memory_are_passed_on(void **state)
{
    (void)state;
    park_sender();
    for (fail_at = 1; fail_at <= 4; fail_at++) {
        assert_int_equal(ask(), -ECONNRESET);
        assert_int_equal(n_taken, fail_at);
        assert_true(named == 0);
        assert_int_equal(n_unwound, 0);
    }
    fail_at = 0;
    assert_named(bit(target->offsets->send));
}

/* Each answer is its own goroutine's, in whatever order they lie in memory. */
static void answers_are_not_mixed_up(void **state)
{
    struct goroutine swapped;

    (void)state;
    park_sender();
    process_park_in(target, 5, PC_SEND);
    process_queue(target, 5);
    process_set_status(target, 6, GO_WAITING, target->offsets->receive);
    process_park_in(target, 6, PC_RECEIVE);
    process_queue(target, 6);
    set_waiting(4, sudog_of(6));
    set_waiting(6, sudog_of(4));
    put64(target, sudog_of(6), g_of(4));
    put64(target, sudog_of(4), g_of(6));
    assert_named(bit(target->offsets->send) | bit(target->offsets->receive));
    for (size_t i = 0; i < 3; i++) {
        swapped = goroutines[i];
        goroutines[i] = goroutines[6 - i];
        goroutines[6 - i] = swapped;
    }
    assert_int_equal(ask_those(7), 0);
    assert_true(named == (bit(target->offsets->send) | bit(target->offsets->receive)));
    put64(target, sudog_of(4), g_of(5));
    assert_refused("chanrecv has no sudog that points back");
}

static void some_of_each_reason_are_asked(void **state)
{
    size_t last;

    (void)state;
    for (size_t i = target->n_gs; i < 4 + EACH; i++)
        process_add(target, target->offsets->send, START_OWN);
    last = target->n_gs - 1;
    process_park_in(target, last, PC_RECEIVE);
    assert_refused("chanrecv");
    /* One more comes before it. */
    process_set_status(target, 0, GO_WAITING, target->offsets->send);
    assert_named(0);
    process_set_status(target, last, GO_WAITING, target->offsets->select);
    assert_refused("chanrecv");
}

/* Any byte may be where the layout has the reason. */
static void no_more_are_asked_than_there_is_room_for(void **state)
{
    static struct goroutine many[256 * (EACH + 4)];
    size_t n = 0;

    (void)state;
    decode(4);
    for (unsigned i = 0; i < EACH + 4; i++)
        for (unsigned reason = 0; reason < 256; reason++) {
            many[n] = goroutines[4];
            many[n++].reason = (uint8_t)reason;
        }
    put64(target, STACKS_AT + 5 * STACK_SIZE - 256, PC_RECEIVE);
    n_unwound = 0;
    for (unsigned reason = 0; reason < 256; reason++) {
        put8(target, g_of(4) + target->offsets->reason, (uint8_t)reason);
        named = 0;
        n_unwound = 0;
        (void)witness_ask(layout, (struct go_code *)target, &target->memory, many, n, &named, why);
        assert_in_range(n_unwound, 0, EACH);
        if (reason >= REASONS)
            assert_int_equal(n_unwound, 0);
        else
            assert_in_range(n_unwound, 1, EACH);
    }
}

#define WITH_TARGET(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_version_is_borne_out),
        WITH_TARGET(none_say_nothing),
        WITH_TARGET(numbers_beyond_31_are_told_apart),
        WITH_TARGET(another_reason_is_refused),
        WITH_TARGET(others_are_not_asked_for_channels),
        WITH_TARGET(a_nil_channel_has_no_sudog),
        WITH_TARGET(a_select_of_nil_channels_has_no_sudog),
        WITH_TARGET(the_sudog_points_back),
        WITH_TARGET(the_channel_is_one),
        WITH_TARGET(it_is_queued_on_its_side),
        WITH_TARGET(a_channel_being_closed_has_no_queue),
        WITH_TARGET(only_who_seems_parked_is_asked),
        WITH_TARGET(a_stack_pointer_off_its_stack_is_not_followed),
        WITH_TARGET(stacks_are_copied_in_bounds),
        WITH_TARGET(a_stack_that_cannot_be_read_says_nothing),
        WITH_TARGET(who_ran_meanwhile_says_nothing),
        WITH_TARGET(a_g_that_cannot_be_read_again_says_nothing),
        WITH_TARGET(errors_of_the_memory_are_passed_on),
        WITH_TARGET(answers_are_not_mixed_up),
        WITH_TARGET(some_of_each_reason_are_asked),
        WITH_TARGET(no_more_are_asked_than_there_is_room_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
