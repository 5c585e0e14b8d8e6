/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Points by column: each array is as long as "times". Where points are missing, a row of nulls
 * stands for them, so that no chart draws a line across.
 */
#include "history_json.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "jsontext.h"
#include "wire.h"

#define MS_DIGITS    3
#define CORES_DIGITS 4
#define SCALED_MAX   1000000000000000000 /* what is greater is no rate of anything */

/* A row of the answer; `point` is NULL where points are missing. */
struct row {
    int64_t time_ms;
    const struct point *point;
};

struct rows {
    size_t n;
    struct row *list;
};

static void add_row(struct rows *rows, int64_t since_ms, int64_t time_ms, const struct point *point)
{
    if (time_ms > since_ms)
        rows->list[rows->n++] = (struct row){time_ms, point};
}

/* The rows after `since_ms`, which are to be freed. */
static int select_rows(const struct history_target *target, int64_t since_ms, struct rows *ret_rows)
{
    const struct timeline *timeline = &target->timeline;
    size_t n = history_n_settled(target);

    *ret_rows = (struct rows){.list = calloc(2 * n + 1, sizeof(*ret_rows->list))};
    if (!ret_rows->list)
        return -ENOMEM;
    for (size_t i = 0; i < n; i++) {
        const struct point *point = timeline_at(timeline, i);

        if (timeline_has_gap(timeline, i))
            add_row(ret_rows, since_ms,
                    timeline_at(timeline, i - 1)->time_ms + timeline->interval_ms, NULL);
        add_row(ret_rows, since_ms, point->time_ms, point);
    }
    return 0;
}

static void write_times(struct jsontext *to, const struct rows *rows)
{
    jsontext_key(to, "times");
    jsontext_begin(to, '[');
    for (size_t i = 0; i < rows->n; i++)
        jsontext_decimal(to, rows->list[i].time_ms, MS_DIGITS);
    jsontext_end(to, ']');
}

/* The columns by their place in a point. */
struct column {
    const char *name;
    size_t offset;
};

/* NULL: there is no point. */
static const void *field(const struct row *row, size_t offset)
{
    return row->point ? (const char *)row->point + offset : NULL;
}

static void write_bytes(struct jsontext *to, const struct rows *rows, const struct column *column)
{
    jsontext_key(to, column->name);
    jsontext_begin(to, '[');
    for (size_t i = 0; i < rows->n; i++) {
        const uint64_t *bytes = field(&rows->list[i], column->offset);

        if (bytes && *bytes != WIRE_UNKNOWN)
            jsontext_number(to, *bytes);
        else
            jsontext_null(to);
    }
    jsontext_end(to, ']');
}

/* Rounded to that many digits after the point. */
static void write_rate(struct jsontext *to, float rate, unsigned digits)
{
    double scaled = rate;

    for (unsigned i = 0; i < digits; i++)
        scaled *= 10;
    jsontext_decimal(to, scaled < SCALED_MAX ? (int64_t)(scaled + 0.5) : SCALED_MAX, digits);
}

static void write_rates(struct jsontext *to, const struct rows *rows, const struct column *column,
                        unsigned digits)
{
    jsontext_key(to, column->name);
    jsontext_begin(to, '[');
    for (size_t i = 0; i < rows->n; i++) {
        const float *rate = field(&rows->list[i], column->offset);

        if (rate && !isnan(*rate))
            write_rate(to, *rate, digits);
        else
            jsontext_null(to);
    }
    jsontext_end(to, ']');
}

static void write_counts(struct jsontext *to, const struct rows *rows, const struct column *column)
{
    jsontext_key(to, column->name);
    jsontext_begin(to, '[');
    for (size_t i = 0; i < rows->n; i++) {
        const uint32_t *count = field(&rows->list[i], column->offset);

        if (count && *count != POINT_UNKNOWN)
            jsontext_number(to, *count);
        else
            jsontext_null(to);
    }
    jsontext_end(to, ']');
}

static void write_columns(struct jsontext *to, const struct rows *rows)
{
    static const struct column bytes[] = {
        {"resident_memory_bytes", offsetof(struct point, resident_bytes)},
        {"cgroup_memory_usage_bytes", offsetof(struct point, cgroup_usage_bytes)},
        {"cgroup_memory_rss_bytes", offsetof(struct point, cgroup_rss_bytes)},
    };
    static const struct column cores = {"cpu_cores", offsetof(struct point, cpu_cores)};
    static const struct column rates[] = {
        {"network_receive_bytes_per_second", offsetof(struct point, receive_rate)},
        {"network_transmit_bytes_per_second", offsetof(struct point, transmit_rate)},
    };
    static const struct column counts[] = {
        {"threads", offsetof(struct point, threads)},
        {"goroutines", offsetof(struct point, goroutines)},
        {"parked_threads", offsetof(struct point, parked[SAMPLE_THREAD])},
        {"parked_goroutines", offsetof(struct point, parked[SAMPLE_GOROUTINE])},
    };

    write_times(to, rows);
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++)
        write_bytes(to, rows, &bytes[i]);
    write_rates(to, rows, &cores, CORES_DIGITS);
    for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++)
        write_rates(to, rows, &rates[i], 0);
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++)
        write_counts(to, rows, &counts[i]);
}

/* A column of waiters, and how many they are over all points. */
struct weight {
    size_t column;
    uint64_t waiters;
};

