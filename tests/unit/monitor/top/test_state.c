/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/top/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define ROWS 10

/* Ten groups with stack ids 100 to 109, four of which show at a time, and two targets. */
struct stage {
    uint64_t ids[ROWS];
    struct rows rows;
    struct state_scene scene;
    struct state state;
};

static void set_stage(struct stage *stage)
{
    *stage = (struct stage){.rows = {.n = ROWS, .ids = stage->ids}};
    for (size_t i = 0; i < ROWS; i++)
        stage->ids[i] = 100 + i;
    stage->scene = (struct state_scene){
        .n_targets = 2, .rows = &stage->rows, .list_rows = 4, .n_lines = 20, .page_rows = 6};
}

static void press(struct stage *stage, enum input_kind kind)
{
    struct input input = {.kind = kind};

    state_input(&stage->state, &input, &stage->scene);
    state_follow(&stage->state, &stage->scene);
}

static void type(struct stage *stage, const char *text)
{
    for (; *text; text++) {
        struct input input = {.kind = INPUT_CHARACTER, .character = (unsigned char)*text};

        state_input(&stage->state, &input, &stage->scene);
        state_follow(&stage->state, &stage->scene);
    }
}

static void moves_in_the_list(void **state)
{
    struct stage stage;

    (void)state;
    set_stage(&stage);
    press(&stage, INPUT_UP);
    assert_int_equal(stage.state.cursor, 0);
    press(&stage, INPUT_DOWN);
    type(&stage, "jjj");
    assert_int_equal(stage.state.cursor, 4);
    assert_int_equal(stage.state.selected, 104);
    assert_int_equal(stage.state.first, 1); /* scrolled as far as it takes */
    type(&stage, "k");
    assert_int_equal(stage.state.cursor, 3);
    press(&stage, INPUT_PAGE_DOWN);
    assert_int_equal(stage.state.cursor, 7);
    press(&stage, INPUT_PAGE_DOWN);
    assert_int_equal(stage.state.cursor, 9);
    assert_int_equal(stage.state.first, 6);
    press(&stage, INPUT_DOWN);
    assert_int_equal(stage.state.cursor, 9);
    press(&stage, INPUT_HOME);
    assert_int_equal(stage.state.cursor, 0);
    assert_int_equal(stage.state.first, 0);
    press(&stage, INPUT_END);
    press(&stage, INPUT_PAGE_UP);
    assert_int_equal(stage.state.cursor, 5);
}

/* The cursor stays with its group when others pass it, and in its place when that is gone. */
static void follows_a_group(void **state)
{
    struct stage stage;

    (void)state;
    set_stage(&stage);
    type(&stage, "jj");
    stage.ids[2] = 107;
    stage.ids[7] = 102;
    state_follow(&stage.state, &stage.scene);
    assert_int_equal(stage.state.cursor, 7);
    assert_int_equal(stage.state.first, 4);
    stage.ids[7] = 111;
    state_follow(&stage.state, &stage.scene);
    assert_int_equal(stage.state.cursor, 7);
    assert_int_equal(stage.state.selected, 111);
    stage.rows.n = 3;
    state_follow(&stage.state, &stage.scene);
    assert_int_equal(stage.state.cursor, 2);
    assert_int_equal(stage.state.first, 0);
    stage.rows.n = 0;
    state_follow(&stage.state, &stage.scene);
    assert_int_equal(stage.state.cursor, 0);
}

/* The first row is no choice: whoever has the most has it. */
static void first_row_is_whoever_is_first(void **state)
{
    struct stage stage;

    (void)state;
    set_stage(&stage);
    type(&stage, "jk");
    stage.ids[0] = 105;
    stage.ids[5] = 100;
    state_follow(&stage.state, &stage.scene);
    assert_int_equal(stage.state.cursor, 0);
    press(&stage, INPUT_ENTER);
    assert_int_equal(stage.state.opened, 105);
}

static void sorts(void **state)
{
    struct stage stage;

    (void)state;
    set_stage(&stage);
    type(&stage, "jjja");
    assert_int_equal(stage.state.order.sort, SORT_AGE);
    assert_int_equal(stage.state.cursor, 0);
    type(&stage, "g");
    assert_int_equal(stage.state.order.sort, SORT_GROWTH);
    type(&stage, "m");
    assert_int_equal(stage.state.order.sort, SORT_MEMORY);
    type(&stage, "r");
    assert_true(stage.state.order.reverse);
    type(&stage, "s");
    assert_int_equal(stage.state.order.sort, SORT_COUNT);
    assert_false(stage.state.order.reverse);
    press(&stage, INPUT_LEFT);
    assert_int_equal(stage.state.order.sort, SORT_MEMORY);
    press(&stage, INPUT_RIGHT);
    assert_int_equal(stage.state.order.sort, SORT_COUNT);
}

