/* SPDX-License-Identifier: Apache-2.0 */
/* Objects of package sync, found from a goroutine's stack: what must be there, and what must not.
 */
#include "analyst/go/semaphore.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "analyst/go/process.h"

#define OWN_G    GS_AT
#define MUTEX    (THINGS_AT + 0x8000)
#define SUDOG(i) (THINGS_AT + (i)*96ul)
#define COND(i)  (THINGS_AT + 0x4000 + (i)*64ul)

struct test {
    struct process *process;
    struct gatherer gatherer;
    struct semaphore_search search;
};

static int setup(void **state)
{
    struct test *test = calloc(1, sizeof(*test));

    test->process = process_new(119, 0);
    gatherer_init(&test->gatherer, &test->process->memory);
    test->search = (struct semaphore_search){
        .wanted = true,
        .g = OWN_G,
        .sp = STACKS_AT,
        .stack = process_at(test->process, STACKS_AT, 1024),
        .size = 1024,
    };
    *state = test;
    return 0;
}

static int teardown(void **state)
{
    struct test *test = *state;

    free(test->process);
    free(test);
    return 0;
}

static void put_sudog(struct test *test, unsigned int i, uint64_t g, uint64_t element,
                      uint64_t channel)
{
    put64(test->process, SUDOG(i), g);
    put64(test->process, SUDOG(i) + 24, element);
    put64(test->process, SUDOG(i) + 80, channel);
}

static void put_cond(struct test *test, unsigned int i, uint64_t checker, uint64_t waiter)
{
    put64(test->process, COND(i) + 32, waiter);
    put64(test->process, COND(i) + 40, waiter);
    put64(test->process, COND(i) + 48, checker);
}

static void put_on_stack(struct test *test, size_t at, uint64_t word)
{
    put64(test->process, STACKS_AT + at, word);
}

static uint64_t find(struct test *test, size_t end)
{
    test->search.n = 0;
    assert_int_equal(semaphores_find(&test->gatherer, g_layout_of(119), &test->search, 1), 0);
    return semaphore_found(&test->search, end);
}

static void the_sudog_in_the_frame_leads_to_it(void **state)
{
    struct test *test = *state;

    put_sudog(test, 0, OWN_G, MUTEX + 4, 0);
    put_sudog(test, 1, OWN_G + 512, MUTEX + 0x100, 0); /* another goroutine's */
    put_sudog(test, 2, OWN_G, 0, 0);                   /* of a wait that is over */
    put_sudog(test, 3, OWN_G, MUTEX + 0x200, MUTEX);   /* of a channel */
    for (unsigned int i = 1; i < 4; i++)
        put_on_stack(test, 8 * i, SUDOG(i));
    put_on_stack(test, 64, STACKS_AT + 128);
    put_on_stack(test, 72, UINT64_MAX);
    assert_int_equal(find(test, SIZE_MAX), 0);
    put_on_stack(test, 120, SUDOG(0));
    put_on_stack(test, SEMAPHORE_WINDOW - 8, SUDOG(0));
    assert_int_equal(find(test, SIZE_MAX), MUTEX + 4);
    test->search.size = 120; /* the copy ends before it */
    assert_int_equal(find(test, SIZE_MAX), 0);
}

static void what_is_ambiguous_is_not_claimed(void **state)
{
    struct test *test = *state;

    for (unsigned int i = 0; i < SEMAPHORE_FOUND_MAX + 2; i++) {
        put_sudog(test, i, OWN_G, MUTEX + 4 + 8 * i, 0);
        put_on_stack(test, 8 * i, SUDOG(i));
        assert_int_equal(find(test, SIZE_MAX), i ? 0 : MUTEX + 4);
    }
    assert_int_equal(find(test, 8), 0); /* more than were kept */
}

static void a_cond_that_points_to_itself(void **state)
{
    struct test *test = *state;

    test->search.is_cond = true;
    put_cond(test, 0, COND(0) + 48, SUDOG(0));
    put_cond(test, 1, COND(1) + 48, 0);        /* nobody waits */
    put_cond(test, 2, COND(0) + 48, SUDOG(0)); /* a copy */
    put_cond(test, 3, 0, SUDOG(0));
    for (unsigned int i = 1; i < 4; i++)
        put_on_stack(test, 8 * i, COND(i));
    assert_int_equal(find(test, SEMAPHORE_WINDOW), 0);
    put_on_stack(test, 64, COND(0));
    put_on_stack(test, 40, COND(0));
    assert_int_equal(find(test, SEMAPHORE_WINDOW), COND(0) + 16);
    assert_int_equal(find(test, 48), COND(0) + 16);
    assert_int_equal(find(test, 40), 0);
    put_cond(test, 1, COND(1) + 48, SUDOG(0)); /* another one, of the frame below or above */
    put_on_stack(test, 200, COND(1));
    assert_int_equal(find(test, 48), 0);
    put_on_stack(test, 8, 0);
    assert_int_equal(find(test, 48), COND(0) + 16);
    assert_int_equal(find(test, 208), 0);
}

