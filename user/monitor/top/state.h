/* SPDX-License-Identifier: Apache-2.0 */
/* What the user chose, and what each key makes of it. Pure: knows neither terminal nor clock. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rows.h"

enum input_kind {
    INPUT_CHARACTER,
    INPUT_ENTER,
    INPUT_ESCAPE,
    INPUT_BACKSPACE,
    INPUT_UP,
    INPUT_DOWN,
    INPUT_LEFT,
    INPUT_RIGHT,
    INPUT_PAGE_UP,
    INPUT_PAGE_DOWN,
    INPUT_HOME,
    INPUT_END,
    INPUT_NEXT,     /* Tab */
    INPUT_PREVIOUS, /* Shift-Tab */
    INPUT_CLEAR,    /* Ctrl-U */
    INPUT_REDRAW,   /* Ctrl-L */
    INPUT_OTHER
};

struct input {
    enum input_kind kind;
    uint32_t character; /* INPUT_CHARACTER: no control */
};

enum state_view { VIEW_LIST, VIEW_STACK, VIEW_DEADLOCKS, VIEW_LOSSES, VIEW_HELP };

struct state {
    enum state_view view;
    struct rows_order order;
    bool editing; /* the filter */
    bool paused;
    bool quit;
    size_t target;     /* index among the report's */
    uint64_t selected; /* stack id; 0: the first row, whatever that is */
    size_t cursor;     /* where it was last */
    size_t first;      /* row of the list that is shown first */
    uint64_t opened;   /* stack id, VIEW_STACK */
    size_t scroll;     /* line of the view that is shown first */
};

/* What keys move about in. */
struct state_scene {
    size_t n_targets;
    const struct rows *rows;
    size_t list_rows; /* of the list that are shown at a time */
    size_t n_lines;   /* of a view other than the list */
    size_t page_rows; /* of those that are shown at a time */
};

void state_input(struct state *state, const struct input *input, const struct state_scene *scene);

/* Brings cursor and scrolling in line with what there is now: the selected group keeps the cursor
 * wherever it is sorted to; where it is gone, the one in its place has it. */
void state_follow(struct state *state, const struct state_scene *scene);
