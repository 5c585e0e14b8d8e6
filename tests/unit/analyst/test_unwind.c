/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks of the test process itself: what it finds is compared with what the compiler knows. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <sys/mman.h>

#include "analyst/reference.h"
#include "analyst/unwinder.h"
#include "self.h"

/* One unwind, from inside of the stack that is unwound. */
struct look {
    struct self *self;
    struct stack_copy copy;
    size_t max;
    struct raw_frame raw[SELF_FRAMES];
    size_t n;
    enum unwind_end end;
    struct named named;
    struct reference *reference; /* not NULL: to unwind by */
};

static struct look *looked; /* for the signal handler, which gets no argument */

static __attribute__((noinline)) void look_from_here(struct look *look)
{
    uint64_t regs[RECORD_REGS];
    const struct stack_copy *copy;
    ucontext_t context;

    getcontext(&context);
    self_registers(&context, regs);
    copy = look->copy.size ? &look->copy : NULL;
    look->end =
        look->reference
            ? reference_unwind(look->reference, regs, copy, look->raw, look->max, &look->n)
            : unwinder_unwind(look->self->unwinder, regs, copy, look->raw, look->max, &look->n);
    self_name(look->self, look->raw, look->n, &look->named);
}

static __attribute__((noinline)) void look_from_inner(struct look *look)
{
    look_from_here(look);
    __asm__ volatile("" ::: "memory");
}

static __attribute__((noinline)) void look_from_outer(struct look *look)
{
    look_from_inner(look);
    __asm__ volatile("" ::: "memory");
}

static int start(void **state)
{
    struct look *look = calloc(1, sizeof(*look));

    look->self = calloc(1, sizeof(*look->self));
    look->max = SELF_FRAMES;
    self_start(look->self);
    *state = look;
    return 0;
}

static int end(void **state)
{
    struct look *look = *state;

    self_stop(look->self);
    free(look->self);
    free(look);
    return 0;
}

static void assert_caller_of(const struct named *named, const char *function, const char *caller)
{
    size_t i = self_index(named, function);

    assert_true(i != SIZE_MAX && i + 1 < named->n);
    assert_non_null(named->frames[i + 1].function);
    assert_string_equal(named->frames[i + 1].function, caller);
}

static void test_main_thread_to_its_start(void **state)
{
    struct look *look = *state;

    look_from_outer(look);
    assert_int_equal(look->end, UNWIND_WHOLE);
    assert_caller_of(&look->named, "look_from_here", "look_from_inner");
    assert_caller_of(&look->named, "look_from_inner", "look_from_outer");
    assert_caller_of(&look->named, "look_from_outer", "test_main_thread_to_its_start");
    assert_true(self_index(&look->named, "main") != SIZE_MAX);
    assert_true(look->raw[0].activation);
    assert_false(look->raw[1].activation);
}

static void test_again_after_a_rest(void **state)
{
    struct look *look = *state;
    size_t n, n_opens;

    look_from_outer(look);
    n = look->n;
    n_opens = look->self->n_opens;
    unwinder_rest(look->self->unwinder, 1);
    unwinder_rest(look->self->unwinder, 1 + UNWIND_REST_NS);
    look_from_outer(look);
    assert_int_equal(look->end, UNWIND_WHOLE);
    assert_int_equal(look->n, n);
    assert_caller_of(&look->named, "look_from_inner", "look_from_outer");
    assert_int_equal(look->self->n_opens, 2 * n_opens);
}

static void *look_from_thread(void *argument)
{
    look_from_outer(argument);
    return NULL;
}

static void look_from_new_thread(struct look *look)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, look_from_thread, look), 0);
    pthread_join(thread, NULL);
}

static void test_thread_to_its_start(void **state)
{
    struct look *look = *state;

    look_from_new_thread(look);
    assert_int_equal(look->end, UNWIND_WHOLE);
    assert_caller_of(&look->named, "look_from_outer", "look_from_thread");
}

