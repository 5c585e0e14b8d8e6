/* SPDX-License-Identifier: Apache-2.0 */
/* Distinct stacks: what makes two of them one, and what is done once. */
#include "mailbox.h"
#include "self.h"

#include "analyst/site.h"
#include "analyst/stacks.h"
#include "reason.h"

struct fixture {
    struct self self;
    struct mailbox *mailbox;
    struct losses losses;
    struct outbox *outbox;
    struct stacks *stacks;
};

static size_t name_frame(void *context, const struct raw_frame *raw,
                         struct frame ret_frames[static SYMBOL_INLINE_MAX])
{
    const struct fixture *fixture = context;

    return unwinder_symbolize(fixture->self.unwinder, raw, ret_frames);
}

static uint32_t find_site(void *context, const struct frame *frames, uint32_t n)
{
    (void)context;
    return site_find(frames, n);
}

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    self_start(&fixture->self);
    fixture->mailbox = mailbox_new();
    *state = fixture;
    if (outbox_new(fixture->mailbox->sockets[0], &fixture->losses, &fixture->outbox))
        return -1;
    return stacks_new(SAMPLE_THREAD, &(struct namer){name_frame, find_site, fixture},
                      fixture->outbox, &fixture->losses, &fixture->stacks);
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    stacks_free(&fixture->stacks);
    outbox_free(&fixture->outbox);
    mailbox_free(fixture->mailbox);
    self_stop(&fixture->self);
    free(fixture);
    return 0;
}

static struct known_stack look_up(struct fixture *fixture, const struct raw_stack *raw)
{
    struct known_stack known;

    assert_int_equal(stacks_find(fixture->stacks, raw, &known), 0);
    assert_int_equal(outbox_scan(fixture->outbox, &(struct wire_scan){.number = 1}), 0);
    mailbox_collect(fixture->mailbox);
    assert_non_null(mailbox_stack(fixture->mailbox, known.id));
    return known;
}

/* Many places on one line, and a name that tells a primitive. */
static __attribute__((noinline)) void sem_wait_example(void)
{
    __asm__ volatile("nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop; nop");
}

static struct raw_frame in_example(uint64_t offset)
{
    return (struct raw_frame){(uint64_t)(uintptr_t)sem_wait_example + offset, true};
}

static void test_stack_is_named_and_sent_once(void **state)
{
    struct fixture *fixture = *state;
    const struct raw_frame frames[] = {in_example(0), {0x10, false}};
    const struct raw_stack raw = {.reason = "futex wait", .frames = frames, .n_frames = 2};
    struct known_stack first = look_up(fixture, &raw);
    const struct mailbox_stack *sent = mailbox_stack(fixture->mailbox, first.id);
    unsigned int n_reads = fixture->self.n_reads;

    assert_int_equal(first.shape, WAIT_SEMAPHORE);
    assert_int_equal(sent->head.n_frames, 2);
    assert_string_equal(fixture->mailbox->strings[sent->frames[0].function], "sem_wait_example");
    assert_int_equal(sent->frames[1].function, 0);
    assert_int_equal(look_up(fixture, &raw).id, first.id);
    assert_int_equal(fixture->mailbox->n_messages, 1);
    /* The module's names may have changed, but they have not. */
    stacks_forget(fixture->stacks);
    assert_int_equal(look_up(fixture, &raw).id, first.id);
    assert_int_equal(look_up(fixture, &raw).shape, WAIT_SEMAPHORE);
    assert_int_equal(fixture->mailbox->n_stacks, 1);
    assert_int_equal(fixture->self.n_reads, n_reads);
}

static void test_places_on_one_line_are_one_stack(void **state)
{
    struct fixture *fixture = *state;
    /* Among the nops, be there a prologue or not. */
    const struct raw_frame one = in_example(5), other = in_example(6);
    struct raw_stack raw = {.reason = "futex wait", .frames = &one, .n_frames = 1};
    uint64_t id = look_up(fixture, &raw).id;

    raw.frames = &other;
    assert_int_equal(look_up(fixture, &raw).id, id);
    assert_int_equal(fixture->mailbox->n_stacks, 1);
}

