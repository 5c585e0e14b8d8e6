/* SPDX-License-Identifier: Apache-2.0 */
/* Canvases as text, for tests. */
#pragma once

#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/top/canvas.h"
#include "utf8.h"

/* One row as UTF-8, without the blanks at its end; in a buffer of the caller. */
#define DRAWN_SIZE (CANVAS_COLUMNS_MAX * UTF8_CHAR_MAX + 1)

static inline const char *drawn_row(const struct canvas *canvas, unsigned row,
                                    char text[static DRAWN_SIZE])
{
    size_t used = 0;

    for (unsigned column = 0; column < canvas->columns; column++) {
        const struct cell *cell = canvas_cell(canvas, row, column);

        if (cell->character)
            used += utf8_encode(cell->character, text + used);
    }
    while (used > 0 && text[used - 1] == ' ')
        used--;
    text[used] = '\0';
    return text;
}

/* The first row that has this text; canvas->rows: none. */
static inline unsigned drawn_find(const struct canvas *canvas, const char *part)
{
    char *text = malloc(DRAWN_SIZE);
    unsigned row = 0;

    while (row < canvas->rows && !strstr(drawn_row(canvas, row, text), part))
        row++;
    free(text);
    return row;
}

/* All of it to standard error: what a test that fails was looking at. */
static inline void drawn_print(const struct canvas *canvas)
{
    char *text = malloc(DRAWN_SIZE);

    for (unsigned row = 0; row < canvas->rows; row++)
        fprintf(stderr, "%3u|%s\n", row, drawn_row(canvas, row, text));
    free(text);
}

/* Widths of characters are the locale's. */
static inline int drawn_setup(void **state)
{
    (void)state;
    return setlocale(LC_CTYPE, "C.UTF-8") ? 0 : -1;
}
