/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two processes that serve one target: its reader, which alone touches it, and its analyst,
 * which alone makes sense of it. They share a piece of memory, start together and end together.
 *
 * Ending takes no time here, and may take any time there: a process that waits for a file system
 * which a target runs (FUSE) is not even ended by SIGKILL. So nobody waits for one; and as long as
 * one is there, its target gets no other crew, which bounds how many there can be.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "analyst/analyst.h"
#include "probe/reader.h"

struct crew {
    pid_t reader; /* 0: none, or gone */
    pid_t analyst;
    uint64_t reader_cpu_us; /* that those before took, to their ends */
    uint64_t analyst_cpu_us;
    int control; /* the probe's end of the reader's socket; -1: none, or told to end */
};

#define CREW_NONE ((struct crew){.control = -1})

/* What to start, but for the sockets and the area, which are made here. */
struct crew_options {
    struct reader_options reader;
    struct analyst_options analyst;
};

/* Starts both; there must be none. *ret_monitor_fd is the monitor's end of the analyst's socket,
 * which the caller passes on and closes. */
int crew_start(struct crew *crew, const struct crew_options *options, int *ret_monitor_fd);

/* Kills both, and does not wait for that. */
void crew_end(struct crew *crew);

/* CPU time of both so far, microseconds; of one that has ended 0. */
uint64_t crew_cpu_us(const struct crew *crew);

/* Takes note of what has ended: whether nothing is left. */
bool crew_reap(struct crew *crew);
