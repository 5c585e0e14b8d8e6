/* SPDX-License-Identifier: Apache-2.0 */
/* Whole screens, at all sizes. */
#include "monitor/top/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/example.h"
#include "monitor/top/drawn.h"

struct stage {
    struct example example;
    struct trail trail;
    const struct trail *trails[2];
    struct canvas canvas;
    struct view view;
    struct state state;
    const char *message;
};

static struct stage *set_stage(void)
{
    struct stage *stage = calloc(1, sizeof(*stage));
    struct trail_point point;

    assert_non_null(stage);
    example_fill(&stage->example);
    view_init(&stage->view);
    stage->message = "";
    stage->trails[0] = stage->trails[1] = &stage->trail;
    for (uint64_t i = 1; i <= 30; i++) {
        stage->example.target.scan.time_ns = i * EXAMPLE_S;
        trail_measure(&stage->example.target, &point);
        trail_add(&stage->trail, &point);
    }
    return stage;
}

static void strike(struct stage *stage)
{
    canvas_free(&stage->canvas);
    view_free(&stage->view);
    free(stage);
}

static void draw(struct stage *stage, unsigned rows, unsigned columns)
{
    assert_int_equal(canvas_resize(&stage->canvas, rows, columns), 0);
    assert_int_equal(view_draw(&stage->view, &stage->canvas, &stage->state, &stage->example.report,
                               stage->trails, stage->message),
                     0);
}

static void press(struct stage *stage, enum input_kind kind, char character)
{
    struct input input = {.kind = kind, .character = (unsigned char)character};

    state_input(&stage->state, &input, &stage->view.scene);
}

static unsigned find(const struct stage *stage, const char *part)
{
    unsigned row = drawn_find(&stage->canvas, part);

    if (row == stage->canvas.rows) {
        drawn_print(&stage->canvas);
        fail_msg("no \"%s\" above", part);
    }
    return row;
}

static void assert_lacks(const struct stage *stage, const char *part)
{
    if (drawn_find(&stage->canvas, part) < stage->canvas.rows) {
        drawn_print(&stage->canvas);
        fail_msg("\"%s\" above", part);
    }
}

static void assert_row(const struct stage *stage, unsigned row, const char *expected)
{
    char text[DRAWN_SIZE];

    assert_string_equal(drawn_row(&stage->canvas, row, text), expected);
}

static void reads_well(void **state)
{
    static const char *const expected[] = {
        "recommendd · pid 4121 · go1.19.8 · up 3h12m · observed for 1.0s",
        "RSS 1.9 GiB   cgroup 2.1 GiB   CPU 0.4 %   net in 1.2 kB/s out 900 B/s   15,318 goroutines",
        "1,024 threads   40 open files",
        "14,246 waiters parked for 1s or more, in 2 stacks; 1,012 more are idle by design",
        "DEADLOCK: 2 threads wait for each other's locks",
        "    thread 4130 waits for 0x55e0b86050e0, held by thread 4131, in cache_refresh "
        "cache.c:88",
        "    thread 4131 waits for 0x55e0b86050a0, held by thread 4130",
        "incomplete (l): 12 unwind_cut",
        "waiters 14,246      1m   RSS 1.9 GiB         1m   CPU 0.4 %           1m   net 2.1 kB/s        1m",
        "           ███████████              ███████████              ███████████              "
        "███████████",
        "           ███████████              ███████████              ███████████              "
        "███████████",
        " COUNT▼ KIND       REASON      OLDEST  GROWTH    MEMORY  SITE",
        "14,235  goroutine  chan send    2h51m     +12  27.8 MiB  main.fetchScores recommend.go:153",
        "    11  thread     futex lock   2h50m            88 KiB  cache_refresh cache.c:88",
        " 1,012  thread     poll         3h12m               0 B  loop_run loop.c:9 (event loop)",
        "q quit  ? help  Enter stack  c a g m sort  / filter  p pause  i idle  d deadlocks  "
        "l losses",
    };
    struct stage *stage = set_stage();

    (void)state;
    draw(stage, sizeof(expected) / sizeof(expected[0]), 100);
    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
        assert_row(stage, i, expected[i]);
    assert_int_equal(canvas_cell(&stage->canvas, 4, 0)->style, STYLE_ALARM);
    assert_int_equal(canvas_cell(&stage->canvas, 11, 1)->style, STYLE_SORTED);
    assert_int_equal(canvas_cell(&stage->canvas, 12, 99)->style, STYLE_SELECTED);
    assert_int_equal(canvas_cell(&stage->canvas, 13, 5)->style, STYLE_PLAIN);
    assert_int_equal(canvas_cell(&stage->canvas, 14, 2)->style, STYLE_DIM);
    strike(stage);
}

