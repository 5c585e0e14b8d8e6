/* SPDX-License-Identifier: Apache-2.0 */
/* Lines that the text views wrote, to be drawn on a canvas: what the report says, word for word. */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "canvas.h"
#include "monitor/page.h"

struct pane {
    struct page page; /* to write to, between pane_begin() and pane_end() */
    char *text;       /* with the styles' sequences of page.h */
    size_t size;
    size_t n; /* lines */
};

/* Begins a pane of lines of `columns`, instead of those that it had; text views write to its page.
 * Freed with pane_free(), whatever becomes of it. -ENOMEM. */
int pane_begin(struct pane *pane, size_t columns);

/* -ENOMEM: it has no lines then. */
int pane_end(struct pane *pane);
void pane_free(struct pane *pane);

/* Draws at most `rows` lines from line `first` on, in at most `columns`. With a `style` other than
 * STYLE_PLAIN all are in that one. Returns the rows drawn. */
unsigned pane_draw(const struct pane *pane, size_t first, struct canvas *canvas, unsigned row,
                   unsigned rows, unsigned columns, enum canvas_style style);
