/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/parker.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "analyst/go/layout.h"

/* Functions of 256 bytes each, one behind the other from BASE on: what parker.c links with. */
#define BASE UINT64_C(0x400000)
#define SIZE 256

enum { GOPARK, UNLOCK, SEMACQUIRE, SEND, RECEIVE, MUTEX, LOCK, WORK, FUNCTIONS };

static const char *const functions[FUNCTIONS] = {
    [GOPARK] = "runtime.gopark",          [UNLOCK] = "runtime.goparkunlock",
    [SEMACQUIRE] = "runtime.semacquire1", [SEND] = "runtime.chansend",
    [RECEIVE] = "runtime.chanrecv",       [MUTEX] = "sync.runtime_SemacquireMutex",
    [LOCK] = "sync.(*Mutex).Lock",        [WORK] = "main.work",
};

static const char *renamed; /* what the function WORK is called instead */

const char *go_code_function(struct go_code *code, uint64_t pc, uint64_t *ret_entry)
{
    uint64_t number = (pc - BASE) / SIZE;

    (void)code;
    if (pc < BASE || number >= FUNCTIONS)
        return NULL;
    *ret_entry = BASE + number * SIZE;
    return number == WORK && renamed ? renamed : functions[number];
}

static struct raw_frame in(int function)
{
    return (struct raw_frame){BASE + (uint64_t)function * SIZE + 16, true};
}

/* Behind a call that is the last instruction of the function. */
static struct raw_frame at_end_of(int function)
{
    return (struct raw_frame){BASE + (uint64_t)(function + 1) * SIZE, false};
}

static void assert_found(const struct raw_frame *frames, size_t n, const char *function)
{
    const struct parker *parker = parker_find(NULL, frames, n);

    if (function) {
        assert_non_null(parker);
        assert_string_equal(parker->function, function);
    } else {
        assert_null(parker);
    }
}

static const struct parker *parker_called(const char *function)
{
    const struct raw_frame frame = in(WORK);
    const struct parker *parker;

    renamed = function;
    parker = parker_find(NULL, &frame, 1);
    renamed = NULL;
    return parker;
}

static void who_called_gopark_parked(void **state)
{
    (void)state;
    assert_found((struct raw_frame[]){in(GOPARK), in(SEND), in(WORK)}, 3, "runtime.chansend");
    assert_found((struct raw_frame[]){in(GOPARK), in(UNLOCK), in(SEND)}, 3, "runtime.chansend");
    assert_found((struct raw_frame[]){in(GOPARK), in(UNLOCK), in(SEMACQUIRE), in(MUTEX)}, 4,
                 "sync.runtime_SemacquireMutex");
    assert_found((struct raw_frame[]){in(SEND)}, 1, "runtime.chansend");
}

/* What lies further out called it, and says nothing. */
static void only_the_innermost_counts(void **state)
{
    (void)state;
    assert_found((struct raw_frame[]){in(GOPARK), in(WORK), in(SEND)}, 3, NULL);
    assert_found((struct raw_frame[]){in(GOPARK), in(LOCK), in(MUTEX)}, 3, NULL);
    assert_found((struct raw_frame[]){in(GOPARK), in(SEND), in(RECEIVE)}, 3, "runtime.chansend");
}

static void nothing_known_is_nothing_found(void **state)
{
    const struct raw_frame nowhere[] = {
        {0, false}, {0, true}, {BASE - 1, true}, {UINT64_MAX, true}};

    (void)state;
    assert_found(NULL, 0, NULL);
    assert_found((struct raw_frame[]){in(GOPARK), in(SEND)}, 1, NULL);
    assert_found((struct raw_frame[]){in(GOPARK), in(UNLOCK), in(SEMACQUIRE), in(GOPARK)}, 4, NULL);
    for (size_t i = 0; i < sizeof(nowhere) / sizeof(nowhere[0]); i++) {
        assert_found(&nowhere[i], 1, NULL);
        assert_found((struct raw_frame[]){in(GOPARK), nowhere[i], in(SEND)}, 3, NULL);
    }
}

