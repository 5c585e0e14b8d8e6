/* SPDX-License-Identifier: Apache-2.0 */
/* Messages as they reach the monitor: their order, what is merged, what is sent once, what is too
 * much. */
#include "mailbox.h"

#include <errno.h>
#include <stdio.h>

#include "analyst/outbox.h"

struct fixture {
    struct mailbox *mailbox;
    struct losses losses;
    struct outbox *outbox;
};

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->mailbox = mailbox_new();
    *state = fixture;
    return outbox_new(fixture->mailbox->sockets[0], &fixture->losses, &fixture->outbox);
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    outbox_free(&fixture->outbox);
    mailbox_free(fixture->mailbox);
    free(fixture);
    return 0;
}

static void put(struct fixture *fixture, uint64_t id)
{
    const struct sample sample = {.id = id, .kind = SAMPLE_THREAD, .since_ns = id * 3};

    outbox_put(fixture->outbox, &sample);
}

static int finish(struct fixture *fixture, uint64_t number)
{
    const struct wire_scan scan = {.number = number, .time_ns = 5};

    return outbox_scan(fixture->outbox, &scan);
}

static void assert_order(const struct mailbox *mailbox, const uint32_t *types, size_t n)
{
    assert_int_equal(mailbox->n_messages, n);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(mailbox->order[i], types[i]);
}

