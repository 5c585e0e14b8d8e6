/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A report as a view may get it: a Go program that leaks goroutines and has two threads in a
 * deadlock. Tests change what they are about.
 */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "report.h"

#define EXAMPLE_MS UINT64_C(1000000)
#define EXAMPLE_S  (1000 * EXAMPLE_MS)

struct example {
    struct frame leak_frames[2];
    struct frame leak_creator;
    struct frame lock_frames[4];
    struct frame poll_frames[2];
    struct stack stacks[3];
    struct group groups[3];
    struct deadlock_member members[2];
    struct deadlock deadlock;
    struct target_report target;
    struct report report;
};

static inline void example_fill_stacks(struct example *example)
{
    example->leak_frames[0] = (struct frame){.function = "runtime.gopark",
                                             .file = "/usr/lib/go-1.19/src/runtime/proc.go",
                                             .module = "recommendd",
                                             .address = 0x43a2d6,
                                             .offset = 0x43a2d6,
                                             .line = 364};
    example->leak_frames[1] = (struct frame){.function = "main.fetchScores",
                                             .file = "/src/recommend.go",
                                             .module = "recommendd",
                                             .address = 0x499c7a,
                                             .offset = 0x499c7a,
                                             .line = 153,
                                             .inlined = 1};
    example->leak_creator = (struct frame){.function = "main.recommend",
                                           .file = "/src/recommend.go",
                                           .module = "recommendd",
                                           .address = 0x499b00,
                                           .offset = 0x499b00,
                                           .line = 141};
    example->lock_frames[0] =
        (struct frame){.function = "__lll_lock_wait", .module = "libc.so.6", .address = 0x7f01};
    example->lock_frames[1] =
        (struct frame){.function = "pthread_mutex_lock", .module = "libc.so.6", .address = 0x7f02};
    example->lock_frames[2] = (struct frame){.function = "cache_refresh",
                                             .file = "cache.c",
                                             .module = "recommendd",
                                             .address = 0x4a11,
                                             .offset = 0x4a11,
                                             .line = 88};
    example->lock_frames[3] =
        (struct frame){.module = "libvendor.so", .address = 0x7f0000012345, .offset = 0x12345};
    example->poll_frames[0] =
        (struct frame){.function = "epoll_wait", .module = "libc.so.6", .address = 0x7f03};
    example->poll_frames[1] =
        (struct frame){.function = "loop_run", .file = "loop.c", .module = "recommendd", .line = 9};
    example->stacks[0] =
        (struct stack){0x1111111111111111,   SAMPLE_GOROUTINE,       "chan send", 2,   1,
                       example->leak_frames, &example->leak_creator, 0,           NULL};
    example->stacks[1] = (struct stack){
        0x2222222222222222, SAMPLE_THREAD, "futex lock", 4, 2, example->lock_frames, NULL, 0, NULL};
    example->stacks[2] = (struct stack){0x0000000000003333,   SAMPLE_THREAD, "poll", 2,   1,
                                        example->poll_frames, NULL,          0,      NULL};
}

static inline void example_fill_groups(struct example *example)
{
    struct group *leak = &example->groups[0];
    struct group *lock = &example->groups[1];
    struct group *idle = &example->groups[2];

    *leak = (struct group){.stack = &example->stacks[0],
                           .site = "main.fetchScores recommend.go:153",
                           .count = 14235,
                           .n_waiters = 2,
                           .waiters = {{4711, 10260 * EXAMPLE_S}, {18, 3 * EXAMPLE_S}},
                           .oldest_ns = 10260 * EXAMPLE_S,
                           .newest_ns = 3 * EXAMPLE_S,
                           .at_least_ns = 10260 * EXAMPLE_S,
                           .at_most_ns = 10380 * EXAMPLE_S,
                           .memory_bytes = 14235 * 2048,
                           .first_count = 14223,
                           .min_count = 14223,
                           .max_count = 14235,
                           .observed_ns = 30 * EXAMPLE_S,
                           .growing = true,
                           .has_series = true,
                           .n_objects = 14235,
                           .same_detail = true,
                           .n_waits = GROUP_WAITS_MAX};
    for (uint64_t i = 0; i < GROUP_WAITS_MAX; i++)
        leak->waits[i] =
            (struct waited_on){.kind = OBJECT_CHANNEL,
                               .object = 0xc000012060 + i * 96,
                               .count = 1,
                               .detail = "unbuffered, open, with 1 sender and no receiver"};
    *lock = (struct group){.stack = &example->stacks[1],
                           .site = "cache_refresh cache.c:88",
                           .count = 11,
                           .n_waiters = 1,
                           .waiters = {{4122, 10200 * EXAMPLE_S}},
                           .oldest_ns = 10200 * EXAMPLE_S,
                           .newest_ns = 9000 * EXAMPLE_S,
                           .at_least_ns = 1 * EXAMPLE_S,
                           .at_most_ns = 10200 * EXAMPLE_S,
                           .rewaits = 31,
                           .has_series = true,
                           .memory_bytes = 88 * 1024,
                           .first_count = 11,
                           .min_count = 11,
                           .max_count = 11,
                           .observed_ns = 30 * EXAMPLE_S,
                           .n_objects = 2,
                           .n_waits = 2};
    lock->waits[0] = (struct waited_on){.kind = OBJECT_FUTEX,
                                        .object = 0x55e0b86050a0,
                                        .count = 10,
                                        .owner = 4130,
                                        .owner_text = "flush, parked 2h50m in write"};
    lock->waits[1] = (struct waited_on){
        .kind = OBJECT_FUTEX, .object = 0x55e0b86050e0, .count = 1, .owner = 4131};
    *idle = (struct group){.stack = &example->stacks[2],
                           .site = "loop_run loop.c:9",
                           .count = 1012,
                           .n_waiters = 1,
                           .waiters = {{4200, 11520 * EXAMPLE_S}},
                           .oldest_ns = 11520 * EXAMPLE_S,
                           .newest_ns = 11520 * EXAMPLE_S,
                           .at_least_ns = 1 * EXAMPLE_S,
                           .at_most_ns = 11520 * EXAMPLE_S,
                           .idle_rule = "event loop",
                           .n_objects = 1,
                           .n_waits = 1};
    idle->waits[0] = (struct waited_on){
        .kind = OBJECT_FILE, .object = 5, .count = 1012, .detail = "anon_inode:[eventpoll]"};
}

