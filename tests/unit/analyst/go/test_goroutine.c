/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/goroutine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyst/go/channel.h"
#include "analyst/go/process.h"

static struct goroutine decode(struct process *process, size_t index)
{
    const struct g_layout *layout = g_layout_of(process->minor);
    struct goroutine goroutine;

    assert_true(goroutine_decode(layout, g_of(index),
                                 process_at(process, g_of(index), layout->size), &goroutine));
    return goroutine;
}

static void fields_are_where_each_version_has_them(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct process *process = process_new(versions[i].minor, 1);
        struct goroutine goroutine;

        put64(process, g_of(4) + process->offsets->waitsince, 12345);
        put64(process, g_of(4) + process->offsets->waiting, THINGS_AT);
        /* labels, by the DWARF of 1.19, 1.23, 1.24, 1.26, 1.27 */
        put64(process, g_of(4) + process->offsets->waiting + 32, THINGS_AT + 8);
        goroutine = decode(process, 4);
        assert_int_equal(goroutine.labels, THINGS_AT + 8);
        assert_int_equal(goroutine.goid, 5);
        assert_int_equal(goroutine.pc, 0x401000);
        assert_int_equal(goroutine.stack_hi - goroutine.sp, 256);
        assert_int_equal(goroutine.stack_hi - goroutine.stack_lo, STACK_SIZE);
        assert_int_equal(goroutine.waitsince, 12345);
        assert_int_equal(goroutine.waiting, THINGS_AT);
        assert_int_equal(goroutine.gopc, 0x402000);
        assert_int_equal(goroutine.startpc, START_OWN);
        assert_int_equal(goroutine.sequence, 7);
        assert_string_equal(goroutine_reason(g_layout_of(process->minor), &goroutine), "chan send");
        free(process);
    }
}

/* Numbers of the reasons as they are in each release. */
static void reasons_have_the_numbers_of_each_version(void **state)
{
    static const struct {
        int minor;
        uint8_t number;
        const char *reason;
    } reasons[] = {
        {117, 20, "sync.Cond.Wait"},
        {119, 18, "semacquire"},
        {119, 26, "debug call"},
        {120, 21, "sync.Mutex.Lock"},
        {121, 31, "stopping the world"},
        {122, 36, "coroutine"},
        {123, 37, "GC weak to strong wait"},
        {124, 24, "sync.WaitGroup.Wait"},
        {124, 43, "select (synctest)"},
        {125, 18, "GOMAXPROCS updater (idle)"},
        {125, 25, "sync.WaitGroup.Wait"},
        {125, 46, "cleanup wait"},
        {126, 2, "IO wait"},
        {126, 17, "select (no cases)"},
        {126, 24, "sync.RWMutex.Lock"},
        {127, 46, "cleanup wait"},
        {127, 47, "unknown wait reason"},
        {119, 27, "unknown wait reason"},
        {119, 255, "unknown wait reason"},
        {119, 0, "waiting"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
        struct goroutine goroutine = {.status = GO_WAITING, .reason = reasons[i].number};

        assert_string_equal(goroutine_reason(g_layout_of(reasons[i].minor), &goroutine),
                            reasons[i].reason);
    }
}

/* isWaitingForSuspendG in runtime/runtime2.go. */
static bool runs_in_truth(const char *reason)
{
    static const char *const running[] = {
        "GC assist marking",    "garbage collection",  "garbage collection scan",
        "GC worker (active)",   "GC mark termination", "stopping the world",
        "flushing proc caches", "page trace flush",    "trace goroutine status",
        "trace proc status",
    };

    for (size_t i = 0; i < sizeof(running) / sizeof(running[0]); i++)
        if (!strcmp(reason, running[i]))
            return true;
    return false;
}

static void numbers_of_special_reasons_are_theirs(void **state)
{
    (void)state;
    for (int minor = GO_MINOR_FIRST; minor <= GO_MINOR_LAST; minor++) {
        const struct g_layout *layout = g_layout_of(minor);

        for (uint8_t i = 0; i < layout->n_reasons; i++) {
            assert_int_equal(layout->running >> i & 1, runs_in_truth(layout->reasons[i]));
            assert_int_equal(layout->coroutine == i && i, !strcmp(layout->reasons[i], "coroutine"));
        }
        assert_true(layout->n_reasons < 64);
        assert_int_equal(layout->running >> layout->n_reasons, 0);
    }
}

static void states_are_told_apart(void **state)
{
    static const struct {
        uint32_t status;
        uint8_t reason;
        bool live, parked;
        enum goroutine_state state;
    } cases[] = {
        {0, 0, false, false, 0},
        {1, 20, true, false, GOROUTINE_RUNNABLE},
        {2, 20, true, false, GOROUTINE_RUNNING},
        {3, 20, true, true, GOROUTINE_SYSCALL},
        {4, 20, true, true, GOROUTINE_WAITING},
        {4, 29, true, false, GOROUTINE_RUNNING}, /* GC worker (active) */
        {4, 33, true, false, GOROUTINE_RUNNING}, /* stopping the world */
        {6, 20, false, false, 0},
        {8, 20, true, false, GOROUTINE_RUNNING},
        {9, 20, true, false, GOROUTINE_RUNNABLE},
        {10, 20, true, true, GOROUTINE_WAITING}, /* leaked */
        {11, 20, false, false, 0},
        {0x1004, 20, true, true, GOROUTINE_WAITING}, /* under scan */
        {0x1001, 20, true, false, GOROUTINE_RUNNABLE},
    };
    const struct g_layout *layout = g_layout_of(126);
    struct process *process = process_new(126, 1);

    (void)state;
    put64(process, g_of(4) + process->offsets->syscall_sp, STACKS_AT + 4 * STACK_SIZE + 8);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct goroutine goroutine;

        process_set_status(process, 4, cases[i].status, cases[i].reason);
        goroutine = decode(process, 4);
        assert_int_equal(goroutine_is_live(&goroutine), cases[i].live);
        assert_int_equal(goroutine_is_parked(layout, &goroutine), cases[i].parked);
        if (cases[i].live)
            assert_int_equal(goroutine_state(layout, &goroutine), cases[i].state);
    }
    free(process);
}

