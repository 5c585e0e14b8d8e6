/* SPDX-License-Identifier: Apache-2.0 */
/* Bars of blocks. */
#include "chart.h"

#include <math.h>

#include "utf8.h"

#define STEPS      8
#define TITLE_GAP  2
#define BLOCK_LAST 0x2588 /* the full one; those of one to seven eighths come before it */

double chart_most(const double *values, size_t n)
{
    double most = 0;

    for (size_t i = 0; i < n; i++)
        if (values[i] > most)
            most = values[i];
    return most;
}

/* Eighths of a bar of `rows` rows: at least one where there is anything. */
static unsigned bar_steps(double value, double most, unsigned rows)
{
    unsigned all = rows * STEPS;
    double steps;

    if (!(value > 0) || most <= 0)
        return 0;
    steps = ceil(value / most * all);
    return steps < all ? (unsigned)steps : all;
}

static void draw_bar(struct canvas *canvas, unsigned row, unsigned column, unsigned rows,
                     unsigned steps, enum canvas_style style)
{
    for (unsigned i = 0; i < rows && steps > 0; i++) {
        struct cell *cell = canvas_cell(canvas, row + rows - 1 - i, column);
        unsigned here = steps < STEPS ? steps : STEPS;

        if (cell)
            *cell = (struct cell){BLOCK_LAST - STEPS + here, (uint8_t)style};
        steps -= here;
    }
}

static void draw_title(struct canvas *canvas, unsigned row, unsigned column, unsigned columns,
                       const struct chart *chart)
{
    unsigned used = canvas_put(canvas, row, column, columns, STYLE_BOLD, chart->title);
    const char *rest = chart->most;

    if (used + TITLE_GAP + utf8_columns(rest) > columns)
        rest = chart->span;
    if (used + TITLE_GAP + utf8_columns(rest) <= columns)
        canvas_put_right(canvas, row, column + used, columns - used, STYLE_DIM, rest);
}

void chart_draw(struct canvas *canvas, unsigned row, unsigned column, unsigned rows,
                unsigned columns, const struct chart *chart)
{
    double most = chart_most(chart->values, chart->n);

    draw_title(canvas, row, column, columns, chart);
    for (unsigned i = 0; i < columns && i < chart->n; i++)
        draw_bar(canvas, row + 1, column + i, rows, bar_steps(chart->values[i], most, rows),
                 chart->style);
}
