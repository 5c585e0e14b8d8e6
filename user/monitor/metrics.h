/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as metrics for Prometheus.
 */
#pragma once

#include <stdio.h>

#include "monitor/exposition.h"
#include "monitor/weblosses.h"
#include "report.h"

/* parkwatch's own process_*, as the caller has read them; negative: unknown, not exported. */
struct metrics_self {
    double cpu_seconds;
    double resident_bytes;
    double virtual_bytes;
    double open_fds;
    double max_fds;
    double threads;
    double start_time; /* seconds since 1970 */
    struct weblosses web;
};

/* Groups with `has_series` get series of their own, the rest of a target is summed up in one for
 * each kind. 0, -ENOMEM, or -EIO when `out` has failed. */
int metrics_write(const struct report *report, const struct metrics_self *self,
                  enum metrics_format format, FILE *out);
