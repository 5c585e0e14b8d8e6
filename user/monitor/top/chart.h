/* SPDX-License-Identifier: Apache-2.0 */
/* Small charts: bars of blocks under a title, eight steps to a row. */
#pragma once

#include <stddef.h>

#include "canvas.h"

struct chart {
    const char *title; /* name and newest value */
    const char *most;  /* the greatest value, which is the top, and the span; where there is room */
    const char *span;  /* ... else, where there is room for that */
    enum canvas_style style;
    size_t n;
    const double *values; /* one for each column; NAN: nothing is drawn */
};

/* Draws it from `row` and `column` on: a title and, over `rows` more, the bars of at most `columns`
 * columns. They begin at 0: what is not 0 shows. */
void chart_draw(struct canvas *canvas, unsigned row, unsigned column, unsigned rows,
                unsigned columns, const struct chart *chart);

/* The greatest of them; 0 where there is none. */
double chart_most(const double *values, size_t n);
