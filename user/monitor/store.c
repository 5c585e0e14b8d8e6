/* SPDX-License-Identifier: Apache-2.0 */
/* All targets by their index, and the report over them. */
#include "store.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "intake.h"
#include "target.h"

#define CLOCK_STEP 0.5 /* seconds: less is no change of the clock */

struct store {
    struct store_options options;
    size_t pool; /* of the targets' budgets: what is left */
    struct target targets[RECORD_TARGETS_MAX];
    struct target_report reports[RECORD_TARGETS_MAX]; /* what a report borrows */
    struct wire_usage usage;
};

int store_new(const struct store_options *options, struct store **ret_store)
{
    struct store *store = calloc(1, sizeof(*store));

    if (!store)
        return -ENOMEM;
    store->options = *options;
    store->pool = BUDGET_POOL;
    for (size_t i = 0; i < RECORD_TARGETS_MAX; i++)
        target_init(&store->targets[i], &store->options, &store->pool);
    for (size_t i = 0; i < ROLE_MAX; i++)
        store->usage.roles[i] = (struct wire_role_usage){WIRE_UNKNOWN, WIRE_UNKNOWN};
    *ret_store = store;
    return 0;
}

void store_free(struct store **store)
{
    if (!*store)
        return;
    for (size_t i = 0; i < RECORD_TARGETS_MAX; i++)
        target_free(&(*store)->targets[i]);
    free(*store);
    *store = NULL;
}

static void write_name(struct target_report *report, bool with_pid)
{
    if (with_pid)
        snprintf(report->name, sizeof(report->name), "%s:%u", report->comm, report->pid);
    else
        snprintf(report->name, sizeof(report->name), "%s", report->comm);
}

/* Whether another target has the same name, and has it with no less right. */
static bool is_shared(const struct store *store, size_t index)
{
    const struct target *target = &store->targets[index];

    for (size_t i = 0; i < RECORD_TARGETS_MAX; i++) {
        const struct target *other = &store->targets[i];

        if (i != index && other->known && (target->renames || !other->renames) &&
            !strcmp(other->report.name, target->report.name))
            return true;
    }
    return false;
}

/* Gives all targets distinct names: two series with the same labels would spoil a whole scrape, and
 * a process may call itself "other:123", or nothing. Each round gives at least one more its PID.
 * One that took another's name while it ran does not change that other's. */
static void name_targets(struct store *store)
{
    bool with_pid[RECORD_TARGETS_MAX];
    bool changed = true;

    for (size_t i = 0; i < RECORD_TARGETS_MAX; i++) {
        with_pid[i] = !store->targets[i].report.comm[0];
        write_name(&store->targets[i].report, with_pid[i]);
    }
    while (changed) {
        changed = false;
        for (size_t i = 0; i < RECORD_TARGETS_MAX; i++) {
            if (with_pid[i] || !store->targets[i].known || !is_shared(store, i))
                continue;
            with_pid[i] = true;
            changed = true;
        }
        for (size_t i = 0; i < RECORD_TARGETS_MAX; i++)
            write_name(&store->targets[i].report, with_pid[i]);
    }
}

static int take_target(struct store *store, const void *payload)
{
    struct wire_target wire;

    memcpy(&wire, payload, sizeof(wire));
    target_take_target(&store->targets[wire.index], &wire);
    name_targets(store);
    return 0;
}

static int take_resources(struct store *store, const void *payload)
{
    struct wire_resources wire;

    memcpy(&wire, payload, sizeof(wire));
    if (!store->targets[wire.index].known)
        return -EBADMSG;
    target_take_resources(&store->targets[wire.index], &wire);
    return 0;
}

static int take_counters(struct store *store, const void *payload)
{
    struct wire_counters wire;

    memcpy(&wire, payload, sizeof(wire));
    if (!store->targets[wire.index].known)
        return -EBADMSG;
    target_take_counters(&store->targets[wire.index], &wire);
    return 0;
}

/* A process's own clock and what is said of it at its end differ a little, and a counter never goes
 * back. */
