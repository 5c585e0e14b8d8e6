/* SPDX-License-Identifier: Apache-2.0 */
/* Names of an analyst: resolved, cleaned, bounded. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "buildid.h"
#include "monitor/names.h"

static const struct idle no_patterns;

struct fixture {
    size_t pool;
    struct budget budget;
    struct names *names;
    struct losses losses;
};

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    assert_non_null(fixture);
    fixture->pool = BUDGET_POOL;
    fixture->budget.pool = &fixture->pool;
    assert_int_equal(names_new(&no_patterns, &fixture->budget, &fixture->names), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    names_free(&fixture->names);
    names_free(&fixture->names);
    assert_int_equal(fixture->budget.used, 0);
    assert_int_equal(fixture->pool, BUDGET_POOL);
    free(fixture);
    return 0;
}

static int add_string(struct fixture *fixture, uint32_t id, const char *bytes, size_t length)
{
    char payload[sizeof(id) + WIRE_STRING_MAX];

    memcpy(payload, &id, sizeof(id));
    memcpy(payload + sizeof(id), bytes, length);
    return names_add_string(fixture->names, payload, sizeof(id) + length, &fixture->losses);
}

struct message {
    struct wire_stack stack;
    struct wire_frame frames[STACK_FRAMES_MAX + 1];
};

static int add_stack(struct fixture *fixture, const struct message *message)
{
    return names_add_stack(fixture->names, message, &fixture->losses);
}

static void test_strings(void **state)
{
    struct fixture *fixture = *state;

    assert_true(names_has_string(fixture->names, 0));
    assert_false(names_has_string(fixture->names, 1));
    assert_int_equal(add_string(fixture, 1, "one", 3), 0);
    assert_int_equal(add_string(fixture, WIRE_STRINGS_MAX, "last", 4), 0);
    assert_int_equal(add_string(fixture, 1, "again", 5), -EBADMSG);
    assert_string_equal(names_string(fixture->names, 1), "one");
    assert_string_equal(names_string(fixture->names, WIRE_STRINGS_MAX), "last");
    assert_null(names_string(fixture->names, 0));
    assert_null(names_string(fixture->names, 2));
}

static void test_strings_are_cleaned(void **state)
{
    static char bad[WIRE_STRING_MAX];

    assert_int_equal(add_string(*state, 1, "a\033[2J\0b", 7), 0);
    assert_string_equal(names_string(((struct fixture *)*state)->names, 1),
                        "a\xef\xbf\xbd[2J\xef\xbf\xbd"
                        "b");
    memset(bad, 0xff, sizeof(bad));
    assert_int_equal(add_string(*state, 2, bad, sizeof(bad)), 0);
    assert_int_equal(strlen(names_string(((struct fixture *)*state)->names, 2)),
                     3 * WIRE_STRING_MAX);
}

static void test_stack(void **state)
{
    struct fixture *fixture = *state;
    const struct message message = {
        .stack = {.id = 7,
                  .kind = SAMPLE_GOROUTINE,
                  .reason = 1,
                  .n_frames = 2,
                  .site = 1,
                  .has_creator = 1},
        .frames = {{.address = 0x10, .offset = 0x1, .module = 2, .inlined = 1},
                   {.address = 0x20, .function = 2, .file = 1, .line = 3},
                   {.address = 0x30, .function = 1}},
    };
    const struct named_stack *stack;

    add_string(fixture, 1, "sleep", 5);
    add_string(fixture, 2, "two", 3);
    assert_null(names_stack(fixture->names, 7));
    assert_int_equal(add_stack(fixture, &message), 0);
    stack = names_stack(fixture->names, 7);
    assert_non_null(stack);
    assert_string_equal(stack->stack.reason, "sleep");
    assert_string_equal(stack->idle_rule, "sleep");
    assert_int_equal(stack->stack.kind, SAMPLE_GOROUTINE);
    assert_int_equal(stack->stack.n_frames, 2);
    assert_int_equal(stack->stack.site, 1);
    assert_null(stack->stack.frames[0].function);
    assert_string_equal(stack->stack.frames[0].module, "two");
    assert_int_equal(stack->stack.frames[0].inlined, 1);
    assert_string_equal(stack->stack.frames[1].function, "two");
    assert_string_equal(stack->stack.frames[1].file, "sleep");
    assert_int_equal(stack->stack.frames[1].line, 3);
    assert_int_equal(stack->stack.creator->address, 0x30);
    assert_int_equal(add_stack(fixture, &message), -EBADMSG);
}

static void test_labels(void **state)
{
    struct fixture *fixture = *state;
    struct {
        struct wire_stack stack;
        struct wire_label labels[2];
    } message = {.stack = {.id = 7, .reason = 1, .n_labels = 2}, .labels = {{1, 2}, {2, 3}}};
    const struct stack *stack;

    add_string(fixture, 1, "one", 3);
    add_string(fixture, 2, "two", 3);
    assert_int_equal(names_add_stack(fixture->names, &message, &fixture->losses), -EBADMSG);
    message.labels[1].value = 1;
    assert_int_equal(names_add_stack(fixture->names, &message, &fixture->losses), 0);
    stack = &names_stack(fixture->names, 7)->stack;
    assert_int_equal(stack->n_labels, 2);
    assert_string_equal(stack->labels[0].key, "one");
    assert_string_equal(stack->labels[0].value, "two");
    assert_string_equal(stack->labels[1].key, "two");
}

static void test_build_ids_are_checked(void **state)
{
    struct fixture *fixture = *state;
    struct message message = {.stack = {.id = 7, .reason = 1, .n_frames = 1}};
    char long_id[BUILD_ID_TEXT_MAX + 1];

    memset(long_id, 'a', sizeof(long_id));
    add_string(fixture, 1, "read", 4);
    add_string(fixture, 2, "../ab", 5);
    add_string(fixture, 3, long_id, sizeof(long_id));
    add_string(fixture, 4, "93ac61", 6);
    for (uint32_t id = 1; id <= 5; id++) {
        message.frames[0].build_id = id;
        assert_int_equal(add_stack(fixture, &message), id == 4 ? 0 : -EBADMSG);
    }
    assert_string_equal(names_stack(fixture->names, 7)->stack.frames[0].build_id, "93ac61");
}

static void test_stack_of_unknown_strings(void **state)
{
    struct fixture *fixture = *state;
    struct message message = {.stack = {.id = 7, .reason = 2, .n_frames = 1}};

    add_string(fixture, 1, "one", 3);
    assert_int_equal(add_stack(fixture, &message), -EBADMSG);
    message.stack.reason = 1;
    message.frames[0].file = 2;
    assert_int_equal(add_stack(fixture, &message), -EBADMSG);
    assert_null(names_stack(fixture->names, 7));
    message.frames[0].file = 0;
    assert_int_equal(add_stack(fixture, &message), 0);
}

/* Beyond the bound of bytes a string is known, but reads as unknown. */
static void test_strings_capped(void **state)
{
    struct fixture *fixture = *state;
    static char text[WIRE_STRING_MAX];
    uint32_t id = 1;
    struct message message = {.stack = {.id = 7, .n_frames = 1}};

    memset(text, 't', sizeof(text));
    while (!fixture->losses.count[LOSS_strings_capped])
        assert_int_equal(add_string(fixture, id++, text, sizeof(text)), 0);
    id--;
    assert_in_range(id, NAMES_BYTES_MAX / (WIRE_STRING_MAX + 1),
                    NAMES_BYTES_MAX / WIRE_STRING_MAX + 1);
    assert_true(names_has_string(fixture->names, id));
    assert_null(names_string(fixture->names, id));
    assert_int_equal(add_string(fixture, id, "x", 1), -EBADMSG);
    message.stack.reason = id;
    message.frames[0].function = id;
    assert_int_equal(add_stack(fixture, &message), 0);
    assert_string_equal(names_stack(fixture->names, 7)->stack.reason, "other");
    assert_null(names_stack(fixture->names, 7)->stack.frames[0].function);
}

