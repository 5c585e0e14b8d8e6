/* SPDX-License-Identifier: Apache-2.0 */
/* From reports to points. */
#include "history.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define MS_NS       1000000
/* A scan that has taken so long will not come: its analyst is started anew. */
#define SCAN_MAX_NS 30000000000ull

void history_init(struct history *history, int64_t interval_ns)
{
    *history = (struct history){.interval_ms = interval_ns > MS_NS ? interval_ns / MS_NS : 1};
}

static void free_target(struct history_target **target)
{
    if (!*target)
        return;
    timeline_free(&(*target)->timeline);
    free(*target);
    *target = NULL;
}

void history_free(struct history *history)
{
    for (size_t i = 0; i < history->n; i++)
        free_target(&history->targets[i]);
    history->n = 0;
}

static struct history_target *find(const struct history *history,
                                   const struct target_report *report)
{
    for (size_t i = 0; i < history->n; i++) {
        struct history_target *target = history->targets[i];

        if (target->pid == report->pid && target->start_ns == report->start_ns)
            return target;
    }
    return NULL;
}

/* Of those that ended, forgets the one that did first. */
static void forget_one(struct history *history)
{
    size_t oldest = HISTORY_TARGETS_MAX;

    for (size_t i = 0; i < history->n; i++)
        if (!history->targets[i]->up &&
            (oldest == HISTORY_TARGETS_MAX ||
             history->targets[i]->ended.now_ns < history->targets[oldest]->ended.now_ns))
            oldest = i;
    if (oldest == HISTORY_TARGETS_MAX)
        return;
    free_target(&history->targets[oldest]);
    history->n--;
    memmove(&history->targets[oldest], &history->targets[oldest + 1],
            (history->n - oldest) * sizeof(history->targets[0]));
}

static int add(struct history *history, const struct target_report *report,
               const struct history_clock *clock, struct history_target **ret_target)
{
    struct history_target *target CLEANUP(free_target) = NULL;
    int r;

    if (history->n == HISTORY_TARGETS_MAX)
        forget_one(history);
    if (history->n == HISTORY_TARGETS_MAX)
        return -ENOSPC;
    target = calloc(1, sizeof(*target));
    if (!target)
        return -ENOMEM;
    target->pid = report->pid;
    target->start_ns = report->start_ns;
    target->up = true;
    target->since = *clock;
    r = timeline_init(&target->timeline, history->interval_ms);
    if (r)
        return r;
    *ret_target = target;
    history->targets[history->n++] = TAKE_PTR(target);
    return 0;
}

/* When `at_ns` was, by the clock as it is now. */
static int64_t time_of(uint64_t at_ns, const struct history_clock *clock)
{
    return clock->time_ms - (int64_t)(clock->now_ns - at_ns) / MS_NS;
}

static bool is_ahead(const struct history *history, uint64_t at_ns, int64_t time_ms,
                     const struct history_clock *clock)
{
    return time_ms - time_of(at_ns, clock) > history->interval_ms / TIMELINE_SLACK;
}

static bool hold_back_moment(const struct history *history, struct history_clock *moment,
                             const struct history_clock *clock)
{
    if (!is_ahead(history, moment->now_ns, moment->time_ms, clock))
        return false;
    moment->time_ms = time_of(moment->now_ns, clock);
    return true;
}

/* After a clock was set back. Where the newest point is not ahead of it, none is. */
static void hold_back(const struct history *history, struct history_target *target,
                      const struct history_clock *clock)
{
    const struct point *newest = timeline_newest(&target->timeline);
    bool moved = hold_back_moment(history, &target->since, clock);

    if (!target->up && hold_back_moment(history, &target->ended, clock))
        moved = true;
    if (newest && is_ahead(history, newest->at_ns, newest->time_ms, clock)) {
        timeline_hold_back(&target->timeline, clock->time_ms, clock->now_ns);
        moved = true;
    }
    target->moves += moved;
}