/* The first row of the table is there at every size, and what is not whole has a mark. */
static void fits_every_size(void **state)
{
    static const enum state_view views[] = {VIEW_LIST, VIEW_STACK, VIEW_DEADLOCKS, VIEW_LOSSES,
                                            VIEW_HELP};
    struct stage *stage = set_stage();

    (void)state;
    stage->message = "parkwatch: a message that is longer than the narrowest screen is wide";
    stage->state.opened = stage->example.stacks[0].id;
    for (unsigned rows = 1; rows <= 100; rows += rows < 40 ? 1 : 20) {
        for (unsigned columns = 1; columns <= 300; columns += columns < 130 ? 1 : 57) {
            for (size_t i = 0; i < sizeof(views) / sizeof(views[0]); i++) {
                stage->state.view = views[i];
                draw(stage, rows, columns);
            }
            stage->state.view = VIEW_LIST;
            draw(stage, rows, columns);
            if (rows >= 5 && columns >= 20)
                find(stage, "14,235");
            if (rows >= 5 && columns >= 20)
                find(stage, "COUNT▼");
        }
    }
    strike(stage);
}

static void leaves_out_columns(void **state)
{
    struct stage *stage = set_stage();

    (void)state;
    draw(stage, 24, 100);
    find(stage, "KIND       REASON");
    draw(stage, 24, 80);
    assert_lacks(stage, "KIND");
    find(stage, "REASON      OLDEST  ");
    find(stage, "main.fetchScores recommend.go:153");
    draw(stage, 24, 44);
    assert_lacks(stage, "REASON");
    find(stage, "14,235  main.fetchScores recommend.go:153");
    press(stage, INPUT_CHARACTER, 'g'); /* what it is sorted by stays */
    draw(stage, 24, 44);
    find(stage, "GROWTH▼");
    find(stage, "+12  main.fetch… recommend.go:153");
    strike(stage);
}

static void opens_a_stack(void **state)
{
    struct stage *stage = set_stage();

    (void)state;
    draw(stage, 30, 100);
    press(stage, INPUT_ENTER, 0);
    draw(stage, 30, 100);
    find(stage, "14,235 goroutines   chan send   2h51m (at most 2h53m)   27.8 MiB");
    find(stage, "main.fetchScores            recommend.go:153 (inlined)");
    find(stage, "created by main.recommend   recommend.go:141");
    find(stage, "on 14,235 channels, each unbuffered, open, with 1 sender and no receiver");
    find(stage, "Esc back");
    assert_int_equal(canvas_cell(&stage->canvas, find(stage, "main.fetchScores"), 7)->style,
                     STYLE_BOLD);
    /* The group goes: what was seen stays. */
    stage->example.target.n_groups = 0;
    draw(stage, 30, 100);
    find(stage, "no waiter stands here now");
    find(stage, "created by main.recommend   recommend.go:141");
    press(stage, INPUT_ESCAPE, 0);
    draw(stage, 30, 100);
    assert_lacks(stage, "created by");
    strike(stage);
}

/* The report has the first and last frames of a long stack, the open stack all. */
static void shows_whole_stacks(void **state)
{
    struct stage *stage = set_stage();
    struct frame frames[100];
    char names[100][16];

    (void)state;
    for (size_t i = 0; i < 100; i++) {
        snprintf(names[i], sizeof(names[i]), "frame_%zu_", i);
        frames[i] = (struct frame){.function = names[i], .file = "deep.c", .line = 1};
    }
    stage->example.stacks[0].frames = frames;
    stage->example.stacks[0].n_frames = 100;
    draw(stage, 30, 100);
    press(stage, INPUT_ENTER, 0);
    draw(stage, 150, 100);
    for (size_t i = 0; i < 100; i++)
        find(stage, names[i]);
    draw(stage, 30, 100);
    find(stage, "STACK · lines 1 to ");
    assert_lacks(stage, "frame_99_");
    press(stage, INPUT_END, 0);
    draw(stage, 30, 100);
    find(stage, "frame_99_");
    strike(stage);
}

