/* SPDX-License-Identifier: Apache-2.0 */
/* What is made of one parked thread: its stack with names, its object, its memory. */
#include "cleanup.h"
#include "follow.h"
#include "self.h"

struct fixture {
    struct follow *follow;
    struct native *native;
    struct native_thread thread; /* described last */
    struct mappings *mappings;
};

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->follow = follow_new(0);
    *state = fixture;
    assert_int_equal(mappings_new(fixture->follow->remote, &fixture->mappings), 0);
    return native_new(fixture->follow->remote, fixture->mappings, false, fixture->follow->outbox,
                      &fixture->follow->losses, &fixture->native);
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    native_free(&fixture->native);
    mappings_free(&fixture->mappings);
    follow_free(fixture->follow);
    free(fixture);
    return 0;
}

static void begin_scan(struct fixture *fixture)
{
    mappings_begin(fixture->mappings);
    native_begin(fixture->native);
}

static int try_describe(struct fixture *fixture, const struct thread_record *record)
{
    fixture->thread = (struct native_thread){0};
    return native_describe(fixture->native, record, 1, &fixture->thread);
}

/* Describes one thread; its stack as the monitor gets it. */
static const struct mailbox_stack *describe(struct fixture *fixture,
                                            const struct thread_record *record)
{
    struct follow *follow = fixture->follow;
    const struct mailbox_stack *stack;

    assert_int_equal(try_describe(fixture, record), 0);
    assert_int_equal(fixture->thread.error, 0);
    assert_int_equal(outbox_scan(follow->outbox, &(struct wire_scan){.number = 1}), 0);
    mailbox_collect(follow->mailbox);
    stack = mailbox_stack(follow->mailbox, fixture->thread.stack.id);
    assert_non_null(stack);
    return stack;
}

static const char *string(struct fixture *fixture, uint32_t id)
{
    return id ? fixture->follow->mailbox->strings[id] : "";
}

static const char *function(struct fixture *fixture, const struct mailbox_stack *stack, uint32_t i)
{
    return i < stack->head.n_frames ? string(fixture, stack->frames[i].function) : "";
}

static __attribute__((noinline)) const struct mailbox_stack *park_inner(struct fixture *fixture)
{
    struct thread_record *record = follow_add(fixture->follow, 10);
    uint64_t number = record->regs[REGS_ORIG_AX], futex = record->regs[REGS_DI];
    const struct mailbox_stack *stack;
    ucontext_t context;

    getcontext(&context);
    self_registers(&context, record->regs);
    record->regs[REGS_ORIG_AX] = number;
    record->regs[REGS_DI] = futex;
    stack = describe(fixture, record);
    __asm__ volatile("" ::: "memory"); /* no tail call */
    return stack;
}

static __attribute__((noinline)) const struct mailbox_stack *park_outer(struct fixture *fixture)
{
    const struct mailbox_stack *stack = park_inner(fixture);

    __asm__ volatile("" ::: "memory");
    return stack;
}

static void test_whole_stack_has_names(void **state)
{
    struct fixture *fixture = *state;
    const struct mailbox_stack *stack = park_outer(fixture);

    assert_string_equal(string(fixture, stack->head.reason), "futex wait");
    assert_int_equal(stack->head.kind, SAMPLE_THREAD);
    assert_string_equal(function(fixture, stack, 0), "park_inner");
    assert_string_equal(function(fixture, stack, 1), "park_outer");
    assert_string_equal(function(fixture, stack, 2), "test_whole_stack_has_names");
    assert_string_equal(string(fixture, stack->frames[0].module), "test_native");
    assert_true(stack->frames[0].line > 0);
    assert_int_equal(stack->head.site, 0);
    assert_int_equal(fixture->follow->losses.count[LOSS_unwind_cut], 0);
    assert_int_equal(fixture->thread.wait.kind, OBJECT_FUTEX);
    assert_int_equal(fixture->thread.memory_bytes, 8192);
}

/* Of the library in which the first thread waits nothing is left to open. */
static void assert_library_is_prepared(struct fixture *fixture)
{
    struct fake_probe *probe = &fixture->follow->probe;
    struct thread_record *record = follow_add(fixture->follow, 10);
    const unsigned int *n_opened = probe->n_requests;
    bool in_program;

    record->regs[REGS_IP] = probe->place = (uintptr_t)&getpid;
    assert_int_equal(native_prepare(fixture->native, &in_program), 0);
    assert_false(in_program);
    assert_int_equal(n_opened[RPC_OPEN_MAPPING], 1);
    describe(fixture, record);
    assert_int_equal(n_opened[RPC_OPEN_MAPPING], 1);
    assert_int_equal(fixture->follow->mailbox->n_stacks, 1);
}

