/* SPDX-License-Identifier: Apache-2.0 */
/* The table of groups: a head, and a line for each. */
#pragma once

#include "canvas.h"
#include "rows.h"

struct list {
    const struct rows *rows;
    const struct rows_order *order;
    size_t first;  /* row that is shown first */
    size_t cursor; /* row */
};

/* Draws the head into `row` and as many rows as there are into the `n_rows` below. Where the canvas
 * is narrow, columns are left out, but never count, site and what it is sorted by. */
void list_draw(struct canvas *canvas, unsigned row, unsigned n_rows, const struct list *list);
