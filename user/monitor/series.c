/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a report to the series of its metrics.
 */
#include "monitor/series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "utf8.h"

static bool is_taken(const struct series *series, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (strcmp(series[i].name, series[index].name) == 0)
            return true;
    return false;
}

/* Names are distinct as the monitor gives them; a process that calls itself "other:123" can still
 * take another's. A later one then is told apart by its place. */
static void name_target(struct series *series, size_t index)
{
    const char *name = series[index].target->name;
    size_t used = utf8_clean(name, strlen(name), series[index].name, SERIES_NAME_SIZE);

    for (size_t number = index; is_taken(series, index); number++)
        snprintf(series[index].name + used, SERIES_NAME_SIZE - used, "#%zu", number);
}

void tally_add(struct tally *tally, const struct group *group)
{
    double oldest = (double)group->oldest_ns / 1e9;

    tally->waiters += (double)group->count;
    tally->memory_bytes += (double)group->memory_bytes;
    if (oldest > tally->oldest_seconds)
        tally->oldest_seconds = oldest;
}

static void add_to_rest(struct series *series, const struct group *group)
{
    struct tally *rest = group->idle_rule ? series->idle_rest : series->rest;

    tally_add(&rest[group->stack->kind], group);
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t left = (*(const struct group *const *)a)->stack->id;
    uint64_t right = (*(const struct group *const *)b)->stack->id;

    return (left > right) - (left < right);
}

/* Groups differ in their stacks' ids; should two share one, the rest takes the second. */
static void drop_duplicates(struct series *series)
{
    size_t kept = 0;

    for (size_t i = 0; i < series->n_own; i++) {
        const struct group *group = series->own[i];

        if (kept > 0 && series->own[kept - 1]->stack->id == group->stack->id)
            add_to_rest(series, group);
        else
            series->own[kept++] = group;
    }
    series->n_own = kept;
}

static int pick_groups(struct series *series)
{
    const struct target_report *target = series->target;

    series->own = calloc(target->n_groups + 1, sizeof(series->own[0]));
    if (!series->own)
        return -ENOMEM;
    for (size_t i = 0; i < target->n_groups; i++) {
        const struct group *group = &target->groups[i];

        if (group->has_series)
            series->own[series->n_own++] = group;
        else
            add_to_rest(series, group);
    }
    qsort(series->own, series->n_own, sizeof(series->own[0]), compare_ids);
    drop_duplicates(series);
    return 0;
}

int series_new(const struct report *report, struct series **ret_series)
{
    struct series *series = calloc(report->n_targets + 1, sizeof(*series));

    if (!series)
        return -ENOMEM;
    for (size_t i = 0; i < report->n_targets; i++) {
        series[i].target = &report->targets[i];
        name_target(series, i);
        if (pick_groups(&series[i]) < 0) {
            series_free(&series, report->n_targets);
            return -ENOMEM;
        }
    }
    *ret_series = series;
    return 0;
}

void series_free(struct series **series, size_t n)
{
    for (size_t i = 0; *series && i < n; i++)
        free((*series)[i].own);
    free(*series);
    *series = NULL;
}