static void test_a_library_is_prepared(void **state)
{
    struct fixture *fixture = *state;

    assert_library_is_prepared(fixture);
    assert_int_equal(fixture->follow->probe.n_requests[RPC_MAPS], 0);
}

/* Before Linux 6.11. */
static void test_a_library_is_prepared_by_all_mappings(void **state)
{
    struct fixture *fixture = *state;

    fixture->follow->probe.only_all = true;
    assert_library_is_prepared(fixture);
}

/* One library is known by then, and nothing else. */
static void test_a_prepared_stack_is_whole(void **state)
{
    struct fixture *fixture = *state;
    const struct mailbox_stack *stack;
    bool in_program;

    fixture->follow->probe.place = (uintptr_t)&getpid;
    assert_int_equal(native_prepare(fixture->native, &in_program), 0);
    stack = park_outer(fixture);
    assert_string_equal(function(fixture, stack, 1), "park_outer");
    assert_string_equal(function(fixture, stack, 2), "test_a_prepared_stack_is_whole");
    assert_int_equal(fixture->follow->losses.count[LOSS_unwind_cut], 0);
}

static void test_the_program_is_not_prepared(void **state)
{
    struct fixture *fixture = *state;
    struct fake_probe *probe = &fixture->follow->probe;
    bool in_program;

    probe->place = (uintptr_t)&test_the_program_is_not_prepared;
    assert_int_equal(native_prepare(fixture->native, &in_program), 0);
    assert_true(in_program);
    probe->place = 1; /* in nothing */
    assert_int_equal(native_prepare(fixture->native, &in_program), 0);
    assert_false(in_program);
    assert_int_equal(probe->n_requests[RPC_MAPPED], 2);
    assert_int_equal(probe->n_requests[RPC_OPEN_MAPPING], 0);
}

/* It is no loss: the scan will look for itself. */
static void test_nothing_can_be_prepared(void **state)
{
    struct fixture *fixture = *state;
    struct fake_probe *probe = &fixture->follow->probe;
    bool in_program;

    assert_int_equal(native_prepare(fixture->native, &in_program), 0);
    assert_false(in_program);
    assert_int_equal(probe->n_requests[RPC_MAPS] + probe->n_requests[RPC_MAPPED], 0);
    probe->fail_type = RPC_PLACE;
    probe->fail_error = -ECONNRESET;
    assert_int_equal(native_prepare(fixture->native, &in_program), -ECONNRESET);
    for (int i = 0; i < LOSS_MAX; i++)
        assert_int_equal(fixture->follow->losses.count[i], 0);
}

static void test_stack_is_sent_once(void **state)
{
    struct fixture *fixture = *state;
    const struct thread_record *record = follow_add(fixture->follow, 10);

    describe(fixture, record);
    assert_int_equal(fixture->follow->mailbox->n_stacks, 1);
    describe(fixture, record);
    assert_int_equal(fixture->follow->mailbox->n_stacks, 1);
    assert_int_equal(fixture->follow->mailbox->n_messages, 1);
}

/* An address without code keeps its place in the stack, and the cut is counted. */
static void test_frame_without_a_name_is_shown(void **state)
{
    struct fixture *fixture = *state;
    const struct mailbox_stack *stack = describe(fixture, follow_add(fixture->follow, 10));

    assert_int_equal(stack->head.n_frames, 1);
    assert_int_equal(stack->frames[0].address, 0x10);
    assert_int_equal(stack->frames[0].function, 0);
    assert_int_equal(stack->frames[0].module, 0);
    assert_int_equal(fixture->follow->losses.count[LOSS_unwind_cut], 1);
}

static __attribute__((noinline)) void callee_example(void)
{
    __asm__ volatile("nop");
}

static __attribute__((noinline)) void caller_example(void)
{
    __asm__ volatile("nop; nop");
}