static void a_system_call_has_a_place_of_its_own(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct process *process = process_new(versions[i].minor, 1);
        struct goroutine goroutine;

        put64(process, g_of(4) + process->offsets->syscall_sp, 111);
        put64(process, g_of(4) + process->offsets->syscall_sp + 8, 222);
        process_set_status(process, 4, GO_SYSCALL, 0);
        goroutine = decode(process, 4);
        assert_int_equal(goroutine.sp, 111);
        assert_int_equal(goroutine.pc, 222);
        assert_string_equal(goroutine_reason(g_layout_of(process->minor), &goroutine), "syscall");
        free(process);
    }
}

static void what_is_no_g_is_refused(void **state)
{
    const struct g_layout *layout = g_layout_of(124);
    struct process *process = process_new(124, 1);
    struct goroutine goroutine;
    const uint8_t *bytes = process_at(process, g_of(4), layout->size);

    (void)state;
    assert_true(goroutine_decode(layout, g_of(4), bytes, &goroutine));
    assert_false(goroutine_decode(layout, g_of(3), bytes, &goroutine));
    process_set_status(process, 4, 12, 0);
    assert_false(goroutine_decode(layout, g_of(4), bytes, &goroutine));
    process_set_status(process, 4, 0x80000004, 0);
    assert_false(goroutine_decode(layout, g_of(4), bytes, &goroutine));
    free(process);
}

static void a_stack_pointer_outside_is_no_park(void **state)
{
    const struct g_layout *layout = g_layout_of(124);
    struct goroutine goroutine = {.goid = 1,
                                  .status = GO_WAITING,
                                  .reason = 14,
                                  .stack_lo = 1000,
                                  .stack_hi = 2000,
                                  .sp = 1500};

    (void)state;
    assert_true(goroutine_is_parked(layout, &goroutine));
    goroutine.sp = 2000;
    assert_false(goroutine_is_parked(layout, &goroutine));
    goroutine.sp = 999;
    assert_false(goroutine_is_parked(layout, &goroutine));
    goroutine = (struct goroutine){.goid = 1, .status = GO_WAITING, .reason = 14, .stack_hi = 8};
    assert_false(goroutine_is_parked(layout, &goroutine));
}

