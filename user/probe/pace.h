/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How often a target is scanned: at every interval, unless its scans take longer than a tenth of
 * that. Then intervals are left out, so that scans take a tenth of the time again. Pure: intervals
 * are counted by the caller, and durations are arguments.
 *
 * It goes by the shorter one of two scans in a row: a single slow one is the first, which takes all
 * stacks and loads symbols, or the machine's doing. The caller's durations end when the analyst has
 * handed all samples to the monitor: what that takes to group them is not in them.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* What the interval is stretched to at most: ten times the longest scan that is waited for. */
#define PACE_INTERVAL_MAX_NS (300ll * 1000000000)

struct pace {
    uint64_t interval_ns; /* as asked for; 0: no scan is put off */
    uint64_t stretch;     /* intervals from one scan to the next */
    uint64_t passed;      /* intervals since the last scan was asked for */
    uint64_t took_ns;     /* by the last scan; 0: none yet */
};

void pace_init(struct pace *pace, uint64_t interval_ns);

/* An interval has passed: whether a scan is due. It stays due until pace_begin(). */
bool pace_tick(struct pace *pace);

/* A scan was asked for. */
void pace_begin(struct pace *pace);

/* It took so long. Whether the interval in force has changed for that. */
bool pace_end(struct pace *pace, uint64_t took_ns);

/* The interval in force. */
uint64_t pace_interval(const struct pace *pace);

bool pace_is_stretched(const struct pace *pace);