static int take_usage(struct store *store, const void *payload)
{
    struct wire_usage wire;

    memcpy(&wire, payload, sizeof(wire));
    for (size_t i = 0; i < ROLE_MAX; i++) {
        struct wire_role_usage *role = &store->usage.roles[i];

        role->resident_bytes = wire.roles[i].resident_bytes;
        if (role->cpu_us == WIRE_UNKNOWN ||
            (wire.roles[i].cpu_us != WIRE_UNKNOWN && wire.roles[i].cpu_us > role->cpu_us))
            role->cpu_us = wire.roles[i].cpu_us;
    }
    return 0;
}

int store_probe_message(struct store *store, const struct wire_header *header, const void *payload)
{
    int r = intake_check(INTAKE_PROBE, header, payload);

    if (r)
        return r;
    switch (header->type) {
    case WIRE_TARGET:
        return take_target(store, payload);
    case WIRE_RESOURCES:
        return take_resources(store, payload);
    case WIRE_COUNTERS:
        return take_counters(store, payload);
    case WIRE_USAGE:
        return take_usage(store, payload);
    default:
        return 0;
    }
}

int store_analyst_message(struct store *store, uint32_t index, const struct wire_header *header,
                          const void *payload)
{
    struct target *target;
    int r;

    if (index >= RECORD_TARGETS_MAX || !store->targets[index].known)
        return -EBADMSG;
    target = &store->targets[index];
    r = intake_check(INTAKE_ANALYST, header, payload);
    if (!r)
        r = target_take_analyst(target, header, payload);
    if (r == -EBADMSG)
        target_refuse(target);
    return r;
}

void store_analyst_lost(struct store *store, uint32_t index)
{
    if (index < RECORD_TARGETS_MAX)
        target_lose(&store->targets[index]);
}

void store_analyst_reset(struct store *store, uint32_t index)
{
    if (index < RECORD_TARGETS_MAX)
        target_reset_analyst(&store->targets[index]);
}

int store_group_on(struct store *store, uint32_t index)
{
    return index < RECORD_TARGETS_MAX ? target_group_on(&store->targets[index]) : 0;
}

bool store_is_grouping(const struct store *store, uint32_t index)
{
    return index < RECORD_TARGETS_MAX && store->targets[index].grouping;
}

int store_hold(struct store *store, bool hold)
{
    int r = 0;

    if (store->options.hold == hold)
        return 0;
    store->options.hold = hold;
    for (size_t i = 0; i < RECORD_TARGETS_MAX && !r; i++)
        if (hold)
            target_hold(&store->targets[i]);
        else
            r = target_regroup(&store->targets[i]);
    return r;
}

/* How long ago the newest scan was taken: ages in a report are as of then. One of the future is a
 * lie. */
static uint64_t scan_age(const struct store *store, uint64_t now_ns)
{
    uint64_t newest = 0;

    for (size_t i = 0; i < RECORD_TARGETS_MAX; i++) {
        const struct target *target = &store->targets[i];
        const uint64_t time_ns = target->report.scan.time_ns;

        if (target->known && target->report.scanned && time_ns > newest && time_ns <= now_ns)
            newest = time_ns;
    }
    return newest ? now_ns - newest : 0;
}

/* The start of a process is known by the clock that nobody sets. By the other one it changes when
 * that is set, and not because the two are read one after the other. */
static void derive_start(struct target_report *report, const struct store_clocks *now)
{
    const uint64_t age_ns = now->boot_ns > report->start_ns ? now->boot_ns - report->start_ns : 0;
    const double start_time = now->realtime - (double)age_ns / 1e9;

    report->uptime_ns = (int64_t)age_ns;
    if (fabs(start_time - report->start_time) > CLOCK_STEP)
        report->start_time = start_time;
}

void store_report(struct store *store, const struct store_clocks *now, struct report *ret_report)
{
    size_t n = 0;

    for (size_t i = 0; i < RECORD_TARGETS_MAX; i++) {
        struct target *target = &store->targets[i];
        struct target_report *report = &store->reports[n];

        if (!target->known)
            continue;
        derive_start(&target->report, now);
        *report = target->report;
        report->observed_ns = now->monotonic_ns > target->attach_ns
                                  ? (int64_t)(now->monotonic_ns - target->attach_ns)
                                  : 0;
        n++;
    }
    *ret_report = (struct report){
        .version = PARKWATCH_VERSION,
        .time = now->realtime - (double)scan_age(store, now->monotonic_ns) / 1e9,
        .threshold_ns = store->options.threshold_ns,
        .n_targets = n,
        .targets = store->reports,
        .usage = store->usage,
    };
}
