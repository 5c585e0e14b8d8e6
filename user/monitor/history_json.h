/* SPDX-License-Identifier: Apache-2.0 */
/* A history as JSON: what /api/v1/history serves. What is not known is null. */
#pragma once

#include <stdio.h>

#include "history.h"

struct history_query {
    const char *target; /* NULL: all of them */
    int64_t since_ms;   /* only later points */
};

/* What the page has to know besides. */
struct history_about {
    const char *version;
    const char *telemetry_path;
    int64_t time_ms; /* CLOCK_REALTIME */
    int64_t threshold_ns;
};

/* -ENOENT: there is no such target, and nothing is written; -ENOMEM; -EIO when `out` has failed. */
int history_write(const struct history *history, const struct history_about *about,
                  const struct history_query *query, FILE *out);