static void test_reason_and_kernel_frames_are_part_of_it(void **state)
{
    static const struct kernel_record one = {.n = 1, .name = {"io_schedule"}};
    static const struct kernel_record other = {.n = 1, .name = {"folio_wait"}};
    static const struct kernel_record two = {.n = 2, .name = {"io_schedule", "folio_wait"}};
    struct fixture *fixture = *state;
    struct raw_stack raw = {.reason = "io"};
    uint64_t bare = look_up(fixture, &raw).id, with_one, with_two;

    raw.reason = "io_uring";
    assert_int_not_equal(look_up(fixture, &raw).id, bare);
    raw.kernel = &one;
    with_one = look_up(fixture, &raw).id;
    raw.kernel = &other;
    assert_int_not_equal(look_up(fixture, &raw).id, with_one);
    raw.kernel = &two;
    with_two = look_up(fixture, &raw).id;
    assert_int_not_equal(with_one, with_two);
    assert_int_not_equal(with_one, bare);
    assert_int_equal(mailbox_stack(fixture->mailbox, with_two)->head.n_frames, 2);
    assert_int_equal(fixture->mailbox->n_stacks, 5);
}

/* One buffer serves all threads: its text counts, not its address. */
static void test_reason_in_one_buffer(void **state)
{
    struct fixture *fixture = *state;
    char reason[16] = "futex wait";
    struct raw_stack raw = {.reason = reason};
    uint64_t waiting = look_up(fixture, &raw).id;

    strcpy(reason, "stopped");
    assert_int_not_equal(look_up(fixture, &raw).id, waiting);
}

/* The last one is known without a look-up: by all that tells it apart. */
static void test_runs_of_one_stack(void **state)
{
    struct fixture *fixture = *state;
    struct raw_frame frames[] = {in_example(0), {0x10, false}};
    char reason[] = "chan send";
    const struct label label = {"tenant", "a"};
    struct raw_stack raw = {.reason = reason, .frames = frames, .n_frames = 2, .creator = 0x20};
    const uint64_t first = look_up(fixture, &raw).id;
    uint64_t others[7];

    assert_int_equal(look_up(fixture, &raw).id, first);
    raw.creator = 0x30;
    others[0] = look_up(fixture, &raw).id;
    raw.creator = 0x20;
    reason[0] = 'C';
    others[1] = look_up(fixture, &raw).id;
    reason[0] = 'c';
    raw.n_frames = 1;
    others[2] = look_up(fixture, &raw).id;
    raw.n_frames = 2;
    frames[1].pc = 0x18;
    others[3] = look_up(fixture, &raw).id;
    frames[1].pc = 0x10;
    raw.labels = &label;
    raw.n_labels = 1;
    others[4] = look_up(fixture, &raw).id;
    raw.n_labels = 0;
    assert_int_equal(look_up(fixture, &raw).id, first);
    raw.n_frames = 0;
    others[5] = look_up(fixture, &raw).id;
    raw.creator = 0;
    others[6] = look_up(fixture, &raw).id;
    for (size_t i = 0; i < 7; i++)
        for (size_t j = 0; j < i; j++)
            assert_true(others[i] != first && others[i] != others[j]);
    assert_int_equal(fixture->mailbox->n_stacks, 8);
}

/* The reason is cut where it is sent only. */
static void test_reasons_that_begin_alike(void **state)
{
    struct fixture *fixture = *state;
    const struct raw_frame frame = in_example(0);
    char reason[2 * REASON_MAX] = "";
    struct raw_stack raw = {.reason = reason, .frames = &frame, .n_frames = 1};
    uint64_t one;

    memset(reason, 'r', sizeof(reason) - 1);
    one = look_up(fixture, &raw).id;
    reason[sizeof(reason) - 2] = 's';
    assert_true(look_up(fixture, &raw).id != one);
}

