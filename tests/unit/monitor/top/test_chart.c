/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/top/chart.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/top/drawn.h"

static void draw(struct canvas *canvas, unsigned rows, unsigned columns, const double *values,
                 size_t n)
{
    struct chart chart = {.title = "CPU 3 %",
                          .most = "max 8 %",
                          .span = "1m",
                          .style = STYLE_CPU,
                          .n = n,
                          .values = values};

    *canvas = (struct canvas){0};
    assert_int_equal(canvas_resize(canvas, rows + 1, columns), 0);
    chart_draw(canvas, 0, 0, rows, columns, &chart);
}

static void assert_row(const struct canvas *canvas, unsigned row, const char *expected)
{
    char text[DRAWN_SIZE];

    assert_string_equal(drawn_row(canvas, row, text), expected);
}

static void draws_eighths(void **state)
{
    const double values[] = {0, 1, 2, 3, 4, 5, 6, 7, 8};
    struct canvas canvas;

    (void)state;
    draw(&canvas, 1, 20, values, 9);
    assert_row(&canvas, 0, "CPU 3 %      max 8 %");
    assert_row(&canvas, 1, " ▁▂▃▄▅▆▇█");
    assert_int_equal(canvas_cell(&canvas, 1, 1)->style, STYLE_CPU);
    canvas_free(&canvas);
}

static void stacks_rows(void **state)
{
    const double values[] = {16, 12, 8, 4, 1, 0.001, NAN, 0};
    struct canvas canvas;

    (void)state;
    draw(&canvas, 2, 8, values, 8);
    assert_row(&canvas, 1, "█▄");
    assert_row(&canvas, 2, "███▄▁▁"); /* what is not 0 shows */
    canvas_free(&canvas);
}

static void leaves_off_what_has_no_room(void **state)
{
    const double values[] = {1, 1, 1};
    struct canvas canvas;

    (void)state;
    draw(&canvas, 1, 15, values, 3);
    assert_row(&canvas, 0, "CPU 3 %      1m");
    canvas_free(&canvas);
    draw(&canvas, 1, 10, values, 3);
    assert_row(&canvas, 0, "CPU 3 %");
    canvas_free(&canvas);
    draw(&canvas, 1, 5, values, 3);
    assert_row(&canvas, 0, "CPU …");
    canvas_free(&canvas);
    draw(&canvas, 1, 2, values, 3);
    assert_row(&canvas, 1, "██");
    canvas_free(&canvas);
}

static void knows_the_most(void **state)
{
    const double values[] = {NAN, 2, 7, NAN, 1};

    (void)state;
    assert_true(chart_most(values, 5) == 7);
    assert_true(chart_most(values, 1) == 0);
    assert_true(chart_most(NULL, 0) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(draws_eighths),
        cmocka_unit_test(stacks_rows),
        cmocka_unit_test(leaves_off_what_has_no_room),
        cmocka_unit_test(knows_the_most),
    };

    return cmocka_run_group_tests(tests, drawn_setup, NULL);
}
