/* SPDX-License-Identifier: Apache-2.0 */
/* One goroutine as a copy of its g says. Pure: bytes in, facts out. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/layout.h"
#include "wire.h"

/* g.atomicstatus without the bit of the garbage collector's scan (runtime/runtime2.go). Go 1.26
 * added the last two: a goroutine that its leak detection found, and a dead one of a thread that
 * only C code made. */
enum go_status {
    GO_IDLE,
    GO_RUNNABLE,
    GO_RUNNING,
    GO_SYSCALL,
    GO_WAITING,
    GO_MORIBUND,
    GO_DEAD,
    GO_ENQUEUE,
    GO_COPYSTACK,
    GO_PREEMPTED,
    GO_LEAKED,
    GO_DEAD_EXTRA,
    GO_STATUS_MAX
};

#define GO_STATUS_SCAN 0x1000u /* _Gscan: the garbage collector is at its stack */

struct goroutine {
    uint64_t address; /* of the g */
    uint64_t goid;
    uint64_t stack_lo, stack_hi;
    uint64_t sp, pc;    /* where it stands; meaningless while it runs */
    uint64_t waitsince; /* CLOCK_MONOTONIC; 0: unknown */
    uint64_t waiting;   /* sudog; 0: none */
    uint64_t labels;    /* labelMap; 0: none */
    uint64_t gopc;      /* behind the go statement that made it */
    uint64_t startpc;
    uint64_t parent; /* goid; 0: unknown */
    uint8_t status;
    uint8_t reason;
    uint8_t sequence;
};

/* Reads layout->size bytes. False: this is no g, or not one yet. */
bool goroutine_decode(const struct g_layout *layout, uint64_t address, const uint8_t *bytes,
                      struct goroutine *ret_goroutine);

/* Whether these bytes, that do not decode, are those of a goroutine which is just being made: it is
 * listed as dead already, or again, and does not point to itself yet (newproc1() in
 * runtime/proc.go).
 */
bool goroutine_is_unborn(const struct g_layout *layout, const uint8_t *bytes);

/* Made, and not ended yet. */
bool goroutine_is_live(const struct goroutine *goroutine);

/* Off its CPU, in a wait or a system call, with a stack that can be read. Not: those that only
 * call themselves waiting so that the garbage collector or a trace may look at them. */
bool goroutine_is_parked(const struct g_layout *layout, const struct goroutine *goroutine);

/* Waits, or is in a system call, but not on its stack: this was copied while the one or the other
 * was being written. */
bool goroutine_is_torn(const struct g_layout *layout, const struct goroutine *goroutine);

/* Whether two copies, the first made before the second, show one park, with its stack at one place.
 * The collector may note a waitsince meanwhile. */
bool goroutine_stood(const struct goroutine *before, const struct goroutine *after);

/* Of a live one. */
enum goroutine_state goroutine_state(const struct g_layout *layout,
                                     const struct goroutine *goroutine);

/* Why it is parked, in the words of runtime.Stack(). */
const char *goroutine_reason(const struct g_layout *layout, const struct goroutine *goroutine);
