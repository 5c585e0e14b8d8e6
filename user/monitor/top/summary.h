/* SPDX-License-Identifier: Apache-2.0 */
/* The upper part of the screen: the target, what it uses, charts, deadlocks, and what there is to
 * know about what is shown. */
#pragma once

#include <stdbool.h>

#include "canvas.h"
#include "report.h"
#include "rows.h"
#include "trail.h"

struct summary {
    int64_t threshold_ns;
    const struct target_report *target;
    const struct trail *trail;
    const struct rows_order *order;
    const struct rows *rows;
    size_t n_targets;
    size_t index; /* of the target */
    bool paused;
};

/* Draws it into at most `most` (at least 1) rows from the first on: what matters less is left out.
 * Returns the rows taken. -ENOMEM. */
int summary_draw(struct canvas *canvas, unsigned most, const struct summary *summary);
