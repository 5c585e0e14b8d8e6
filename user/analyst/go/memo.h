/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is remembered of one g between scans: its park, if it has one, and whether a later look
 * still shows the same. Pure. There may be a million of them, so they are small.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analyst/go/cycles.h"
#include "analyst/go/goroutine.h"
#include "analyst/go/layout.h"
#include "sample.h"

enum memo_flag {
    MEMO_PARKED = 1 << 0,
    MEMO_WATCHED = 1 << 1,   /* its park began between two of our looks */
    MEMO_SENT = 1 << 2,      /* the monitor has a sample of it */
    MEMO_DUE = 1 << 3,       /* past the threshold, and to be described */
    MEMO_DIRTY = 1 << 4,     /* the monitor's sample is not this one */
    MEMO_SYSTEM = 1 << 5,    /* one of the runtime's own goroutines */
    MEMO_MET = 1 << 6,       /* the fields of its goroutine are filled */
    MEMO_DESCRIBED = 1 << 7, /* the fields of its sample are filled */
    MEMO_NEW = 1 << 8,       /* not looked at yet: it was not in the list at the scan before */
    MEMO_TORN = 1 << 9,      /* the look told nothing, and there is to be another one */
    MEMO_UNSEEN = 1 << 10,   /* the looks of the last scan told nothing */

    MEMO_UNTOLD = MEMO_NEW | MEMO_TORN | MEMO_UNSEEN, /* none of them after a look that told */
};

struct memo {
    uint64_t g; /* its address: stays one g for the life of the process */
    uint64_t goid;
    uint64_t place; /* of its park: pc, depth of its stack, sudog, as one hash */
    uint64_t waitsince;
    uint64_t seen_ns;       /* parked at this moment already, and ever since */
    uint64_t not_before_ns; /* we saw that it was not in this park yet; 0: we did not look */
    uint64_t stack_id;      /* from here on: of its sample */
    uint64_t object;
    uint32_t detail;
    uint32_t stack_bytes;
    uint8_t status; /* enum go_status, of its park */
    uint8_t reason;
    uint8_t sequence;
    uint8_t object_kind;
    uint8_t looks;  /* that found the same park by its sequence alone */
    uint16_t flags; /* enum memo_flag */
};

/* A look at a goroutine. */
struct look {
    const struct g_layout *layout;
    const struct goroutine *goroutine;
    uint64_t now_ns;      /* no earlier than the copy was made */
    uint64_t previous_ns; /* no later than the copies of the look before were; 0: there was none */
};

/*
 * Whether the park that is remembered is still the one that the look shows: same goroutine, place,
 * reason and trackingSeq, and a waitsince that no run has cleared. A goroutine that runs clears
 * waitsince (execute(), exitsyscall() in runtime/proc.go) and counts in trackingSeq, a byte
 * (casgstatus()). Neither is so for coroutines (coroswitch_m() in runtime/coro.go), nor the second,
 * from 1.26 on, for system calls: of those only what can be proven is said.
 */
bool memo_is_same(const struct memo *memo, const struct look *look);

/*
 * Whether the copy of a g, layout->size bytes, shows the wait that is remembered and nothing that
 * is new of it: the common case of goroutine_decode(), goroutine_is_parked() and memo_is_same(),
 * and then what they would say. False says nothing. A million of them are looked at for each scan.
 */
bool memo_stands(const struct memo *memo, const struct g_layout *layout, const uint8_t *bytes);

/* Whether it looks the same, be it proven or not: enough for two looks at one moment. */
bool memo_is_alike(const struct memo *memo, const struct look *look);

/* Whether it may be the same, wherever it stands. Then nothing tells that the park which the look
 * shows began after the look before: it is younger than memo->not_before_ns in any case. */
bool memo_may_be_same(const struct memo *memo, const struct look *look);

/* Whether it stands elsewhere, though all else proves that it has not run: so it looks when the g
 * is copied while the collector moves its stack (copystack() in runtime/stack.go writes gp.stack
 * first, gp.sched.sp later). */
bool memo_has_other_stack(const struct memo *memo, const struct look *look);

/* That it is the same hangs on trackingSeq alone, which comes round every 256 parks, and too few
 * looks have agreed on it yet. */
#define MEMO_LOOKS_ENOUGH 3
bool memo_is_doubtful(const struct memo *memo);

/* Whether the monitor lacks it or something of it, be it due or not. */
bool memo_is_news(const struct memo *memo);

/* A new park begins, which the look shows. What the monitor has of the old one is forgotten. */
void memo_begin(struct memo *memo, const struct look *look);

/* One more look, some time after the last one, found the same park. */
void memo_agree(struct memo *memo);

/* The park goes on. `counts`: enough time went by since the last look to call it another one. */
void memo_go_on(struct memo *memo, const struct look *look, bool counts);

/* The goroutine is awake, or gone. */
void memo_clear(struct memo *memo);

/* Its sample, as it is sent. */
struct sample memo_sample(const struct memo *memo, const struct cycles *cycles);
