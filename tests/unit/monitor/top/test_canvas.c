/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/top/canvas.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/top/drawn.h"

static void make(struct canvas *canvas, unsigned rows, unsigned columns)
{
    *canvas = (struct canvas){0};
    assert_int_equal(canvas_resize(canvas, rows, columns), 0);
}

static void assert_row(const struct canvas *canvas, unsigned row, const char *expected)
{
    char text[DRAWN_SIZE];

    assert_string_equal(drawn_row(canvas, row, text), expected);
}

static void puts_text(void **state)
{
    struct canvas canvas;

    (void)state;
    make(&canvas, 2, 10);
    assert_int_equal(canvas_put(&canvas, 0, 1, 9, STYLE_BOLD, "abc"), 3);
    assert_row(&canvas, 0, " abc");
    assert_int_equal(canvas_cell(&canvas, 0, 0)->style, STYLE_PLAIN);
    assert_int_equal(canvas_cell(&canvas, 0, 1)->style, STYLE_BOLD);
    canvas_put_right(&canvas, 1, 2, 6, STYLE_PLAIN, "xy");
    assert_row(&canvas, 1, "      xy");
    canvas_free(&canvas);
}

/* Nothing is cut without a mark, and nothing goes beyond its place or the canvas. */
static void cuts_with_a_mark(void **state)
{
    struct canvas canvas;

    (void)state;
    make(&canvas, 3, 8);
    assert_int_equal(canvas_put(&canvas, 0, 0, 4, STYLE_PLAIN, "abcdef"), 4);
    assert_row(&canvas, 0, "abc…");
    assert_int_equal(canvas_put(&canvas, 1, 5, 100, STYLE_PLAIN, "abcdef"), 3);
    assert_row(&canvas, 1, "     ab…");
    assert_int_equal(canvas_put(&canvas, 2, 0, 0, STYLE_PLAIN, "abc"), 0);
    assert_int_equal(canvas_put(&canvas, 2, 8, 5, STYLE_PLAIN, "abc"), 0);
    assert_int_equal(canvas_put(&canvas, 3, 0, 5, STYLE_PLAIN, "abc"), 3);
    assert_row(&canvas, 2, "");
    canvas_put_right(&canvas, 2, 0, 3, STYLE_PLAIN, "12345");
    assert_row(&canvas, 2, "12…");
    canvas_free(&canvas);
}

/* A wide character takes two cells, or none where only one is left; a combining one none. */
static void knows_widths(void **state)
{
    struct canvas canvas;

    (void)state;
    make(&canvas, 2, 6);
    assert_int_equal(canvas_put(&canvas, 0, 0, 6, STYLE_PLAIN, "字x"), 3);
    assert_int_equal(canvas_cell(&canvas, 0, 1)->character, 0);
    assert_int_equal(canvas_cell(&canvas, 0, 2)->character, 'x');
    assert_int_equal(canvas_put(&canvas, 0, 0, 4, STYLE_PLAIN, "字字字"), 3);
    assert_row(&canvas, 0, "字…");
    assert_int_equal(canvas_put(&canvas, 1, 0, 6, STYLE_PLAIN, "e\xcc\x81z"), 2);
    assert_row(&canvas, 1, "ez");
    canvas_free(&canvas);
}

/* What could steer a terminal has no cell. */
static void harms_no_terminal(void **state)
{
    struct canvas canvas;

    (void)state;
    make(&canvas, 1, 40);
    canvas_put(&canvas, 0, 0, 40, STYLE_PLAIN,
               "a\033[2Jb\r\nc\x7f\xc2\x9b"
               "31m\xe2\x80\xae"
               "d\xff");
    for (unsigned i = 0; i < canvas.columns; i++) {
        uint32_t character = canvas_cell(&canvas, 0, i)->character;

        assert_true(character >= ' ' && character != 0x7f);
        assert_true(character < 0x80 || character > 0x9f);
        assert_int_not_equal(character, 0x202e);
    }
    assert_int_equal(canvas_cell(&canvas, 0, 1)->character, UTF8_REPLACEMENT);
    canvas_free(&canvas);
}

static void keeps_bounds(void **state)
{
    struct canvas canvas;

    (void)state;
    make(&canvas, 100000, 100000);
    assert_int_equal(canvas.rows, CANVAS_ROWS_MAX);
    assert_int_equal(canvas.columns, CANVAS_COLUMNS_MAX);
    assert_null(canvas_cell(&canvas, CANVAS_ROWS_MAX, 0));
    assert_null(canvas_cell(&canvas, 0, CANVAS_COLUMNS_MAX));
    canvas_put(&canvas, 0, 0, 5, STYLE_PLAIN, "old");
    assert_int_equal(canvas_resize(&canvas, 3, 4), 0);
    assert_row(&canvas, 0, "");
    canvas_restyle(&canvas, 2, 1, 100, STYLE_ALARM);
    canvas_restyle(&canvas, 3, 0, 100, STYLE_ALARM);
    assert_int_equal(canvas_cell(&canvas, 2, 0)->style, STYLE_PLAIN);
    assert_int_equal(canvas_cell(&canvas, 2, 3)->style, STYLE_ALARM);
    canvas_free(&canvas);
}

static void has_ascii_stand_ins(void **state)
{
    (void)state;
    assert_int_equal(canvas_ascii('x'), 'x');
    assert_int_equal(canvas_ascii(0x2026), '~');
    assert_int_equal(canvas_ascii(0x2588), '#');
    assert_int_equal(canvas_ascii(0x5b57), '?');
    assert_int_equal(canvas_ascii(0x1b), '?');
    for (uint32_t block = 0x2581; block <= 0x2588; block++)
        assert_int_not_equal(canvas_ascii(block), '?');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(puts_text),    cmocka_unit_test(cuts_with_a_mark),
        cmocka_unit_test(knows_widths), cmocka_unit_test(harms_no_terminal),
        cmocka_unit_test(keeps_bounds), cmocka_unit_test(has_ascii_stand_ins),
    };

    return cmocka_run_group_tests(tests, drawn_setup, NULL);
}
