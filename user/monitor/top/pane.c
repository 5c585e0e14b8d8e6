/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a page's bytes to cells. Its texts are clean, so that each escape in them is one of the
 * three sequences of page_style().
 */
#include "pane.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define WIDTH_MIN     30 /* narrower, lines are cut rather than wrapped */
#define ESCAPE        '\033'
#define SEQUENCE_SIZE 4 /* ESC [ DIGIT m */
#define SEGMENT_SIZE  (CANVAS_COLUMNS_MAX * 4)

int pane_begin(struct pane *pane, size_t columns)
{
    pane_free(pane);
    pane->page.width = columns < WIDTH_MIN ? WIDTH_MIN : columns;
    if (pane->page.width > PAGE_WIDTH_MAX)
        pane->page.width = PAGE_WIDTH_MAX;
    pane->page.terminal = pane->page.whole = true;
    pane->page.out = open_memstream(&pane->text, &pane->size);
    return pane->page.out ? 0 : -ENOMEM;
}

int pane_end(struct pane *pane)
{
    int r = fclose(pane->page.out);

    pane->page.out = NULL;
    if (r) {
        pane_free(pane);
        return -ENOMEM;
    }
    for (size_t i = 0; i < pane->size; i++)
        pane->n += pane->text[i] == '\n';
    return 0;
}

void pane_free(struct pane *pane)
{
    if (pane->page.out)
        fclose(pane->page.out);
    free(pane->text);
    *pane = (struct pane){0};
}

static enum canvas_style take_sequence(const char *sequence)
{
    switch (sequence[2]) {
    case '1':
        return STYLE_BOLD;
    case '2':
        return STYLE_DIM;
    default:
        return STYLE_PLAIN;
    }
}

/* Draws one line, or none for row -1, in the style that the lines before it left. */
static void draw_line(const char *line, size_t length, struct canvas *canvas, int row,
                      unsigned columns, enum canvas_style *style, enum canvas_style all)
{
    const char *end = line + length;
    unsigned column = 0;

    while (line < end) {
        char segment[SEGMENT_SIZE];
        size_t n = 0;

        if (*line == ESCAPE && line + SEQUENCE_SIZE <= end) {
            *style = take_sequence(line);
            line += SEQUENCE_SIZE;
            continue;
        }
        while (line + n < end && line[n] != ESCAPE && n < sizeof(segment) - 1)
            n++;
        n += n == 0; /* an escape that is cut off */
        memcpy(segment, line, n);
        segment[n] = '\0';
        line += n;
        if (row >= 0)
            column += canvas_put(canvas, (unsigned)row, column, columns - column,
                                 all != STYLE_PLAIN ? all : *style, segment);
    }
}

unsigned pane_draw(const struct pane *pane, size_t first, struct canvas *canvas, unsigned row,
                   unsigned rows, unsigned columns, enum canvas_style style)
{
    enum canvas_style now = STYLE_PLAIN;
    const char *line = pane->text;

    for (size_t i = 0; i < pane->n && i < first + rows; i++) {
        size_t length = strcspn(line, "\n");

        draw_line(line, length, canvas, i < first ? -1 : (int)(row + i - first), columns, &now,
                  style);
        line += length + 1;
    }
    if (first >= pane->n)
        return 0;
    return pane->n - first < rows ? (unsigned)(pane->n - first) : rows;
}
