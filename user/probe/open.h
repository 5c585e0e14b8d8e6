/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the probe holds while it runs: the targets, the BPF programs, the other roles and what they
 * were given. Private to it: open.c makes and ends it, probe.c lets it run.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <unistd.h>

#include "bpf/record.h"
#include "options.h"
#include "probe/attached.h"
#include "probe/bpf.h"
#include "probe/console.h"
#include "probe/notify.h"
#include "probe/schedule.h"
#include "probe/web.h"

#define MONITOR_PATIENCE_S 10 /* a monitor that takes no message for so long hangs */

/* Begins as PROBE_NONE with command and options. */
struct probe {
    enum command command;
    const struct options *options;
    struct bpf *bpf;
    struct schedule schedule;
    int signal_fd;
    int output_fd; /* report */
    struct console console;
    int listen_fds[OPTIONS_LISTEN_MAX];
    size_t n_listen_fds;
    int monitor_fd;       /* the probe's end of the socket */
    pid_t monitor;        /* 0: not running */
    struct web web;       /* watch */
    struct notify notify; /* watch */
    bool last_scan;       /* the report waits for the scan that is under way */
    bool stop;
    int status; /* exit code */
    size_t n_targets;
    struct attached targets[RECORD_TARGETS_MAX];
};

#define PROBE_NONE                                                                                 \
    .signal_fd = -1, .monitor_fd = -1, .output_fd = STDOUT_FILENO, .console = CONSOLE_NONE,        \
    .notify = NOTIFY_NONE

/* Opens and starts everything, in an order in which who cannot go on says so before anything is
 * attached. After a failure, of which one line was said, the caller closes it, too. */
int probe_open(struct probe *probe);
void probe_close(struct probe *probe);
