/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The line formats that Prometheus reads, text 0.0.4 and OpenMetrics 1.0: families and samples,
 * with label values escaped and clean. What is written is in metrics.c.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

enum metrics_format { METRICS_TEXT, METRICS_OPENMETRICS };

enum metric_type { METRIC_GAUGE, METRIC_COUNTER, METRIC_HISTOGRAM };

/* A sample's line in the making: family, sample_begin, any number of labels, sample_end. */
struct exposition {
    FILE *out;
    enum metrics_format format;
    const char *family;
    enum metric_type type;
    bool labelled; /* the sample has a label already */
};

/* The head of a family, `name` without a counter's _total: every sample until the next is its. */
void exposition_family(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help);

/* `suffix`: "_bucket", "_sum" and "_count" of a histogram; else "". */
void exposition_begin(struct exposition *exposition, const char *suffix);
void exposition_label(struct exposition *exposition, const char *name, const char *value);
void exposition_end(struct exposition *exposition, double value);

/* The same for nanoseconds as seconds, without a loss of digits. */
void exposition_end_seconds(struct exposition *exposition, uint64_t ns);

/* What OpenMetrics wants last. */
void exposition_finish(struct exposition *exposition);

#define LE_SIZE 32

/* The text of a bound given in nanoseconds, and "+Inf": the same in both formats, so that a change
 * of format changes no series. */
void exposition_le(uint64_t ns, char ret_text[static LE_SIZE]);