static void test_frames_capped(void **state)
{
    struct fixture *fixture = *state;
    struct message message = {.stack = {.reason = 1, .n_frames = STACK_FRAMES_MAX}};

    add_string(fixture, 1, "one", 3);
    assert_false(names_stacks_capped(fixture->names));
    while (!fixture->losses.count[LOSS_stacks_capped]) {
        message.stack.id++;
        assert_int_equal(add_stack(fixture, &message), 0);
    }
    assert_int_equal(message.stack.id, NAMES_FRAMES_MAX / STACK_FRAMES_MAX + 1);
    assert_null(names_stack(fixture->names, message.stack.id));
    assert_true(names_stacks_capped(fixture->names));
}

static void test_stacks_capped(void **state)
{
    struct fixture *fixture = *state;
    struct message message = {.stack = {.reason = 1}};

    add_string(fixture, 1, "one", 3);
    for (uint64_t id = 1; id <= WIRE_STACKS_MAX + 3; id++) {
        message.stack.id = id;
        assert_int_equal(add_stack(fixture, &message), 0);
    }
    assert_int_equal(fixture->losses.count[LOSS_stacks_capped], 3);
    assert_non_null(names_stack(fixture->names, WIRE_STACKS_MAX));
    assert_null(names_stack(fixture->names, WIRE_STACKS_MAX + 1));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_strings),
        TEST(test_strings_are_cleaned),
        TEST(test_stack),
        TEST(test_stack_of_unknown_strings),
        TEST(test_build_ids_are_checked),
        TEST(test_labels),
        TEST(test_strings_capped),
        TEST(test_frames_capped),
        TEST(test_stacks_capped),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