static void opens_and_closes(void **state)
{
    static const struct {
        const char *key;
        enum state_view view;
    } views[] = {{"?", VIEW_HELP}, {"h", VIEW_HELP}, {"d", VIEW_DEADLOCKS}, {"l", VIEW_LOSSES}};
    struct stage stage;

    (void)state;
    set_stage(&stage);
    type(&stage, "jj");
    press(&stage, INPUT_ENTER);
    assert_int_equal(stage.state.view, VIEW_STACK);
    assert_int_equal(stage.state.opened, 102);
    press(&stage, INPUT_DOWN);
    press(&stage, INPUT_END);
    assert_int_equal(stage.state.scroll, 14); /* the last page is full */
    press(&stage, INPUT_HOME);
    assert_int_equal(stage.state.scroll, 0);
    press(&stage, INPUT_PAGE_DOWN);
    assert_int_equal(stage.state.scroll, 6);
    stage.scene.n_lines = 8;
    state_follow(&stage.state, &stage.scene);
    assert_int_equal(stage.state.scroll, 2);
    press(&stage, INPUT_ESCAPE);
    assert_int_equal(stage.state.view, VIEW_LIST);
    assert_int_equal(stage.state.cursor, 2);
    for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
        type(&stage, views[i].key);
        assert_int_equal(stage.state.view, views[i].view);
        type(&stage, views[i].key);
        assert_int_equal(stage.state.view, VIEW_LIST);
    }
    stage.rows.n = 0;
    state_follow(&stage.state, &stage.scene);
    press(&stage, INPUT_ENTER);
    assert_int_equal(stage.state.view, VIEW_LIST);
}

static void edits_a_filter(void **state)
{
    struct stage stage;
    struct input umlaut = {.kind = INPUT_CHARACTER, .character = 0xe4};

    (void)state;
    set_stage(&stage);
    type(&stage, "jj/qp?");
    assert_true(stage.state.editing);
    assert_string_equal(stage.state.order.filter, "qp?");
    assert_false(stage.state.quit || stage.state.paused);
    assert_int_equal(stage.state.cursor, 0);
    state_input(&stage.state, &umlaut, &stage.scene);
    assert_string_equal(stage.state.order.filter, "qp?ä");
    press(&stage, INPUT_BACKSPACE);
    press(&stage, INPUT_BACKSPACE);
    assert_string_equal(stage.state.order.filter, "qp");
    press(&stage, INPUT_ENTER);
    assert_false(stage.state.editing);
    assert_string_equal(stage.state.order.filter, "qp");
    press(&stage, INPUT_ESCAPE); /* in the list: drops it */
    assert_string_equal(stage.state.order.filter, "");
    type(&stage, "/x");
    press(&stage, INPUT_CLEAR);
    press(&stage, INPUT_BACKSPACE);
    assert_string_equal(stage.state.order.filter, "");
    type(&stage, "y");
    press(&stage, INPUT_ESCAPE);
    assert_string_equal(stage.state.order.filter, "");
    assert_false(stage.state.editing);
}

static void bounds_the_filter(void **state)
{
    struct stage stage;

    (void)state;
    set_stage(&stage);
    type(&stage, "/");
    for (int i = 0; i < 2 * ROWS_FILTER_SIZE; i++)
        type(&stage, "x");
    assert_int_equal(strlen(stage.state.order.filter), ROWS_FILTER_SIZE - 1);
}

static void switches_targets(void **state)
{
    struct stage stage;

    (void)state;
    set_stage(&stage);
    type(&stage, "jj");
    press(&stage, INPUT_ENTER);
    press(&stage, INPUT_NEXT);
    assert_int_equal(stage.state.target, 1);
    assert_int_equal(stage.state.view, VIEW_LIST);
    assert_int_equal(stage.state.cursor, 0);
    press(&stage, INPUT_NEXT);
    assert_int_equal(stage.state.target, 0);
    press(&stage, INPUT_PREVIOUS);
    assert_int_equal(stage.state.target, 1);
    stage.scene.n_targets = 0;
    press(&stage, INPUT_PREVIOUS);
    assert_int_equal(stage.state.target, 1);
}

static void pauses_and_quits_anywhere(void **state)
{
    struct stage stage;

    (void)state;
    set_stage(&stage);
    type(&stage, "p");
    assert_true(stage.state.paused);
    press(&stage, INPUT_ENTER);
    type(&stage, " ");
    assert_false(stage.state.paused);
    assert_int_equal(stage.state.view, VIEW_STACK);
    type(&stage, "i");
    assert_false(stage.state.order.hide_idle);
    press(&stage, INPUT_ESCAPE);
    type(&stage, "i");
    assert_true(stage.state.order.hide_idle);
    type(&stage, "?q");
    assert_true(stage.state.quit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(moves_in_the_list),
        cmocka_unit_test(follows_a_group),
        cmocka_unit_test(first_row_is_whoever_is_first),
        cmocka_unit_test(sorts),
        cmocka_unit_test(opens_and_closes),
        cmocka_unit_test(edits_a_filter),
        cmocka_unit_test(bounds_the_filter),
        cmocka_unit_test(switches_targets),
        cmocka_unit_test(pauses_and_quits_anywhere),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
