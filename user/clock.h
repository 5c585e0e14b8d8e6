/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks; that of all ages is CLOCK_MONOTONIC in nanoseconds. */
#pragma once

#include <stdint.h>
#include <time.h>

/* Any clock as seconds. */
static inline double clock_seconds(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* Any clock as nanoseconds. */
static inline uint64_t clock_ns(clockid_t clock)
{
    struct timespec now;

    clock_gettime(clock, &now);
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}

static inline uint64_t clock_now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}
