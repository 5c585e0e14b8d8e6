/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bounds of the duration histograms.
 */
#include "buckets.h"

#define MS UINT64_C(1000000)
#define S  (1000 * MS)

/* From a lock's hand-over to a day: a leak shows as parks that never end, not in these. */
const uint64_t park_bucket_ns[RECORD_BUCKETS - 1] = {
    1 * MS, 10 * MS, 100 * MS, 1 * S, 10 * S, 60 * S, 600 * S, 3600 * S, 86400 * S,
};

/* Up to the default interval of watch, 5s, and beyond: then scans are late. */
const uint64_t scan_bucket_ns[SCAN_BUCKETS - 1] = {
    1 * MS, 3 * MS, 10 * MS, 30 * MS, 100 * MS, 300 * MS, 1 * S, 3 * S, 5 * S, 10 * S,
};

void scan_histogram_add(struct scan_histogram *histogram, uint64_t duration_ns)
{
    int bucket = 0;

    while (bucket < SCAN_BUCKETS - 1 && duration_ns > scan_bucket_ns[bucket])
        bucket++;
    histogram->scans[bucket]++;
    histogram->sum_ns += duration_ns;
}