static void sudogs_and_channels_are_decoded(void **state)
{
    (void)state;
    for (size_t i = 0; i < VERSIONS; i++) {
        struct process *process = process_new(versions[i].minor, 0);
        const struct offsets *offsets = process->offsets;
        const struct g_layout *layout = g_layout_of(process->minor);
        struct sudog sudog;
        struct channel channel;

        put64(process, THINGS_AT + 8, 222);
        put64(process, THINGS_AT + offsets->sudog_link, 111);
        put64(process, THINGS_AT + offsets->sudog_channel, THINGS_AT + 512);
        put64(process, THINGS_AT + (process->minor < 126 ? 24 : 32), 333);
        sudog = sudog_decode(layout, process_at(process, THINGS_AT, layout->sudog_size));
        assert_int_equal(sudog.next, 111);
        assert_int_equal(sudog.behind, 222);
        assert_int_equal(sudog.channel, THINGS_AT + 512);
        assert_int_equal(sudog.element, 333);
        put64(process, THINGS_AT + 512, 3);
        put64(process, THINGS_AT + 512 + 8, 5);
        put32(process, THINGS_AT + 512 + 28, 1);
        put64(process, THINGS_AT + 512 + offsets->recvq, 1);
        put64(process, THINGS_AT + 512 + offsets->recvq + 8, 1);
        channel =
            channel_decode(layout, process_at(process, THINGS_AT + 512, layout->channel_size));
        assert_int_equal(channel.length, 3);
        assert_int_equal(channel.capacity, 5);
        assert_true(channel.closed);
        assert_int_equal(channel.receivers.n, 1);
        assert_false(channel.receivers.more);
        assert_int_equal(channel.senders.n, 0);
        put64(process, THINGS_AT + 512 + offsets->recvq + 16, 1);
        put64(process, THINGS_AT + 512 + offsets->recvq + 24, 2);
        channel =
            channel_decode(layout, process_at(process, THINGS_AT + 512, layout->channel_size));
        assert_int_equal(channel.senders.first, 1);
        assert_int_equal(channel.senders.last, 2);
        assert_int_equal(channel.senders.n, 2);
        assert_true(channel.senders.more);
        free(process);
    }
}

static void channels_are_described(void **state)
{
    static const struct {
        struct channel channel;
        const char *reason;
        unsigned n_cases;
        const char *text;
    } cases[] = {
        {{.senders = {.n = 1}}, "chan send", 1, "unbuffered, open, with 1 sender and no receiver"},
        {{.receivers = {.n = 1}},
         "chan receive",
         1,
         "unbuffered, open, with 1 receiver and no sender"},
        {{.senders = {.n = 14}},
         "chan send",
         1,
         "unbuffered, open, with 14 senders and no receiver"},
        {{.senders = {.n = 1000, .more = true}},
         "chan send",
         1,
         "unbuffered, open, with 1,000 or more senders and no receiver"},
        {{.length = 5, .capacity = 5, .senders = {.n = 2, .more = true}},
         "chan send",
         1,
         "buffer full (5), open, with 2 or more senders and no receiver"},
        {{.capacity = 4, .receivers = {.n = 3}},
         "chan receive",
         1,
         "buffer empty (0 of 4), open, with 3 receivers and no sender"},
        {{.length = 2, .capacity = 4, .closed = true}, "chan send", 1, "buffered 2 of 4, closed"},
        {{.receivers = {.n = 1}},
         "select",
         3,
         "one of 3 channels of a select, unbuffered, open, with 1 receiver and no sender"},
        {{.receivers = {.n = 1}, .senders = {.n = 1}},
         "select",
         1,
         "unbuffered, open, with 1 sender and 1 receiver"},
        {{UINT64_MAX - 1,
          UINT64_MAX,
          true,
          {.n = UINT32_MAX, .more = true},
          {.n = UINT32_MAX, .more = true}},
         "select (durable)",
         UINT32_MAX,
         "one of 4294967295 channels of a select, buffered 18446744073709551614 of "
         "18446744073709551615, closed, with 4,294,967,295 or more senders and 4,294,967,295 or "
         "more receivers"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char text[CHANNEL_TEXT_MAX];

        channel_text(&cases[i].channel, cases[i].reason, cases[i].n_cases, text);
        assert_string_equal(text, cases[i].text);
    }
    assert_false(channel_is_select("select (no cases)"));
    assert_true(channel_is_select("select (synctest)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fields_are_where_each_version_has_them),
        cmocka_unit_test(reasons_have_the_numbers_of_each_version),
        cmocka_unit_test(numbers_of_special_reasons_are_theirs),
        cmocka_unit_test(states_are_told_apart),
        cmocka_unit_test(a_system_call_has_a_place_of_its_own),
        cmocka_unit_test(what_is_no_g_is_refused),
        cmocka_unit_test(a_stack_pointer_outside_is_no_park),
        cmocka_unit_test(sudogs_and_channels_are_decoded),
        cmocka_unit_test(channels_are_described),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
