/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What all views print: plain data, made by the monitor from its targets' samples, owned by the
 * report that holds it. Views are pure functions from a struct report to bytes.
 *
 * Durations are nanoseconds, sizes bytes. Strings are valid UTF-8 without control characters
 * (utf8_clean()), and never NULL unless said so.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buckets.h"
#include "sample.h"
#include "wire.h"

/* One thing that waiters of a group wait on. */
struct waited_on {
    enum object_kind kind;
    uint64_t object;        /* address or file descriptor, by kind */
    uint64_t count;         /* waiters of this group */
    uint32_t owner;         /* TID; 0: none, or not established */
    const char *detail;     /* or NULL */
    const char *owner_text; /* what the owner does: "flush, parked 2h50m in write"; or NULL */
};

#define GROUP_WAITS_MAX 16 /* things listed per group; the rest is only counted */

/* One waiter of a group. */
struct waiter {
    uint64_t id;    /* TID or goid */
    int64_t age_ns; /* best estimate */
};

#define GROUP_WAITERS_MAX 16 /* waiters listed per group; the rest is only counted */

struct group {
    const struct stack *stack;
    char site[256]; /* "FUNCTION FILE:LINE", "FUNCTION", "MODULE+0xOFFSET" or "[unknown]" */
    uint64_t count;
    size_t n_waiters; /* entries of `waiters`, oldest first, then by id */
    struct waiter waiters[GROUP_WAITERS_MAX];
    int64_t oldest_ns; /* how long parked, best estimate */
    int64_t newest_ns;
    int64_t at_least_ns; /* proven for the oldest */
    int64_t at_most_ns;  /* upper bound for the oldest; -1: unknown */
    uint64_t rewaits;
    uint64_t memory_bytes;
    const char *idle_rule; /* idle by design by this rule; NULL: not idle */
    /* Growth over the watch: the count when the group was first seen, the smallest and greatest
     * since, and whether it never shrank. */
    uint64_t first_count;
    uint64_t min_count;
    uint64_t max_count;
    int64_t observed_ns; /* since it was first seen */
    bool growing;        /* grew, and never shrank, over at least three scans */
    bool has_series;     /* has one of the --max-stacks series of its own: see growth.h */
    size_t n_objects;    /* distinct things waited on */
    bool same_detail;    /* all of them, those beyond `waits` too, have the detail of waits[0] */
    size_t n_waits;      /* entries of `waits`, most waited-on first */
    struct waited_on waits[GROUP_WAITS_MAX];
};

struct deadlock_member {
    uint32_t tid;
    uint32_t owner_tid;
    uint64_t address;
    uint64_t stack_id;
};

struct deadlock {
    size_t n_members;
    const struct deadlock_member *members;
};

struct target_report {
    char name[96]; /* comm, or comm:pid where two share one */
    uint32_t pid;
    bool up;
    char comm[64];
    char exe[WIRE_PATH_MAX];
    uint64_t start_ns; /* CLOCK_BOOTTIME: with the PID, which process it is */
    double start_time; /* seconds since 1970, by the clock as it is set now */
    int64_t uptime_ns;
    int64_t observed_ns; /* since the attach */
    char runtime[16];
    char runtime_version[32]; /* "": none */
    char note[256];           /* why goroutines can't be read, or not in full; "": they can */

    bool has_resources;
    struct wire_resources resources;
    double cpu_ratio;    /* of one core, between the last two readings; < 0: unknown */
    double receive_rate; /* bytes/s over all devices but lo, likewise; < 0: unknown */
    double transmit_rate;

    bool scanned;                                 /* false: no scan has ended yet */
    struct wire_scan scan;                        /* the newest */
    struct scan_histogram scans[SAMPLE_KIND_MAX]; /* scans so far, by source */
    struct wire_counters counters;
    uint64_t threads_parked; /* past the threshold, idle ones among them */
    uint64_t goroutines_parked;
    struct losses losses; /* of all roles, since the attach */

    size_t n_groups; /* most waiters first, then oldest */
    const struct group *groups;
    size_t n_deadlocks;
    const struct deadlock *deadlocks;
};

/* How many there are, in whatever state. */
static inline uint64_t report_threads(const struct target_report *target)
{
    uint64_t n = 0;

    for (size_t i = 0; i < THREAD_STATE_MAX; i++)
        n += target->scan.threads[i];
    return n;
}

static inline uint64_t report_goroutines(const struct target_report *target)
{
    uint64_t n = 0;

    for (size_t i = 0; i < GOROUTINE_STATE_MAX; i++)
        n += target->scan.goroutines[i];
    return n;
}

struct report {
    const char *version;
    double time; /* seconds since 1970: of the newest scan, as ages are; of the report before it */
    int64_t threshold_ns;
    size_t n_targets;
    const struct target_report *targets;
    struct wire_usage usage; /* of parkwatch's own roles */
};