/* The copy of a stack is found behind one that could not be read. */
static void test_stacks_of_a_batch_are_kept_apart(void **state)
{
    struct fixture *fixture = *state;
    struct follow *follow = fixture->follow;
    void *unreadable = mmap(NULL, 1 << 16, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    struct thread_record *records = follow->records;
    struct native_thread threads[2] = {0};
    const struct mailbox_stack *stack;
    uint64_t *sp;

    assert_ptr_not_equal(unreadable, MAP_FAILED);
    follow_add(follow, 10)->regs[REGS_SP] = (uint64_t)(uintptr_t)unreadable;
    follow_add(follow, 11)->regs[REGS_IP] = (uint64_t)(uintptr_t)callee_example;
    sp = (uint64_t *)(uintptr_t)records[1].regs[REGS_SP];
    *sp = (uint64_t)(uintptr_t)caller_example + 1; /* where it returns to */
    assert_int_equal(native_describe(fixture->native, records, 2, threads), 0);
    assert_int_equal(outbox_scan(follow->outbox, &(struct wire_scan){.number = 1}), 0);
    mailbox_collect(follow->mailbox);
    stack = mailbox_stack(follow->mailbox, threads[1].stack.id);
    assert_non_null(stack);
    assert_string_equal(function(fixture, stack, 0), "callee_example");
    assert_string_equal(function(fixture, stack, 1), "caller_example");
    munmap(unreadable, 1 << 16);
}

/* As many stacks as there are in a batch, each as large as is copied: more than a slot holds. */
struct large_batch {
    uint8_t stacks[NATIVE_BATCH_MAX + 1][16 * 1024];
    struct thread_record records[NATIVE_BATCH_MAX];
    struct native_thread threads[NATIVE_BATCH_MAX];
};

/* The last one has no caller. */
static struct large_batch *make_large_batch(struct follow *follow)
{
    struct large_batch *batch =
        mmap(NULL, sizeof(*batch), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t caller = (uint64_t)(uintptr_t)caller_example + 1;

    assert_ptr_not_equal(batch, MAP_FAILED);
    for (uint32_t i = 0; i < NATIVE_BATCH_MAX; i++) {
        batch->records[i] = *follow_add(follow, 10 + i);
        batch->records[i].regs[REGS_SP] = (uint64_t)(uintptr_t)batch->stacks[i];
        batch->records[i].regs[REGS_IP] = (uint64_t)(uintptr_t)callee_example;
        if (i < NATIVE_BATCH_MAX - 1)
            memcpy(batch->stacks[i], &caller, sizeof(caller));
    }
    return batch;
}

static int describe_large_batch(struct fixture *fixture, struct large_batch *batch)
{
    return native_describe(fixture->native, batch->records, NATIVE_BATCH_MAX, batch->threads);
}

static void test_batch_of_large_stacks(void **state)
{
    struct fixture *fixture = *state;
    struct large_batch *batch = make_large_batch(fixture->follow);
    const struct native_thread *threads = batch->threads;

    assert_int_equal(describe_large_batch(fixture, batch), 0);
    for (int i = 1; i < NATIVE_BATCH_MAX - 1; i++)
        assert_int_equal(threads[i].stack.id, threads[0].stack.id);
    assert_int_not_equal(threads[NATIVE_BATCH_MAX - 1].stack.id, threads[0].stack.id);
    munmap(batch, sizeof(*batch));
}

/* None of its answers is taken for one of the next batch's. */
static void test_batch_that_fails(void **state)
{
    struct fixture *fixture = *state;
    struct large_batch *batch = make_large_batch(fixture->follow);
    struct fake_probe *probe = &fixture->follow->probe;

    probe->fail_type = RPC_READ;
    probe->fail_error = -ESRCH;
    assert_int_equal(describe_large_batch(fixture, batch), -ESRCH);
    probe->fail_error = 0;
    assert_int_equal(describe_large_batch(fixture, batch), 0);
    munmap(batch, sizeof(*batch));
}

static void test_kernel_frames_of_uninterruptible_threads(void **state)
{
    static const struct kernel_record kernel[] = {
        {.tid = 11, .n = 1, .name = {"other"}}, /* in no order */
        {.tid = 10, .n = 2, .name = {"io_schedule", "folio_wait_bit_common"}},
        {.tid = 9, .n = 1, .name = {"another"}},
    };
    struct fixture *fixture = *state;
    struct fake_probe *probe = &fixture->follow->probe;
    struct thread_record *record = follow_add(fixture->follow, 10);
    const struct mailbox_stack *stack;

    probe->kernel = kernel;
    probe->n_kernel = 3;
    record->state = 2;
    record->regs[REGS_ORIG_AX] = SYS_pread64;
    stack = describe(fixture, record);
    assert_string_equal(string(fixture, stack->head.reason), "io");
    assert_int_equal(stack->head.n_frames, 3);
    assert_string_equal(function(fixture, stack, 0), "io_schedule");
    assert_string_equal(function(fixture, stack, 1), "folio_wait_bit_common");
    assert_string_equal(string(fixture, stack->frames[0].module), "[kernel]");
    assert_int_equal(stack->head.site, 2);
    assert_int_equal(probe->n_requests[RPC_KERNEL], 1);

    describe(fixture, record); /* in the same scan */
    assert_int_equal(probe->n_requests[RPC_KERNEL], 1);
    begin_scan(fixture);
    describe(fixture, record);
    assert_int_equal(probe->n_requests[RPC_KERNEL], 2);
}

static void test_kernel_frames_may_be_missing(void **state)
{
    struct fixture *fixture = *state;
    struct thread_record *record = follow_add(fixture->follow, 10);

    record->state = 2; /* the probe has none to give: -ENOENT */
    assert_int_equal(describe(fixture, record)->head.n_frames, 1);
    record->state = 1;
    begin_scan(fixture);
    describe(fixture, record);
    assert_int_equal(fixture->follow->probe.n_requests[RPC_KERNEL], 1); /* asked by nobody */
}

/* Neither has registers that could be unwound. */
static void test_workers_and_32_bit_threads_have_no_frames(void **state)
{
    struct fixture *fixture = *state;
    struct thread_record *record = follow_add(fixture->follow, 10);
    const struct mailbox_stack *stack;

    record->flags = RECORD_WORKER;
    stack = describe(fixture, record);
    assert_string_equal(string(fixture, stack->head.reason), "io_uring");
    assert_int_equal(stack->head.n_frames, 0);
    assert_int_equal(fixture->thread.wait.kind, OBJECT_NONE);
    record->flags = RECORD_COMPAT;
    assert_int_equal(describe(fixture, record)->head.n_frames, 0);
    assert_int_equal(fixture->follow->losses.count[LOSS_unwind_cut], 0);
}

/* Notes what was asked to be measured, and what to be copied of the first. */
struct asked {
    struct rpc_range resident;
    struct rpc_range copied;
};

static void note_ranges(struct fake_probe *probe, const struct rpc_request *request)
{
    struct asked *asked = probe->context;

    if (request->type == RPC_RESIDENT)
        asked->resident = request->ranges[0];
    if (request->type == RPC_READ && !asked->copied.address)
        asked->copied = request->ranges[0];
}

#define PAGE 4096ull

static struct asked ask(struct fixture *fixture, uint64_t sp, uint64_t tls)
{
    struct follow *follow = fixture->follow;
    struct thread_record record = *follow_add(follow, 10);
    struct asked asked = {0};

    record.regs[REGS_SP] = sp;
    record.tls = tls;
    follow->probe.before = note_ranges;
    follow->probe.context = &asked;
    begin_scan(fixture);
    assert_int_equal(try_describe(fixture, &record), 0);
    follow->probe.before = NULL;
    return asked;
}

static void assert_range(struct rpc_range range, uint64_t address, uint64_t length)
{
    assert_int_equal(range.address, address);
    assert_int_equal(range.length, length);
}

static void test_memory_is_that_of_the_stack(void **state)
{
    struct fixture *fixture = *state;
    size_t size = 64 * PAGE;
    uint8_t *pages = mmap(NULL, size + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t stack = (uint64_t)(uintptr_t)pages + PAGE, top = stack + size, sp = top - 9 * PAGE + 8;
    struct asked asked;

    assert_ptr_not_equal(pages, MAP_FAILED);
    assert_int_equal(mprotect(pages + PAGE, size, PROT_READ | PROT_WRITE), 0);

    /* The thread pointer is close to the end of the mapping: it is the thread's own. */
    asked = ask(fixture, sp, top - PAGE);
    assert_range(asked.resident, stack, size);
    assert_range(asked.copied, sp, 4 * PAGE);
    /* Others share it. */
    sp = stack + 3 * PAGE + 16;
    assert_range(ask(fixture, sp, stack + 5 * PAGE + 1).resident, stack + 3 * PAGE, 3 * PAGE);
    /* Not between its thread pointer and anything: that of a coroutine, or no stack at all. */
    assert_range(ask(fixture, sp, stack).resident, sp, 0);
    assert_range(ask(fixture, sp, 0).resident, sp, 0);
    /* Close to the top there is no more to copy, nor are there frames above the thread pointer. */
    sp = top - 24;
    assert_range(ask(fixture, sp, 0).copied, sp, 24);
    assert_range(ask(fixture, sp, top - 16).copied, sp, 8);
    /* Nothing is mapped there. */
    asked = ask(fixture, 8, 16);
    assert_range(asked.resident, 8, 0);
    munmap(pages, size + 2 * PAGE);
}

static void test_memory_that_cannot_be_measured_is_0(void **state)
{
    struct fixture *fixture = *state;

    fixture->follow->probe.resident = UINT64_MAX;
    describe(fixture, follow_add(fixture->follow, 10));
    assert_int_equal(fixture->thread.memory_bytes, 0);
}

/* /proc/PID/pagemap of another user's process. */
static void test_memory_that_may_not_be_measured_is_0(void **state)
{
    struct fixture *fixture = *state;

    fixture->follow->probe.fail_type = RPC_RESIDENT;
    fixture->follow->probe.fail_error = -EACCES;
    describe(fixture, follow_add(fixture->follow, 10));
    assert_int_equal(fixture->thread.memory_bytes, 0);
}

/* Nothing but the code is other code now: the same thread, with the same registers and stack. */
static void map_program(uint64_t at, uint64_t offset)
{
    AUTO_CLOSE int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    void *address = (void *)(uintptr_t)at;

    assert_ptr_equal(
        mmap(address, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_FIXED, fd, (off_t)offset),
        address);
}

static void test_code_that_takes_anothers_place(void **state)
{
    struct fixture *fixture = *state;
    struct fake_probe *probe = &fixture->follow->probe;
    struct thread_record *record = follow_add(fixture->follow, 10);
    uint64_t code = (uint64_t)(uintptr_t)callee_example, page = code & -PAGE, at, offset;
    const struct mapping *program;
    const struct maps *maps;
    unsigned int n_maps;

    assert_int_equal(mappings_at(fixture->mappings, &(uint64_t){code}, 1, &maps), 0);
    program = maps_find(maps, code);
    offset = page - program->start + program->offset;
    at = (uint64_t)(uintptr_t)mmap(NULL, PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    record->regs[REGS_IP] = at + (code - page);

    map_program(at, offset);
    begin_scan(fixture);
    assert_string_equal(function(fixture, describe(fixture, record), 0), "callee_example");
    begin_scan(fixture);
    n_maps = probe->n_maps;
    assert_int_equal(try_describe(fixture, record), 0);
    assert_int_equal(probe->n_maps, n_maps);

    map_program(at, 0); /* what is there now has no name */
    begin_scan(fixture);
    assert_string_equal(function(fixture, describe(fixture, record), 0), "");
    assert_int_equal(probe->n_maps, n_maps + 1);

    munmap((void *)(uintptr_t)at, PAGE);
    begin_scan(fixture);
    assert_int_equal(describe(fixture, record)->frames[0].module, 0);
    map_program(at, offset);
    begin_scan(fixture);
    assert_string_equal(function(fixture, describe(fixture, record), 0), "callee_example");
    munmap((void *)(uintptr_t)at, PAGE);
}

/* Nothing is told of a thread rather than something that may not hold any more. */
static void test_mappings_that_cannot_be_asked_for(void **state)
{
    static const uint32_t types[] = {RPC_MAPPED, RPC_MAPS};
    struct fixture *fixture = *state;
    struct fake_probe *probe = &fixture->follow->probe;
    struct thread_record *record = follow_add(fixture->follow, 10);

    probe->fail_error = -EPERM;
    record->regs[REGS_IP] = (uint64_t)(uintptr_t)callee_example;
    for (size_t i = 0; i < 2; i++) {
        probe->fail_type = types[i];
        assert_int_equal(try_describe(fixture, record), -EPERM);
        assert_int_equal(fixture->follow->mailbox->n_stacks, 0);
    }
    probe->fail_type = RPC_MAPPED;
    probe->fail_after = 1; /* the stack is found, the code is not */
    assert_int_equal(try_describe(fixture, record), -EPERM);
    probe->fail_error = 0;
    assert_string_equal(function(fixture, describe(fixture, record), 0), "callee_example");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_whole_stack_has_names),
        TEST(test_a_library_is_prepared),
        TEST(test_a_library_is_prepared_by_all_mappings),
        TEST(test_a_prepared_stack_is_whole),
        TEST(test_the_program_is_not_prepared),
        TEST(test_nothing_can_be_prepared),
        TEST(test_stack_is_sent_once),
        TEST(test_frame_without_a_name_is_shown),
        TEST(test_stacks_of_a_batch_are_kept_apart),
        TEST(test_batch_of_large_stacks),
        TEST(test_batch_that_fails),
        TEST(test_kernel_frames_of_uninterruptible_threads),
        TEST(test_kernel_frames_may_be_missing),
        TEST(test_workers_and_32_bit_threads_have_no_frames),
        TEST(test_memory_is_that_of_the_stack),
        TEST(test_memory_that_cannot_be_measured_is_0),
        TEST(test_memory_that_may_not_be_measured_is_0),
        TEST(test_code_that_takes_anothers_place),
        TEST(test_mappings_that_cannot_be_asked_for),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
