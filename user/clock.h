/* SPDX-License-Identifier: Apache-2.0 */
/* The clock of all ages: CLOCK_MONOTONIC nanoseconds. */
#pragma once

#include <stdint.h>
#include <time.h>

static inline uint64_t clock_now(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000000ull + now.tv_nsec;
}
