/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Families of metrics, and what writes those of one target.
 */
#pragma once

#include <stddef.h>

#include "monitor/exposition.h"
#include "monitor/series.h"

struct scrape; /* one run of metrics_write() */

struct family {
    const char *name; /* without a counter's _total */
    enum metric_type type;
    const char *help;
    /* One of the two writes the samples: once, or for each target that is up. */
    void (*once)(struct scrape *scrape, const struct family *family);
    void (*each)(struct exposition *to, const struct family *family, const struct series *series);
    size_t offset; /* of the value, in the struct that the function reads */
};

static inline uint64_t family_number(const struct family *family, const void *base)
{
    return *(const uint64_t *)((const char *)base + family->offset);
}

static inline double family_real(const struct family *family, const void *base)
{
    return *(const double *)((const char *)base + family->offset);
}

/* What stands behind families[].each: the samples of `series`, with the target's label. */
void metrics_target_info(struct exposition *to, const struct family *family,
                         const struct series *series);
void metrics_target_start_time(struct exposition *to, const struct family *family,
                               const struct series *series);
void metrics_target_resource(struct exposition *to, const struct family *family,
                             const struct series *series);
void metrics_target_cpu(struct exposition *to, const struct family *family,
                        const struct series *series);
void metrics_target_network(struct exposition *to, const struct family *family,
                            const struct series *series);
void metrics_target_threads(struct exposition *to, const struct family *family,
                            const struct series *series);
void metrics_target_goroutines(struct exposition *to, const struct family *family,
                               const struct series *series);
void metrics_target_stacks(struct exposition *to, const struct family *family,
                           const struct series *series);
void metrics_target_stack_info(struct exposition *to, const struct family *family,
                               const struct series *series);
void metrics_target_deadlocks(struct exposition *to, const struct family *family,
                              const struct series *series);
void metrics_target_parks(struct exposition *to, const struct family *family,
                          const struct series *series);
void metrics_target_scans(struct exposition *to, const struct family *family,
                          const struct series *series);
void metrics_target_interval(struct exposition *to, const struct family *family,
                             const struct series *series);
void metrics_target_long_parks(struct exposition *to, const struct family *family,
                               const struct series *series);
void metrics_target_futex_waits(struct exposition *to, const struct family *family,
                                const struct series *series);
void metrics_target_futex_wakes(struct exposition *to, const struct family *family,
                                const struct series *series);
void metrics_target_losses(struct exposition *to, const struct family *family,
                           const struct series *series);