static void look_from_handler(int signal_number)
{
    (void)signal_number;
    look_from_here(looked);
    __asm__ volatile("" ::: "memory"); /* no tail call */
}

static void look_from_signal(struct look *look)
{
    looked = look;
    signal(SIGUSR1, look_from_handler);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_DFL);
}

static void test_through_signal_frame(void **state)
{
    struct look *look = *state;
    size_t activations = 0;

    look_from_signal(look);
    assert_int_equal(look->end, UNWIND_WHOLE);
    assert_true(self_index(&look->named, "look_from_handler") != SIZE_MAX);
    assert_true(self_index(&look->named, "look_from_signal") != SIZE_MAX);
    assert_true(self_index(&look->named, "test_through_signal_frame") != SIZE_MAX);
    for (size_t i = 1; i < look->n; i++)
        activations += look->raw[i].activation;
    /* The trampoline and what it interrupted. */
    assert_int_equal(activations, 2);
}

/* What the trampoline's row says is in its file, which was closed. */
static void test_through_signal_frame_after_a_rest(void **state)
{
    struct look *look = *state;
    size_t n = 0;

    /* Not unrolled, so that there is one place. */
    for (volatile int i = 0; i < 2; i++) {
        look_from_signal(look);
        assert_int_equal(look->end, UNWIND_WHOLE);
        assert_true(i == 0 || look->n == n);
        n = look->n;
        unwinder_rest(look->self->unwinder, 1);
        unwinder_rest(look->self->unwinder, 1 + UNWIND_REST_NS);
    }
}

/* Looks from one place by ourselves and by libdwfl. */
static void assert_as_by_libdwfl(struct look *look, void (*look_around)(struct look *))
{
    struct raw_frame raw[2][SELF_FRAMES];
    struct reference reference;
    enum unwind_end end[2];
    size_t n[2];

    reference_attach(&reference, look->self->unwinder);
    /* Not unrolled, so that there is one place. */
    for (volatile int i = 0; i < 2; i++) {
        look->reference = i ? &reference : NULL;
        look_around(look);
        memcpy(raw[i], look->raw, sizeof(raw[i]));
        end[i] = look->end;
        n[i] = look->n;
    }
    assert_int_equal(end[1], end[0]);
    assert_int_equal(n[1], n[0]);
    for (size_t i = 0; i < n[0]; i++) {
        assert_int_equal(raw[1][i].pc, raw[0][i].pc);
        assert_int_equal(raw[1][i].activation, raw[0][i].activation);
    }
    unwinder_free(&look->self->unwinder);
    reference_detach(&reference);
}

static void look_from_capped(struct look *look)
{
    look->max = 3;
    look_from_outer(look);
    assert_int_equal(look->end, UNWIND_CAPPED);
}

static void test_as_by_libdwfl(void **state)
{
    assert_as_by_libdwfl(*state, look_from_outer);
}

static void test_as_by_libdwfl_on_a_thread(void **state)
{
    assert_as_by_libdwfl(*state, look_from_new_thread);
}

/* The kernel's frame has the registers in memory, by expressions. */
static void test_as_by_libdwfl_below_a_signal(void **state)
{
    assert_as_by_libdwfl(*state, look_from_signal);
}

static void test_as_by_libdwfl_on_the_cap(void **state)
{
    assert_as_by_libdwfl(*state, look_from_capped);
}

static void test_cap(void **state)
{
    struct look *look = *state;

    look->max = 2;
    look_from_outer(look);
    assert_int_equal(look->end, UNWIND_CAPPED);
    assert_int_equal(look->n, 2);
    assert_true(self_index(&look->named, "look_from_inner") != SIZE_MAX);
}

/* The main thread's stack from here to its end. */
static struct stack_copy stack_here(const struct look *look)
{
    uint64_t here = (uint64_t)__builtin_frame_address(0) - 64 * 1024;
    const struct mapping *mapping = maps_find(&look->self->maps, here + 64 * 1024);

