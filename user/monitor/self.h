/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's own process_* metrics. What they are read from is opened before the sandbox, which
 * has no open. */
#pragma once

#include "monitor/metrics.h"

struct self {
    int stat_fd;   /* -1: what is in it is unknown */
    int status_fd; /* likewise */
    int fds_fd;    /* likewise */
    double max_fds;
    double start_time; /* seconds since 1970 */
};

void self_open(struct self *ret_self);
void self_close(struct self *self);
void self_read(const struct self *self, struct metrics_self *ret_metrics);
