/* SPDX-License-Identifier: Apache-2.0 */
/* The whole screen: what the report and the user's choices make of a canvas. */
#pragma once

#include "canvas.h"
#include "pane.h"
#include "report.h"
#include "rows.h"
#include "state.h"
#include "trail.h"

struct view {
    struct rows rows;         /* of the list, borrowing from the report that was drawn */
    struct pane pane;         /* of the other views */
    uint64_t kept;            /* stack id of the pane's group, which stays when that is gone */
    struct state_scene scene; /* what the next key moves about in */
};

/* Nothing is drawn yet, and no key moves anything. */
void view_init(struct view *view);

/* Draws. `trails` are those of the report's targets, in their order. `message` is what was logged
 * last, or "". Brings `state` in line with what there is. -ENOMEM. */
int view_draw(struct view *view, struct canvas *canvas, struct state *state,
              const struct report *report, const struct trail *const *trails, const char *message);
void view_free(struct view *view);