    if (here < mapping->start)
        here = mapping->start;
    return (struct stack_copy){here, (const uint8_t *)(uintptr_t)here, mapping->end - here};
}

static void test_copy_is_enough(void **state)
{
    struct look *look = *state;

    look_from_outer(look); /* loads the modules */
    look->self->n_reads = 0;
    look->copy = stack_here(look);
    look_from_outer(look);
    assert_int_equal(look->end, UNWIND_WHOLE);
    assert_int_equal(look->self->n_reads, 0);
}

static void test_unreadable_stack_is_cut(void **state)
{
    struct look *look = *state;

    look->self->unreadable = true;
    look_from_outer(look);
    assert_int_equal(look->end, UNWIND_CUT);
    assert_int_equal(look->n, 1);
    assert_true(self_index(&look->named, "look_from_here") != SIZE_MAX);
}

static void test_no_code_is_cut(void **state)
{
    struct look *look = *state;
    uint64_t regs[RECORD_REGS] = {[REGS_IP] = 0x10, [REGS_SP] = (uint64_t)&regs};

    look->end = unwinder_unwind(look->self->unwinder, regs, NULL, look->raw, look->max, &look->n);
    assert_int_equal(look->end, UNWIND_CUT);
    assert_int_equal(look->n, 1);
    assert_int_equal(look->raw[0].pc, 0x10);
    assert_true(look->raw[0].activation);
}

/* Code without a file, as JIT compilers make it, is shown, and not guessed beyond. */
static void test_cut_behind_made_code(void **state)
{
    /* push %rbp; mov %rsp,%rbp; call *%rsi; pop %rbp; ret */
    static const uint8_t code[] = {0x55, 0x48, 0x89, 0xe5, 0xff, 0xd6, 0x5d, 0xc3};
    struct look *look = *state;
    void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    void (*made)(struct look *, void (*)(struct look *));

    assert_true(page != MAP_FAILED);
    memcpy(page, code, sizeof(code));
    assert_int_equal(mprotect(page, 4096, PROT_READ | PROT_EXEC), 0);
    maps_free(&look->self->maps);
    self_read_maps(&look->self->maps);
    assert_int_equal(unwinder_set_maps(look->self->unwinder, &look->self->maps), 0);
    memcpy(&made, &page, sizeof(page));
    made(look, look_from_outer);

    assert_int_equal(look->end, UNWIND_CUT);
    assert_int_equal(look->raw[look->n - 1].pc, (uint64_t)page + 6);
    assert_null(look->named.frames[look->named.n - 1].function);
    assert_null(look->named.frames[look->named.n - 1].module);
    munmap(page, 4096);
}

/* What is known of a module is shown to hold by one look at it, however often it is met. */
static void test_doubted_modules_are_looked_at_once(void **state)
{
    struct look *look = *state;
    struct self *self = look->self;
    unsigned int n_opens, n_finds;
    size_t n;

    look_from_outer(look);
    assert_int_equal(self->n_finds, 0); /* they were just listed */
    n = look->n;
    n_opens = self->n_opens;
    unwinder_doubt(self->unwinder);
    look_from_outer(look);
    n_finds = self->n_finds;
    assert_in_range(n_finds, 1, 3); /* this program, cmocka, the C library */
    look_from_outer(look);
    assert_int_equal(self->n_finds, n_finds);
    assert_int_equal(self->n_lists, 0);
    assert_int_equal(self->n_opens, n_opens);
    assert_int_equal(look->n, n);
    assert_caller_of(&look->named, "look_from_inner", "look_from_outer");
    unwinder_doubt(self->unwinder);
    look_from_outer(look);
    assert_int_equal(self->n_finds, 2 * n_finds);
}

