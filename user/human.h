/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people read them. Each function returns its text by value, so that it fits into a
 * printf's arguments: printf("%s", human_bytes(n).text).
 */
#pragma once

#include <stdint.h>

#define HUMAN_MAX 32

struct human {
    char text[HUMAN_MAX];
};

/* Two units at most, cut, not rounded: "3d4h", "2h51m", "12s", "1.0s", "250ms", "40µs"; negative
 * durations count as 0. */
struct human human_duration(int64_t ns);

/* The same for an upper bound: never less than `ns`. */
struct human human_duration_up(int64_t ns);

/* The last digit's worth in human_duration(ns), in nanoseconds. */
int64_t human_duration_step(int64_t ns);

/* In full, as one types it: "1s", "1.5s", "1h30m", "500ms", "0s". */
struct human human_exact(int64_t ns);

/* "512 B", "88 KiB", "27.8 MiB": three digits or so. */
struct human human_bytes(uint64_t bytes);

/* Bytes per second, in powers of 1000 as networks count: "1.2 kB/s". */
struct human human_rate(double bytes_per_second);

/* "14,259" */
struct human human_count(uint64_t count);
