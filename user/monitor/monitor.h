/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor role: takes what analysts and probe send, prints the report, serves HTTP or shows it
 * on the terminal. It has no privileges, and believes nobody. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "options.h"

struct monitor_options {
    int probe_socket;              /* SOCK_STREAM, wire.h */
    const struct options *options; /* borrowed */
    bool watch;                    /* serve until the probe is gone */
    bool top;                      /* show on the terminal until then; else print one report */
    bool messages;                 /* top: standard error is a backlog */
    int output_fd;                 /* report: where to */
    unsigned width;                /* report as text: columns; 0: no terminal */
    int verifier_socket;           /* watch: who checks passwords; -1: nobody */
    const int *listen_fds;         /* watch: sockets that are listened on */
    size_t n_listen_fds;
};

/* Runs in a process of its own, into which it locks itself. Returns the process's exit code. */
int monitor_run(const struct monitor_options *options);