/* Nothing was listed yet, or all of it is other code by now. */
static void test_other_modules_are_listed(void **state)
{
    struct look *look = *state;
    struct self *self = look->self;
    const struct maps none = {0};

    assert_int_equal(unwinder_set_maps(self->unwinder, &none), 0);
    unwinder_doubt(self->unwinder);
    look_from_outer(look); /* they cannot be listed */
    assert_int_equal(look->end, UNWIND_CUT);
    assert_int_equal(look->n, 1);
    assert_null(look->named.frames[0].module);
    self->n_lists = 0;
    self->lists = 1;
    look_from_outer(look);
    assert_int_equal(self->n_lists, 1);
    assert_int_equal(look->end, UNWIND_WHOLE);
    assert_caller_of(&look->named, "look_from_inner", "look_from_outer");
}

/* What is above it is told. */
static void test_stack_ends_at_code_that_is_never_as_listed(void **state)
{
    struct look *look = *state;
    struct self *self = look->self;
    const struct mapping *cmocka =
        maps_find(&self->maps, (uint64_t)dlsym(RTLD_DEFAULT, "_cmocka_run_group_tests"));
    struct maps fewer = {.mappings = calloc(self->maps.n, sizeof(struct mapping))};
    size_t n = self->maps.n;

    for (size_t i = 0; i < n; i++)
        if (self->maps.mappings[i].inode != cmocka->inode)
            fewer.mappings[fewer.n++] = self->maps.mappings[i];
    assert_int_equal(unwinder_set_maps(self->unwinder, &fewer), 0);
    maps_free(&fewer);
    unwinder_doubt(self->unwinder);
    look_from_outer(look);
    assert_int_equal(look->end, UNWIND_CUT);
    assert_caller_of(&look->named, "look_from_outer",
                     "test_stack_ends_at_code_that_is_never_as_listed");
    assert_string_equal(look->named.frames[look->named.n - 1].module, "test_unwind");
    assert_int_equal(self->n_lists, 1);
}

static void test_what_cannot_be_looked_at_is_cut(void **state)
{
    struct look *look = *state;
    struct self *self = look->self;

    unwinder_doubt(self->unwinder);
    self->find_error = -EPERM;
    look_from_outer(look);
    assert_int_equal(look->end, UNWIND_CUT);
    assert_int_equal(look->n, 1);
    assert_null(look->named.frames[0].function);
    assert_null(look->named.frames[0].module);
    assert_int_equal(self->n_lists, 0);
    self->find_error = 0;
    look_from_outer(look);
    assert_int_equal(look->end, UNWIND_WHOLE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_main_thread_to_its_start, start, end),
        cmocka_unit_test_setup_teardown(test_again_after_a_rest, start, end),
        cmocka_unit_test_setup_teardown(test_thread_to_its_start, start, end),
        cmocka_unit_test_setup_teardown(test_through_signal_frame, start, end),
        cmocka_unit_test_setup_teardown(test_through_signal_frame_after_a_rest, start, end),
        cmocka_unit_test_setup_teardown(test_as_by_libdwfl, start, end),
        cmocka_unit_test_setup_teardown(test_as_by_libdwfl_on_a_thread, start, end),
        cmocka_unit_test_setup_teardown(test_as_by_libdwfl_below_a_signal, start, end),
        cmocka_unit_test_setup_teardown(test_as_by_libdwfl_on_the_cap, start, end),
        cmocka_unit_test_setup_teardown(test_cap, start, end),
        cmocka_unit_test_setup_teardown(test_copy_is_enough, start, end),
        cmocka_unit_test_setup_teardown(test_unreadable_stack_is_cut, start, end),
        cmocka_unit_test_setup_teardown(test_no_code_is_cut, start, end),
        cmocka_unit_test_setup_teardown(test_cut_behind_made_code, start, end),
        cmocka_unit_test_setup_teardown(test_doubted_modules_are_looked_at_once, start, end),
        cmocka_unit_test_setup_teardown(test_other_modules_are_listed, start, end),
        cmocka_unit_test_setup_teardown(test_stack_ends_at_code_that_is_never_as_listed, start,
                                        end),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_looked_at_is_cut, start, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
