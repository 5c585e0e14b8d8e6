/* SPDX-License-Identifier: Apache-2.0 */
/* One target and the crew that serves it: attaching, asking for scans, passing on what its reader
 * says, noticing who hangs or ended, starting anew. Nothing here waits for a target. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loss.h"
#include "probe/bpf.h"
#include "probe/crew.h"
#include "probe/pace.h"
#include "probe/target.h"

/* A reader that gives no sign of life for so long is held up by its target. */
#define ATTACHED_READER_MAX_NS (5ll * 1000000000)

/* A scan that takes longer than this is taken for hung, while the reader lives: the analyst is. */
#define ATTACHED_SCAN_MAX_NS (30ll * 1000000000)

/* What to look for in a target. */
struct attached_options {
    int64_t threshold_ns;
    unsigned kinds; /* as analyst_options */
    bool proven;
    bool one_look;        /* as analyst_options, too */
    uint64_t interval_ns; /* of scans; 0: none of them is put off */
};

struct attached {
    uint32_t index;
    struct target_id target;
    bool numbers_are_kernels; /* target.pid is what thread records carry, too */
    struct losses losses;     /* of the probe and of the readers */
    struct bpf *bpf;          /* borrowed */
    int monitor;              /* borrowed: the probe's socket to the monitor */
    struct attached_options options;
    bool up;
    bool readable; /* a reader could look into it */
    int refused;   /* or not: -errno */
    struct bpf_links links;
    int samples; /* the monitor's end of a new analyst's socket; -1: the monitor has it */
    struct reader_identity identity;
    struct wire_target described; /* as the monitor was told last */
    struct crew crew;
    bool leaving;        /* the crew was told to end */
    uint64_t left_ns;    /* when */
    uint64_t ordered_ns; /* the order that the reader has not taken yet; 0: none */
    uint64_t heard_ns;   /* the reader took the last order */
    uint64_t number;     /* of the last scan asked for */
    uint64_t finished;   /* of the last one done or given up */
    uint64_t asked_ns;   /* when */
    bool retried;        /* that scan was asked for again, of another crew */
    unsigned deaths;     /* of analysts that were not careful, one after the other */
    unsigned careful;    /* scans for which they still are */
    unsigned owed;       /* news that the reader may still send of it, by 1 << type */
    uint64_t cpu_us;     /* CPU time of this crew when it was done with a scan; 0: never yet */
    unsigned failures;   /* scans given up, one after the other */
    unsigned skip;       /* ticks to let pass for that */
    struct pace pace;    /* ticks to let pass for scans that take long */
};

void attached_init(struct attached *attached);

/* Finds the target. Errors as of target_open(). */
int attached_open(struct attached *attached, uint32_t index, pid_t pid);

/* Starts its crew, which prepares, and is not listened to yet. */
int attached_start(struct attached *attached, const struct attached_options *options);

/* Lets its crew scan, and tells the monitor of the target and its analyst. */
int attached_attach(struct attached *attached, struct bpf *bpf, int monitor);

/* Asks for a scan, unless one is under way: then it counts as late. A target that spoilt the scans
 * before is left alone for some ticks, and one whose scans take long for those that pace.h says. */
int attached_tick(struct attached *attached);

/* Whether the last scan that was asked for is done, or none will be. */
bool attached_is_idle(const struct attached *attached);

/* Whether a scan has lasted longer than those that hang do before they are given up: then it is
 * this process that does not come round. */
bool attached_is_stuck(const struct attached *attached, uint64_t now_ns);

/* The descriptor to poll for what its reader says; -1: none. */
int attached_fd(const struct attached *attached);

/* The reader said something, or ended. `refused` says whether the target cannot be looked into. */
int attached_answer(struct attached *attached);

/* Asks the reader for a sign of life, ends a crew that hangs, starts another where one has ended
 * and a scan waits for it. To be called at least once a second while a scan is under way, and when
 * a child ended. */
int attached_check(struct attached *attached, uint64_t now_ns);

/* The target ended. */
int attached_ended(struct attached *attached);

/* Sends the counters: of what happened up to now. */
int attached_count(struct attached *attached);

/* Tells the crew to end. */
void attached_leave(struct attached *attached);

/* Gives everything back, after waiting for the crew's end until that time at most. */
void attached_close(struct attached *attached, uint64_t until_ns);