/* The point for the moment `at_ns`, which is added where it is later than all others; or NULL. */
static struct point *get_point(struct history_target *target, uint64_t at_ns,
                               const struct history_clock *clock)
{
    const struct point *newest = timeline_newest(&target->timeline);
    struct point *point = timeline_near(&target->timeline, at_ns);

    if (point)
        return point;
    if (newest && newest->at_ns > at_ns)
        return NULL;
    return timeline_add(&target->timeline, time_of(at_ns, clock), at_ns);
}

static float rate(double value)
{
    return value < 0 ? NAN : (float)value;
}

static void take_resources(struct history_target *target, const struct target_report *report,
                           const struct history_clock *clock)
{
    struct point *point = get_point(target, report->resources.time_ns, clock);

    target->resources_ns = report->resources.time_ns;
    if (!point)
        return;
    point->resident_bytes = report->resources.resident_bytes;
    point->cgroup_usage_bytes = report->resources.cgroup_usage_bytes;
    point->cgroup_rss_bytes = report->resources.cgroup_rss_bytes;
    point->cpu_cores = rate(report->cpu_ratio);
    point->receive_rate = rate(report->receive_rate);
    point->transmit_rate = rate(report->transmit_rate);
}

static uint32_t capped(uint64_t count)
{
    return count < POINT_UNKNOWN ? (uint32_t)count : POINT_UNKNOWN - 1;
}

static int take_sites(struct history_target *target, const struct target_report *report,
                      struct point *point)
{
    struct ranking_counts counts;
    int r = ranking_take(&target->ranking, report->groups, report->n_groups, &counts);

    if (r)
        return r;
    for (size_t i = 0; i < RANKING_OWN; i++)
        if (counts.cleared[i])
            timeline_fold(&target->timeline, i, ranking_other(i));
    memcpy(point->waiters, counts.waiters, sizeof(point->waiters));
    return 0;
}

static int take_scan(struct history_target *target, const struct target_report *report,
                     const struct history_clock *clock)
{
    /* An analyst's word, which must not reach into the future: all later points would follow it. */
    uint64_t at_ns = report->scan.time_ns < clock->now_ns ? report->scan.time_ns : clock->now_ns;
    struct point *point = get_point(target, at_ns, clock);

    target->scan = report->scan.number;
    /* One for each point: what an analyst sends beyond that costs nothing here. */
    if (!point || point->threads != POINT_UNKNOWN)
        return 0;
    point->threads = capped(report_threads(report));
    point->parked[SAMPLE_THREAD] = (uint32_t)report->threads_parked;
    if (report->scan.has_goroutines) {
        point->goroutines = capped(report_goroutines(report));
        point->parked[SAMPLE_GOROUTINE] = (uint32_t)report->goroutines_parked;
    }
    return take_sites(target, report, point);
}

static void describe(struct history_target *target, const struct target_report *report,
                     const struct history_clock *clock)
{
    snprintf(target->name, sizeof(target->name), "%s", report->name);
    if (report->runtime[0])
        snprintf(target->runtime, sizeof(target->runtime), "%s", report->runtime);
    if (target->up && !report->up)
        target->ended = *clock;
    target->up = report->up;
}

int history_take(struct history *history, const struct target_report *report,
                 const struct history_clock *clock)
{
    struct history_target *target = find(history, report);
    int r = 0;

    for (size_t i = 0; i < history->n; i++)
        hold_back(history, history->targets[i], clock);
    if (!target)
        r = add(history, report, clock, &target);
    if (r)
        return r;
    describe(target, report, clock);
    if (report->has_resources && report->resources.time_ns != target->resources_ns)
        take_resources(target, report, clock);
    if (report->scanned && report->scan.number != target->scan)
        r = take_scan(target, report, clock);
    return r;
}

size_t history_n_settled(const struct history_target *target)
{
    const struct timeline *timeline = &target->timeline;
    const struct point *newest = timeline_newest(timeline);
    size_t n = timeline_n(timeline);

    for (; target->up && n > 0; n--) {
        const struct point *point = timeline_at(timeline, n - 1);

        if (point->threads != POINT_UNKNOWN || newest->at_ns - point->at_ns >= SCAN_MAX_NS)
            break;
    }
    return n;
}