static void says_what_is_special(void **state)
{
    struct stage *stage = set_stage();
    struct target_report targets[2] = {stage->example.target, stage->example.target};

    (void)state;
    strcpy(targets[1].name, "other");
    stage->example.report.targets = targets;
    stage->example.report.n_targets = 2;
    draw(stage, 30, 100);
    assert_int_equal(find(stage, " 1/2"), 0);
    press(stage, INPUT_NEXT, 0);
    press(stage, INPUT_CHARACTER, 'p');
    targets[1].up = false;
    targets[1].n_deadlocks = 0;
    stage->message = "parkwatch: process 7 ended";
    draw(stage, 30, 100);
    assert_int_equal(find(stage, "PAUSED  2/2"), 0);
    assert_int_equal(find(stage, "other · pid 4121 · go1.19.8 · ended"), 0);
    assert_int_equal(canvas_cell(&stage->canvas, 0, 0)->style, STYLE_ALARM);
    find(stage, "the target has ended; this is its last scan");
    find(stage, "14,235"); /* and stays readable */
    assert_int_equal(find(stage, "process 7 ended"), 28);
    assert_lacks(stage, "DEADLOCK");
    draw(stage, 30, 40);
    find(stage, "… PAUSED  2/2"); /* the heading is cut with a mark */
    strike(stage);
}

/* Where there is room for a part of it only, a mark says so. */
static void marks_a_cut_deadlock(void **state)
{
    struct stage *stage = set_stage();

    (void)state;
    draw(stage, 30, 100);
    assert_lacks(stage, "all: d");
    draw(stage, 12, 100);
    find(stage, "DEADLOCK: 2 threads wait for each other's locks");
    find(stage, "… all: d");
    strike(stage);
}

static void notes_filter_and_idle(void **state)
{
    struct stage *stage = set_stage();

    (void)state;
    draw(stage, 30, 100);
    press(stage, INPUT_CHARACTER, 'i');
    press(stage, INPUT_CHARACTER, '/');
    press(stage, INPUT_CHARACTER, 'c');
    press(stage, INPUT_CHARACTER, 'a');
    draw(stage, 30, 100);
    find(stage, "only stacks with \"ca\"; 1 is not shown; 1 idle by design is hidden (i)");
    find(stage, "/ca_   Enter keep  Esc drop");
    find(stage, "cache_refresh cache.c:88");
    assert_lacks(stage, "main.fetchScores");
    strike(stage);
}

static void says_that_nothing_is_known(void **state)
{
    struct stage *stage = set_stage();

    (void)state;
    stage->example.target.scanned = false;
    stage->example.target.n_groups = 0;
    stage->example.target.losses = (struct losses){{0}};
    draw(stage, 24, 80);
    find(stage, "no scan has ended yet");
    press(stage, INPUT_CHARACTER, 'l');
    draw(stage, 24, 80);
    find(stage, "Nothing was lost.");
    stage->example.target.n_deadlocks = 0;
    press(stage, INPUT_CHARACTER, 'd');
    draw(stage, 24, 80);
    find(stage, "No deadlock");
    stage->example.report.n_targets = 0;
    draw(stage, 24, 80);
    find(stage, "attaching…");
    strike(stage);
}

/* Typed ahead, before there is anything to move about in. */
static void takes_keys_before_it_is_drawn(void **state)
{
    struct stage *stage = set_stage();

    (void)state;
    for (enum input_kind kind = INPUT_ENTER; kind <= INPUT_OTHER; kind++)
        press(stage, kind, 0);
    for (char character = ' '; character <= '~'; character++) {
        press(stage, INPUT_CHARACTER, character);
        stage->state.editing = false;
    }
    assert_int_equal(stage->state.cursor, 0);
    assert_true(stage->state.quit);
    draw(stage, 24, 80);
    strike(stage);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_keys_before_it_is_drawn),
        cmocka_unit_test(reads_well),
        cmocka_unit_test(fits_every_size),
        cmocka_unit_test(leaves_out_columns),
        cmocka_unit_test(opens_a_stack),
        cmocka_unit_test(shows_whole_stacks),
        cmocka_unit_test(says_what_is_special),
        cmocka_unit_test(marks_a_cut_deadlock),
        cmocka_unit_test(notes_filter_and_idle),
        cmocka_unit_test(says_that_nothing_is_known),
    };

    return cmocka_run_group_tests(tests, drawn_setup, NULL);
}
