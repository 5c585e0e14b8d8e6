/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A screen in memory: cells with a character and a style. What is drawn beyond its edges is left
 * off. Texts are clean UTF-8 (utf8_clean()); the locale says how wide their characters are.
 */
#pragma once

#include <stdint.h>

#define CANVAS_ROWS_MAX    500
#define CANVAS_COLUMNS_MAX 1000

enum canvas_style {
    STYLE_PLAIN,
    STYLE_BOLD,
    STYLE_DIM,
    STYLE_HEAD,     /* of the table */
    STYLE_SORTED,   /* the head of the column that rows are sorted by */
    STYLE_SELECTED, /* row */
    STYLE_KEY,      /* what to press, in the last line */
    STYLE_NOTICE,   /* what is out of the ordinary */
    STYLE_ALARM,    /* what is wrong */
    STYLE_WAITERS,  /* the charts */
    STYLE_RESIDENT,
    STYLE_CPU,
    STYLE_NETWORK,
    STYLE_MAX
};

struct cell {
    uint32_t character; /* 0: the right half of the wide one before */
    uint8_t style;      /* enum canvas_style */
};

struct canvas {
    unsigned rows;
    unsigned columns;
    struct cell *cells;
};

/* Makes it so large, within the bounds, and blank. -ENOMEM: it is empty then. */
int canvas_resize(struct canvas *canvas, unsigned rows, unsigned columns);
void canvas_free(struct canvas *canvas);

void canvas_clear(struct canvas *canvas);

/* NULL outside of it. */
struct cell *canvas_cell(const struct canvas *canvas, unsigned row, unsigned column);

/* Text in at most `width` columns: a longer one ends with "…". Returns the columns it took. */
unsigned canvas_put(struct canvas *canvas, unsigned row, unsigned column, unsigned width,
                    enum canvas_style style, const char *text);

/* The same at the right end of exactly `width` columns. */
void canvas_put_right(struct canvas *canvas, unsigned row, unsigned column, unsigned width,
                      enum canvas_style style, const char *text);

/* Gives a style to what stands there. */
void canvas_restyle(struct canvas *canvas, unsigned row, unsigned column, unsigned width,
                    enum canvas_style style);

/* What stands for a character where only ASCII can be shown. */
char canvas_ascii(uint32_t character);