static uint64_t sum_waiters(const struct history_target *target, size_t column)
{
    size_t n = timeline_n(&target->timeline);
    uint64_t sum = 0;

    for (size_t i = 0; i < n; i++) {
        uint32_t waiters = timeline_at(&target->timeline, i)->waiters[column];

        if (waiters != POINT_UNKNOWN)
            sum += waiters;
    }
    return sum;
}

/* Most waiters first; the sums of all others last. */
static int compare_weights(const void *left, const void *right)
{
    const struct weight *a = left, *b = right;
    bool a_own = a->column < RANKING_OWN, b_own = b->column < RANKING_OWN;

    if (a_own != b_own)
        return a_own ? -1 : 1;
    return (a->waiters < b->waiters) - (a->waiters > b->waiters);
}

static void write_site(struct jsontext *to, const struct history_target *target,
                       const struct rows *rows, size_t column)
{
    static const char *const kinds[] = {
        [SAMPLE_THREAD] = "thread",
        [SAMPLE_GOROUTINE] = "goroutine",
    };
    const struct ranked *own = column < RANKING_OWN ? &target->ranking.own[column] : NULL;
    const struct column counts = {"counts",
                                  offsetof(struct point, waiters) + column * sizeof(uint32_t)};

    jsontext_line(to);
    jsontext_begin(to, '{');
    jsontext_key(to, "site");
    jsontext_string(to, own ? own->site : "other");
    jsontext_key(to, "kind");
    jsontext_string(to, own ? kinds[own->kind] : NULL);
    jsontext_key(to, "reason");
    jsontext_string(to, own ? own->reason : NULL);
    jsontext_key(to, "idle");
    jsontext_bool(to, ranking_is_idle(column));
    write_counts(to, rows, &counts);
    jsontext_end(to, '}');
}

static void write_sites(struct jsontext *to, const struct history_target *target,
                        const struct rows *rows)
{
    struct weight weights[RANKING_COLUMNS];

    for (size_t i = 0; i < RANKING_COLUMNS; i++)
        weights[i] = (struct weight){i, sum_waiters(target, i)};
    qsort(weights, RANKING_COLUMNS, sizeof(weights[0]), compare_weights);
    jsontext_key(to, "sites");
    jsontext_begin(to, '[');
    for (size_t i = 0; i < RANKING_COLUMNS; i++)
        if (weights[i].waiters > 0)
            write_site(to, target, rows, weights[i].column);
    jsontext_end(to, ']');
}

static int write_target(struct jsontext *to, const struct history_target *target, int64_t since_ms)
{
    struct rows rows;
    int r = select_rows(target, since_ms, &rows);

    if (r)
        return r;
    jsontext_line(to);
    jsontext_begin(to, '{');
    jsontext_key(to, "target");
    jsontext_string(to, target->name);
    jsontext_key(to, "pid");
    jsontext_number(to, target->pid);
    jsontext_key(to, "up");
    jsontext_bool(to, target->up);
    jsontext_key(to, "runtime");
    jsontext_string(to, target->runtime[0] ? target->runtime : NULL);
    jsontext_key(to, "since");
    jsontext_decimal(to, target->since.time_ms, MS_DIGITS);
    jsontext_key(to, "ended");
    if (target->up)
        jsontext_null(to);
    else
        jsontext_decimal(to, target->ended.time_ms, MS_DIGITS);
    jsontext_key(to, "moves");
    jsontext_number(to, target->moves);
    write_columns(to, &rows);
    write_sites(to, target, &rows);
    jsontext_end(to, '}');
    free(rows.list);
    return 0;
}

static bool is_asked_for(const struct history_target *target, const struct history_query *query)
{
    return !query->target || !strcmp(query->target, target->name);
}

static int write_targets(struct jsontext *to, const struct history *history,
                         const struct history_query *query)
{
    int r = 0;

    jsontext_key(to, "targets");
    jsontext_begin(to, '[');
    for (size_t i = 0; i < history->n && !r; i++)
        if (is_asked_for(history->targets[i], query))
            r = write_target(to, history->targets[i], query->since_ms);
    jsontext_end(to, ']');
    return r;
}

static bool has_asked_for(const struct history *history, const struct history_query *query)
{
    for (size_t i = 0; i < history->n; i++)
        if (is_asked_for(history->targets[i], query))
            return true;
    return !query->target;
}

int history_write(const struct history *history, const struct history_about *about,
                  const struct history_query *query, FILE *out)
{
    struct jsontext to;
    int failed, r;

    if (!has_asked_for(history, query))
        return -ENOENT;
    jsontext_init(&to, out);
    jsontext_begin(&to, '{');
    jsontext_key(&to, "parkwatch");
    jsontext_string(&to, about->version);
    jsontext_key(&to, "time");
    jsontext_decimal(&to, about->time_ms, MS_DIGITS);
    jsontext_key(&to, "interval_seconds");
    jsontext_decimal(&to, history->interval_ms, MS_DIGITS);
    jsontext_key(&to, "threshold_seconds");
    jsontext_decimal(&to, about->threshold_ns, 9);
    jsontext_key(&to, "telemetry_path");
    jsontext_string(&to, about->telemetry_path);
    r = write_targets(&to, history, query);
    jsontext_end(&to, '}');
    failed = jsontext_finish(&to);
    putc('\n', out);
    return r ? r : failed;
}
