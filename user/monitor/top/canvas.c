/* SPDX-License-Identifier: Apache-2.0 */
/* Cells of a screen in memory. */
#include "canvas.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include "utf8.h"

#define ELLIPSIS 0x2026

int canvas_resize(struct canvas *canvas, unsigned rows, unsigned columns)
{
    if (rows > CANVAS_ROWS_MAX)
        rows = CANVAS_ROWS_MAX;
    if (columns > CANVAS_COLUMNS_MAX)
        columns = CANVAS_COLUMNS_MAX;
    if (!canvas->cells || rows != canvas->rows || columns != canvas->columns) {
        canvas_free(canvas);
        canvas->cells = calloc((size_t)rows * columns + 1, sizeof(*canvas->cells));
        if (!canvas->cells)
            return -ENOMEM;
        canvas->rows = rows;
        canvas->columns = columns;
    }
    canvas_clear(canvas);
    return 0;
}

void canvas_free(struct canvas *canvas)
{
    free(canvas->cells);
    *canvas = (struct canvas){0};
}

void canvas_clear(struct canvas *canvas)
{
    for (size_t i = 0; i < (size_t)canvas->rows * canvas->columns; i++)
        canvas->cells[i] = (struct cell){' ', STYLE_PLAIN};
}

struct cell *canvas_cell(const struct canvas *canvas, unsigned row, unsigned column)
{
    if (row >= canvas->rows || column >= canvas->columns)
        return NULL;
    return &canvas->cells[(size_t)row * canvas->columns + column];
}

/* Columns of a character; one that the locale does not know is replaced. Combining ones have no
 * cell of their own, and are left off. */
static unsigned char_columns(uint32_t *character)
{
    int columns = wcwidth((wchar_t)*character);

    if (columns >= 0)
        return (unsigned)columns;
    if (*character < ' ')
        *character = UTF8_REPLACEMENT;
    return 1;
}

static unsigned text_columns(const char *text)
{
    const char *end = text + strlen(text);
    unsigned columns = 0;
    uint32_t character;

    while (text < end) {
        text += utf8_next(text, end, &character);
        columns += char_columns(&character);
    }
    return columns;
}

static void set(struct canvas *canvas, unsigned row, unsigned column, uint32_t character,
                enum canvas_style style)
{
    struct cell *cell = canvas_cell(canvas, row, column);

    if (cell)
        *cell = (struct cell){character, (uint8_t)style};
}

/* The columns that are left from there on, if no more than `width`. */
static unsigned room(const struct canvas *canvas, unsigned column, unsigned width)
{
    unsigned left = column < canvas->columns ? canvas->columns - column : 0;

    return width < left ? width : left;
}

unsigned canvas_put(struct canvas *canvas, unsigned row, unsigned column, unsigned width,
                    enum canvas_style style, const char *text)
{
    const char *end = text + strlen(text);
    unsigned most = room(canvas, column, width);
    unsigned all = text_columns(text);
    unsigned fits = all > most ? most - (most > 0) : all; /* but for the mark of what is cut */
    unsigned used = 0;

    while (text < end) {
        uint32_t character;
        unsigned columns;

        text += utf8_next(text, end, &character);
        columns = char_columns(&character);
        if (used + columns > fits)
            break;
        if (columns > 0)
            set(canvas, row, column + used, character, style);
        if (columns > 1)
            set(canvas, row, column + used + 1, 0, style);
        used += columns;
    }
    if (all > most && most > 0)
        set(canvas, row, column + used++, ELLIPSIS, style);
    return used;
}

void canvas_put_right(struct canvas *canvas, unsigned row, unsigned column, unsigned width,
                      enum canvas_style style, const char *text)
{
    unsigned columns = text_columns(text);
    unsigned before = columns < width ? width - columns : 0;

    canvas_put(canvas, row, column + before, width - before, style, text);
}

void canvas_restyle(struct canvas *canvas, unsigned row, unsigned column, unsigned width,
                    enum canvas_style style)
{
    width = room(canvas, column, width);
    for (unsigned i = 0; i < width; i++) {
        struct cell *cell = canvas_cell(canvas, row, column + i);

        if (cell)
            cell->style = (uint8_t)style;
    }
}

char canvas_ascii(uint32_t character)
{
    static const struct {
        uint32_t character;
        char ascii;
    } stand_ins[] = {
        {0x00b5, 'u'}, {0x00b7, '-'}, {ELLIPSIS, '~'}, {0x2192, '>'}, {0x2265, '>'},
        {0x25b2, '^'}, {0x25bc, 'v'}, {0x2581, '_'},   {0x2582, '.'}, {0x2583, '-'},
        {0x2584, '='}, {0x2585, '+'}, {0x2586, '*'},   {0x2587, '#'}, {0x2588, '#'},
    };

    if (character >= ' ' && character <= '~')
        return (char)character;
    for (size_t i = 0; i < sizeof(stand_ins) / sizeof(stand_ins[0]); i++)
        if (stand_ins[i].character == character)
            return stand_ins[i].ascii;
    return '?';
}