/* The next instruction is another function's. */
static void a_return_address_lies_behind_its_call(void **state)
{
    struct raw_frame interrupted = at_end_of(SEND);

    (void)state;
    assert_found((struct raw_frame[]){in(GOPARK), at_end_of(SEND)}, 2, "runtime.chansend");
    assert_found((struct raw_frame[]){at_end_of(SEMACQUIRE)}, 1, NULL);
    interrupted.activation = true;
    assert_found((struct raw_frame[]){in(GOPARK), interrupted}, 2, "runtime.chanrecv");
}

static void names_are_whole(void **state)
{
    (void)state;
    assert_null(parker_called("runtime.chansend1"));
    assert_null(parker_called("runtime.chansen"));
    assert_null(parker_called("runtime.block.func1"));
    assert_null(parker_called(""));
}

/* Which reasons each function gives is compared with the runtime's sources by
 * tests/live/test_go_parkers.py. */
static void channels_have_kinds(void **state)
{
    (void)state;
    assert_int_equal(parker_called("runtime.chansend")->kind, PARKER_SENDS);
    assert_int_equal(parker_called("runtime.chanrecv")->kind, PARKER_RECEIVES);
    assert_int_equal(parker_called("runtime.selectgo")->kind, PARKER_SELECTS);
    assert_int_equal(parker_called("runtime.block")->kind, PARKER_OTHER);
    assert_int_equal(parker_called("sync.runtime_SemacquireMutex")->kind, PARKER_OTHER);
}

static void reasons_are_of_the_function(void **state)
{
    const struct parker *lock = parker_called("sync.runtime_SemacquireMutex");

    (void)state;
    assert_true(parker_gives(lock, "sync.Mutex.Lock"));
    assert_true(parker_gives(lock, "semacquire"));
    assert_false(parker_gives(lock, "sync.RWMutex.Lock"));
    assert_false(parker_gives(lock, "chan send"));
}

static void reasons_are_whole(void **state)
{
    const struct parker *sends = parker_called("runtime.chansend");

    (void)state;
    assert_false(parker_gives(sends, "chan"));
    assert_false(parker_gives(sends, "chan send (nil chan) "));
    assert_false(parker_gives(sends, ""));
    assert_false(parker_gives(sends, G_LAYOUT_UNKNOWN));
}

/* What lies behind the last of them is the next function's name. */
static void a_full_list_of_reasons_ends(void **state)
{
    (void)state;
    assert_false(parker_gives(parker_called("runtime.chansend"), "runtime.chanrecv"));
    assert_false(parker_gives(parker_called("runtime.chanrecv"), "runtime.selectgo"));
}

static bool is_known_reason(const char *reason)
{
    for (int minor = GO_MINOR_FIRST; minor <= GO_MINOR_LAST; minor++)
        for (unsigned number = 0; number <= UINT8_MAX; number++)
            if (!strcmp(g_layout_reason(g_layout_of(minor), (uint8_t)number), reason))
                return true;
    return false;
}

/* Or a goroutine in that function would speak against each layout. */
static void some_version_has_each_reason(void **state)
{
    static const char *const all[] = {"runtime.chansend",
                                      "runtime.chanrecv",
                                      "runtime.selectgo",
                                      "sync.runtime_SemacquireWaitGroup",
                                      "sync.runtime_SemacquireMutex",
                                      "runtime.bgscavenge"};

    (void)state;
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        const struct parker *parker = parker_called(all[i]);

        for (size_t k = 0; k < PARKER_REASONS_MAX && parker->reasons[k]; k++)
            assert_true(is_known_reason(parker->reasons[k]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_called_gopark_parked),
        cmocka_unit_test(only_the_innermost_counts),
        cmocka_unit_test(nothing_known_is_nothing_found),
        cmocka_unit_test(a_return_address_lies_behind_its_call),
        cmocka_unit_test(names_are_whole),
        cmocka_unit_test(channels_have_kinds),
        cmocka_unit_test(reasons_are_of_the_function),
        cmocka_unit_test(reasons_are_whole),
        cmocka_unit_test(a_full_list_of_reasons_ends),
        cmocka_unit_test(some_version_has_each_reason),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