static inline void example_fill_target(struct example *example)
{
    struct target_report *target = &example->target;

    *target = (struct target_report){.name = "recommendd",
                                     .pid = 4121,
                                     .up = true,
                                     .comm = "recommendd",
                                     .exe = "/usr/bin/recommendd",
                                     .start_time = 1600000000.25,
                                     .uptime_ns = 11520 * (int64_t)EXAMPLE_S,
                                     .observed_ns = (int64_t)EXAMPLE_S,
                                     .runtime = "go",
                                     .runtime_version = "go1.19.8",
                                     .has_resources = true,
                                     .cpu_ratio = 0.004,
                                     .receive_rate = 1234,
                                     .transmit_rate = 900,
                                     .scanned = true,
                                     .threads_parked = 1023,
                                     .goroutines_parked = 14235,
                                     .n_groups = 3,
                                     .groups = example->groups,
                                     .n_deadlocks = 1,
                                     .deadlocks = &example->deadlock};
    target->resources = (struct wire_resources){.n_net = 1,
                                                .resident_bytes = UINT64_C(2040109465),
                                                .virtual_bytes = UINT64_C(4080218931),
                                                .cgroup_usage_bytes = UINT64_C(2254857830),
                                                .cgroup_rss_bytes = WIRE_UNKNOWN,
                                                .cpu_user_us = 1500000,
                                                .cpu_system_us = 250000,
                                                .open_fds = 40};
    target->resources.net[0] = (struct wire_net){"eth0", 1000, 2000};
    target->scan.has_goroutines = 1;
    target->scan.goroutines[GOROUTINE_WAITING] = 15316;
    target->scan.goroutines[GOROUTINE_RUNNING] = 2;
    target->scan.threads[THREAD_SLEEPING] = 1024;
    scan_histogram_add(&target->scans[SAMPLE_THREAD], 2 * EXAMPLE_MS);
    scan_histogram_add(&target->scans[SAMPLE_GOROUTINE], 45 * EXAMPLE_MS);
    target->counters.parks.parks[PARK_POLL][0] = 5;
    target->counters.parks.parks[PARK_POLL][3] = 2;
    target->counters.parks.parks[PARK_POLL][RECORD_BUCKETS - 1] = 1;
    target->counters.parks.parked_ns[PARK_POLL] = 90000 * EXAMPLE_S + 500 * EXAMPLE_MS;
    target->counters.parks.long_parks = 3;
    target->counters.has_futex = 1;
    target->counters.interval_ns = 5 * EXAMPLE_S;
    target->counters.parks.futex_waits[FUTEX_WOKEN] = 7;
    target->counters.parks.futex_wakes[1] = 9;
    target->counters.n_programs = 1;
    target->counters.programs[0] = (struct wire_program){"on_switch", 1500, 3};
    target->losses.count[LOSS_unwind_cut] = 12;
}

static inline void example_fill(struct example *example)
{
    memset(example, 0, sizeof(*example));
    example_fill_stacks(example);
    example_fill_groups(example);
    example->members[0] = (struct deadlock_member){4130, 4131, 0x55e0b86050e0, 0x2222222222222222};
    example->members[1] = (struct deadlock_member){4131, 4130, 0x55e0b86050a0, 0x9999999999999999};
    example->deadlock = (struct deadlock){2, example->members};
    example_fill_target(example);
    example->report = (struct report){.version = "0.1.0",
                                      .time = 1600011520.5,
                                      .threshold_ns = (int64_t)EXAMPLE_S,
                                      .n_targets = 1,
                                      .targets = &example->target,
                                      .usage.roles = {
                                          [ROLE_PROBE] = {1000, 8192},
                                          [ROLE_READER] = {250000, 8192},
                                          [ROLE_ANALYST] = {2000, 16384},
                                          [ROLE_MONITOR] = {3000, 4096},
                                          [ROLE_VERIFIER] = {WIRE_UNKNOWN, WIRE_UNKNOWN},
                                      }};
}