#define ASSERT_ORDER(mailbox, ...)                                                                 \
    assert_order(mailbox, (const uint32_t[]){__VA_ARGS__},                                         \
                 sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void test_neighbours_are_merged_in_order(void **state)
{
    struct fixture *fixture = *state;
    struct mailbox *mailbox = fixture->mailbox;

    put(fixture, 1);
    put(fixture, 2);
    outbox_drop(fixture->outbox, SAMPLE_THREAD, 1);
    outbox_drop(fixture->outbox, SAMPLE_THREAD, 2);
    put(fixture, 2);
    outbox_string(fixture->outbox, "a");
    put(fixture, 3);
    mailbox_collect(mailbox);
    assert_int_equal(mailbox->n_messages, 0); /* gathered, not written */
    assert_int_equal(finish(fixture, 9), 0);
    mailbox_collect(mailbox);
    ASSERT_ORDER(mailbox, WIRE_PUT, WIRE_DROP, WIRE_PUT, WIRE_STRING, WIRE_PUT, WIRE_SCAN);
    assert_int_equal(mailbox->n_puts, 4);
    assert_int_equal(mailbox->n_drops, 2);
    assert_int_equal(mailbox->n_samples, 2);
    assert_int_equal(mailbox_sample(mailbox, 3)->since_ns, 9);
    assert_int_equal(mailbox->scan.number, 9);
    assert_int_equal(mailbox->scan.time_ns, 5);

    /* Nothing is merged with what was written. */
    put(fixture, 4);
    assert_int_equal(finish(fixture, 10), 0);
    mailbox_collect(mailbox);
    ASSERT_ORDER(mailbox, WIRE_PUT, WIRE_SCAN);
}

static void test_look_stands_before_what_it_is_of(void **state)
{
    struct fixture *fixture = *state;
    struct mailbox *mailbox = fixture->mailbox;

    put(fixture, 1);
    outbox_look(fixture->outbox, 5);
    put(fixture, 2);
    put(fixture, 3);
    assert_int_equal(finish(fixture, 9), 0);
    mailbox_collect(mailbox);
    ASSERT_ORDER(mailbox, WIRE_PUT, WIRE_LOOK, WIRE_PUT, WIRE_SCAN);
    assert_int_equal(mailbox->look_ns, 5);
    assert_int_equal(mailbox->n_samples, 3);
}

static void test_more_than_the_buffer_is_written_at_once(void **state)
{
    struct fixture *fixture = *state;
    size_t n = 1500; /* some 105 KiB */

    for (uint64_t i = 1; i <= n; i++)
        put(fixture, i);
    mailbox_collect(fixture->mailbox);
    assert_in_range(fixture->mailbox->n_puts, 1, n - 1); /* whole messages only */
    assert_int_equal(finish(fixture, 1), 0);
    mailbox_collect(fixture->mailbox);
    assert_int_equal(fixture->mailbox->n_samples, n);
    for (uint64_t i = 1; i <= n; i++)
        assert_int_equal(mailbox_sample(fixture->mailbox, i)->since_ns, i * 3);
}

static void test_texts_are_sent_once(void **state)
{
    struct fixture *fixture = *state;
    struct outbox *outbox = fixture->outbox;

    assert_int_equal(outbox_string(outbox, NULL), 0);
    assert_int_equal(outbox_string(outbox, "main"), 1);
    assert_int_equal(outbox_string(outbox, ""), 2);
    assert_int_equal(outbox_string(outbox, "main"), 1);
    assert_int_equal(outbox_string(outbox, ""), 2);
    assert_int_equal(outbox_string(outbox, "mai"), 3);
    assert_int_equal(finish(fixture, 1), 0);
    assert_int_equal(outbox_string(outbox, "main"), 1);
    mailbox_collect(fixture->mailbox);
    assert_int_equal(fixture->mailbox->n_strings, 3);
    assert_string_equal(fixture->mailbox->strings[1], "main");
    assert_string_equal(fixture->mailbox->strings[2], "");
    assert_string_equal(fixture->mailbox->strings[3], "mai");
}

static void test_long_texts_are_cut(void **state)
{
    struct fixture *fixture = *state;
    char text[WIRE_STRING_MAX + 100];

    memset(text, 'x', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(outbox_string(fixture->outbox, text), 1);
    text[WIRE_STRING_MAX] = '\0';
    assert_int_equal(outbox_string(fixture->outbox, text), 1);
    assert_int_equal(finish(fixture, 1), 0);
    mailbox_collect(fixture->mailbox);
    assert_int_equal(strlen(fixture->mailbox->strings[1]), WIRE_STRING_MAX);
}

static void test_stack_is_sent_once_behind_its_names(void **state)
{
    struct fixture *fixture = *state;
    const struct frame frames[] = {
        {.function = "read",
         .module = "libc.so.6",
         .build_id = "93ac61",
         .address = 0x10,
         .offset = 0x1},
        {.function = "main",
         .file = "a.c",
         .module = "a",
         .address = 0x20,
         .line = 7,
         .inlined = 1},
    };
    const struct frame creator = {.function = "main.start"};
    struct stack stack = {.id = 77,
                          .kind = SAMPLE_GOROUTINE,
                          .reason = "IO wait",
                          .n_frames = 2,
                          .site = 1,
                          .frames = frames,
                          .creator = &creator,
                          .n_labels = 1,
                          .labels = &(struct label){"tenant", "a.c"}};
    struct wire_label label;
    struct mailbox *mailbox = fixture->mailbox;
    const struct mailbox_stack *sent;

    assert_int_equal(outbox_stack(fixture->outbox, &stack), 0);
    assert_int_equal(outbox_stack(fixture->outbox, &stack), 0);
    stack = (struct stack){.id = 78, .reason = "read"}; /* its reason has been sent, as a name */
    assert_int_equal(outbox_stack(fixture->outbox, &stack), 0);
    assert_int_equal(finish(fixture, 1), 0);
    mailbox_collect(mailbox);
    ASSERT_ORDER(mailbox, WIRE_STRING, WIRE_STRING, WIRE_STRING, WIRE_STRING, WIRE_STRING,
                 WIRE_STRING, WIRE_STRING, WIRE_STRING, WIRE_STRING, WIRE_STACK, WIRE_STACK,
                 WIRE_SCAN);
    sent = mailbox_stack(mailbox, 77);
    assert_int_equal(sent->head.kind, SAMPLE_GOROUTINE);
    assert_int_equal(sent->head.n_frames, 2);
    assert_int_equal(sent->head.site, 1);
    assert_int_equal(sent->head.has_creator, 1);
    assert_string_equal(mailbox->strings[sent->head.reason], "IO wait");
    assert_string_equal(mailbox->strings[sent->frames[0].module], "libc.so.6");
    assert_string_equal(mailbox->strings[sent->frames[0].build_id], "93ac61");
    assert_int_equal(sent->frames[1].build_id, 0);
    assert_int_equal(sent->frames[0].file, 0);
    assert_int_equal(sent->frames[0].offset, 1);
    assert_string_equal(mailbox->strings[sent->frames[1].file], "a.c");
    assert_int_equal(sent->frames[1].line, 7);
    assert_int_equal(sent->frames[1].inlined, 1);
    assert_string_equal(mailbox->strings[sent->frames[2].function], "main.start");
    assert_int_equal(sent->head.n_labels, 1);
    memcpy(&label, &sent->frames[3], sizeof(label));
    assert_string_equal(mailbox->strings[label.key], "tenant");
    assert_string_equal(mailbox->strings[label.value], "a.c");
    sent = mailbox_stack(mailbox, 78);
    assert_int_equal(sent->head.n_frames, 0);
    assert_int_equal(sent->head.has_creator, 0);
    assert_string_equal(mailbox->strings[sent->head.reason], "read");
}

/* Bounds are met without anybody to read what is written until then. */
static void leave(struct fixture *fixture)
{
    shutdown(fixture->mailbox->sockets[1], SHUT_RDWR);
}

static void test_strings_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    char text[32];

    leave(fixture);
    for (uint32_t i = 1; i <= WIRE_STRINGS_MAX; i++) {
        snprintf(text, sizeof(text), "function_%u", i);
        assert_int_equal(outbox_string(fixture->outbox, text), i);
    }
    assert_false(outbox_is_full(fixture->outbox));
    assert_int_equal(outbox_string(fixture->outbox, "one more"), 0);
    assert_int_equal(outbox_string(fixture->outbox, "another"), 0);
    assert_int_equal(outbox_string(fixture->outbox, "function_7"), 7);
    assert_int_equal(fixture->losses.count[LOSS_strings_capped], 2);
    assert_true(outbox_is_full(fixture->outbox));
}

static void test_stacks_are_bounded(void **state)
{
    struct fixture *fixture = *state;
    struct stack stack = {.reason = "read"};

    leave(fixture);
    for (stack.id = 1; stack.id <= WIRE_STACKS_MAX; stack.id++)
        assert_int_equal(outbox_stack(fixture->outbox, &stack), 0);
    assert_false(outbox_is_full(fixture->outbox));
    assert_int_equal(outbox_stack(fixture->outbox, &stack), -ENOSPC);
    assert_int_equal(fixture->losses.count[LOSS_stacks_capped], 1);
    assert_true(outbox_is_full(fixture->outbox));
    stack.id = 1;
    assert_int_equal(outbox_stack(fixture->outbox, &stack), 0);
}

static void test_errors_stay(void **state)
{
    struct fixture *fixture = *state;

    put(fixture, 1);
    leave(fixture);
    assert_int_equal(finish(fixture, 1), -EPIPE);
    assert_int_equal(finish(fixture, 2), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_neighbours_are_merged_in_order),
        TEST(test_look_stands_before_what_it_is_of),
        TEST(test_more_than_the_buffer_is_written_at_once),
        TEST(test_texts_are_sent_once),
        TEST(test_long_texts_are_cut),
        TEST(test_stack_is_sent_once_behind_its_names),
        TEST(test_strings_are_bounded),
        TEST(test_stacks_are_bounded),
        TEST(test_errors_stay),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
