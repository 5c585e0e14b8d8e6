/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When garbage collections of a target ended, as far as its goroutines tell.
 *
 * g.waitsince is written by the collector when it first meets a goroutine that waits, and is then
 * the end of the collection before (runtime/mgcmark.go markroot(), mgc.go gcMark(): the same from
 * 1.17 to 1.27). Whoever has a waitsince did not wait yet at the end of any earlier collection, or
 * the next one would have noted that one; but it may have begun while the one of its waitsince
 * still ran, or long before, if that was the first of all. So the proven bound is the end before.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define CYCLES_MAX 1024

struct cycles {
    uint64_t ends[CYCLES_MAX]; /* ascending, CLOCK_MONOTONIC */
    size_t n;
    uint64_t version; /* how many were ever noted: as long as it stays, so do all bounds */
};

/* Notes that a collection ended at `end_ns`. Beyond CYCLES_MAX one in a crowd is forgotten: bounds
 * only get wider by it. */
void cycles_add(struct cycles *cycles, uint64_t end_ns);

/* The last known end before `end_ns`; 0: none. */
uint64_t cycles_before(const struct cycles *cycles, uint64_t end_ns);