static void test_labels_are_part_of_it(void **state)
{
    struct fixture *fixture = *state;
    const struct raw_frame frame = in_example(0);
    struct label labels[] = {{"tenant", "a"}, {"route", "b"}};
    struct raw_stack raw = {.reason = "select", .frames = &frame, .n_frames = 1};
    uint64_t bare = look_up(fixture, &raw).id, one;

    raw.labels = labels;
    raw.n_labels = 1;
    one = look_up(fixture, &raw).id;
    assert_true(one != bare);
    raw.n_labels = 2;
    assert_true(look_up(fixture, &raw).id != one);
    raw.n_labels = 1;
    labels[0].value = "b";
    assert_true(look_up(fixture, &raw).id != one);
    labels[0].value = "a";
    assert_true(look_up(fixture, &raw).id == one);
}

static void test_id_is_the_same_for_another_analyst(void **state)
{
    struct fixture *fixture = *state;
    const struct raw_frame frame = in_example(0);
    const struct raw_stack raw = {.reason = "futex wait", .frames = &frame, .n_frames = 1};
    uint64_t id = look_up(fixture, &raw).id;

    end(state);
    assert_int_equal(start(state), 0);
    assert_int_equal(look_up(*state, &raw).id, id);
}

static void test_frames_are_bounded(void **state)
{
    static const struct kernel_record kernel = {.n = 2, .name = {"io_schedule", "folio_wait"}};
    struct fixture *fixture = *state;
    struct raw_frame frames[STACK_FRAMES_MAX] = {{0}};
    struct raw_stack raw = {.reason = "io", .frames = frames, .n_frames = STACK_FRAMES_MAX};

    for (size_t i = 0; i < STACK_FRAMES_MAX; i++)
        frames[i].pc = i + 1;
    look_up(fixture, &raw);
    assert_int_equal(fixture->losses.count[LOSS_frames_capped], 0);
    raw.kernel = &kernel;
    assert_int_equal(mailbox_stack(fixture->mailbox, look_up(fixture, &raw).id)->head.n_frames,
                     STACK_FRAMES_MAX);
    assert_int_equal(fixture->losses.count[LOSS_frames_capped], 1);
}

/* A count is a word of another process's. */
static void test_kernel_frames_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct kernel_record *kernel = calloc(1, sizeof(*kernel));
    struct raw_stack raw = {.reason = "io", .kernel = kernel};

    kernel->n = UINT32_MAX;
    assert_int_equal(mailbox_stack(fixture->mailbox, look_up(fixture, &raw).id)->head.n_frames,
                     KERNEL_FRAMES_MAX);
    free(kernel);
}

static void test_no_room_for_another_stack(void **state)
{
    struct fixture *fixture = *state;
    const struct raw_stack raw = {.reason = "read"};
    struct stack filler = {.reason = "read"};
    struct known_stack known;

    shutdown(fixture->mailbox->sockets[1], SHUT_RDWR);
    for (filler.id = 1; filler.id <= WIRE_STACKS_MAX; filler.id++)
        assert_int_equal(outbox_stack(fixture->outbox, &filler), 0);
    for (int i = 0; i < 2; i++) /* it is not found the second time either */
        assert_int_equal(stacks_find(fixture->stacks, &raw, &known), -ENOSPC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_stack_is_named_and_sent_once),
        TEST(test_places_on_one_line_are_one_stack),
        TEST(test_reason_and_kernel_frames_are_part_of_it),
        TEST(test_reason_in_one_buffer),
        TEST(test_runs_of_one_stack),
        TEST(test_reasons_that_begin_alike),
        TEST(test_labels_are_part_of_it),
        TEST(test_id_is_the_same_for_another_analyst),
        TEST(test_frames_are_bounded),
        TEST(test_kernel_frames_are_bounded),
        TEST(test_no_room_for_another_stack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
