/* SPDX-License-Identifier: Apache-2.0 */
/* One target and its analyst: attaching, asking for scans, noticing ends, starting anew. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loss.h"
#include "probe/bpf.h"
#include "probe/service.h"
#include "probe/target.h"

/* A scan that takes longer than this is taken for hung: its analyst is ended and started anew. */
#define ATTACHED_SCAN_MAX_NS (30ll * 1000000000)

/* What to look for in a target. */
struct attached_options {
    int64_t threshold_ns;
    unsigned kinds; /* as analyst_options */
    bool proven;
};

struct attached {
    uint32_t index;
    struct target_id target;
    struct service service;
    struct losses losses;
    struct bpf *bpf; /* borrowed */
    int monitor;     /* borrowed: the probe's socket to the monitor */
    struct attached_options options;
    bool up;
    uint64_t attach_ns;
    int area_fd; /* memfd of the area that its analysts see */
    uint8_t *area;
    pid_t analyst;                /* 0: none runs */
    int analyst_fd;               /* the probe's end of the socket */
    uint64_t number;              /* of the last scan asked for */
    uint64_t finished;            /* of the last one done */
    bool retried;                 /* that scan was asked for again, of another analyst */
    uint64_t asked_ns;            /* when */
    struct wire_target described; /* as the monitor was told last */
};

void attached_init(struct attached *attached);

/* Finds the target. Errors as of target_open(). */
int attached_open(struct attached *attached, uint32_t index, pid_t pid);

/* Starts its analyst and tells the monitor of both. */
int attached_start(struct attached *attached, struct bpf *bpf, int monitor,
                   const struct attached_options *options);

/* Asks for a scan, unless one is under way: then it counts as late. */
int attached_tick(struct attached *attached);

/* Whether the last scan that was asked for is done, or none will be. */
bool attached_is_idle(const struct attached *attached);

/* The analyst has something to say, or ended. Errors are those of starting another one. */
int attached_answer(struct attached *attached);

/* Ends an analyst that hangs. */
void attached_check(struct attached *attached, uint64_t now_ns);

/* The target ended. */
int attached_ended(struct attached *attached);

/* Sends what the probe itself reads: description if it changed, resources, counters. */
int attached_report(struct attached *attached);

/* The counters alone: of what happened up to now. */
int attached_count(struct attached *attached);

/* Ends the analyst and gives everything back. */
void attached_close(struct attached *attached);
