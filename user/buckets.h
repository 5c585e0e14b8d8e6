/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds of the duration histograms, in one place for those who count and those who print. A bound
 * belongs to its bucket ("le"); one more bucket, without a bound, follows the last.
 */
#pragma once

#include <stdint.h>

#include "bpf/record.h"

/* Of park_counters.parks; the probe hands them to the BPF programs. */
extern const uint64_t park_bucket_ns[RECORD_BUCKETS - 1];

#define SCAN_BUCKETS 11

/* Of scan durations. */
extern const uint64_t scan_bucket_ns[SCAN_BUCKETS - 1];

/* Scans by what they took, since the start; all zero is empty. */
struct scan_histogram {
    uint64_t scans[SCAN_BUCKETS];
    uint64_t sum_ns;
};

void scan_histogram_add(struct scan_histogram *histogram, uint64_t duration_ns);