/* More than are read at once, each with its own, and some that are not asked for. */
static void many_at_once(void **state)
{
    struct test *test = *state;
    struct semaphore_search searches[100];

    for (unsigned int i = 0; i < 100; i++) {
        uint64_t stack = STACKS_AT + i * 1024ul;

        searches[i] = (struct semaphore_search){
            .wanted = i % 3 != 0,
            .g = OWN_G + i * 512ul,
            .sp = stack,
            .stack = process_at(test->process, stack, 1024),
            .size = 1024,
        };
        put_sudog(test, i, OWN_G + i * 512ul, MUTEX + 8ul * i + 4, 0);
        for (size_t at = 0; at < SEMAPHORE_WINDOW; at += 8)
            put64(test->process, stack + at, SUDOG((i + at / 8) % 100));
    }
    assert_int_equal(semaphores_find(&test->gatherer, g_layout_of(119), searches, 100), 0);
    for (unsigned int i = 0; i < 100; i++)
        assert_int_equal(semaphore_found(&searches[i], SIZE_MAX), i % 3 ? MUTEX + 8ul * i + 4 : 0);
}

static void objects_begin_before_their_semaphores(void **state)
{
    static const struct {
        uint64_t address;
        const char *function;
        uint64_t object;
        const char *type;
    } cases[] = {
        {0x1004, "sync.(*Mutex).lockSlow", 0x1000, "sync.Mutex"},
        {0x1004, "internal/sync.(*Mutex).lockSlow", 0x1000, "sync.Mutex"},
        {0x1008, "sync.(*RWMutex).Lock", 0x1000, "sync.RWMutex"},
        {0x100c, "sync.(*RWMutex).RLock", 0x1000, "sync.RWMutex"},
        {0x1008, "sync.(*WaitGroup).Wait", 0x1000, "sync.WaitGroup"},
        {0x1004, "sync.(*WaitGroup).Wait", 0x1004, "sync.WaitGroup"}, /* Go 1.17, not aligned */
        {0x1010, "sync.(*Cond).Wait", 0x1000, "sync.Cond"},
        {0x1004, "sync.runtime_SemacquireMutex", 0, NULL},
        {0x1004, "main.(*Mutex).Lock", 0, NULL},
        {4, "sync.(*Mutex).lockSlow", 0, NULL},
        {0, "sync.(*Cond).Wait", 0, NULL},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *type = NULL;

        assert_int_equal(semaphore_object(cases[i].address, cases[i].function, &type),
                         cases[i].object);
        assert_int_equal(!type, !cases[i].type);
        if (type)
            assert_string_equal(type, cases[i].type);
    }
}

static void reasons_of_package_sync(void **state)
{
    struct g_layout layout = *g_layout_of(119);

    (void)state;
    assert_true(semaphore_is_known(g_layout_of(119), "semacquire"));
    assert_true(semaphore_is_known(g_layout_of(119), "sync.RWMutex.RLock"));
    assert_true(semaphore_is_known(g_layout_of(119), "sync.WaitGroup.Wait (durable)"));
    assert_false(semaphore_is_known(g_layout_of(119), "synctest.Wait"));
    assert_false(semaphore_is_known(g_layout_of(119), "chan receive"));
    layout.is_guess = true;
    assert_false(semaphore_is_known(&layout, "semacquire"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_sudog_in_the_frame_leads_to_it, setup, teardown),
        cmocka_unit_test_setup_teardown(what_is_ambiguous_is_not_claimed, setup, teardown),
        cmocka_unit_test_setup_teardown(a_cond_that_points_to_itself, setup, teardown),
        cmocka_unit_test_setup_teardown(many_at_once, setup, teardown),
        cmocka_unit_test(objects_begin_before_their_semaphores),
        cmocka_unit_test(reasons_of_package_sync),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
