/* SPDX-License-Identifier: Apache-2.0 */
/* Messages for a store under test, as a probe and an analyst would send them. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "monitor/store.h"

#define FEED_SECOND 1000000000ULL
#define FEED_START  (1000 * FEED_SECOND) /* when the first scans are taken */

/* A moment: so long after boot, which was in 1970. */
static inline struct store_clocks feed_clocks(uint64_t now_ns)
{
    return (struct store_clocks){now_ns, now_ns, (double)now_ns / 1e9};
}

static inline int feed_probe(struct store *store, uint32_t type, const void *payload, size_t length)
{
    const struct wire_header header = {.type = type, .length = (uint32_t)length};

    return store_probe_message(store, &header, payload);
}

static inline int feed_analyst(struct store *store, uint32_t index, uint32_t type,
                               const void *payload, size_t length)
{
    const struct wire_header header = {.type = type, .length = (uint32_t)length};

    return store_analyst_message(store, index, &header, payload);
}

static inline int feed_target(struct store *store, uint32_t index, uint32_t pid, const char *comm,
                              bool up)
{
    struct wire_target target = {
        .index = index,
        .pid = pid,
        .up = up,
        .start_ns = FEED_SECOND,
        .attach_ns = FEED_START - FEED_SECOND,
    };

    snprintf(target.comm, sizeof(target.comm), "%s", comm);
    snprintf(target.exe, sizeof(target.exe), "/bin/%s", comm);
    return feed_probe(store, WIRE_TARGET, &target, sizeof(target));
}

static inline int feed_string(struct store *store, uint32_t index, uint32_t id, const char *text)
{
    char payload[sizeof(id) + WIRE_STRING_MAX];
    size_t length = strlen(text);

    memcpy(payload, &id, sizeof(id));
    memcpy(payload + sizeof(id), text, length);
    return feed_analyst(store, index, WIRE_STRING, payload, sizeof(id) + length);
}

/* A stack with one frame of that function, or with none for 0. */
static inline int feed_stack(struct store *store, uint32_t index, uint64_t id,
                             enum sample_kind kind, uint32_t reason, uint32_t function)
{
    struct {
        struct wire_stack stack;
        struct wire_frame frame;
    } message = {
        .stack = {.id = id, .kind = kind, .reason = reason, .n_frames = function != 0},
        .frame = {.function = function, .address = 0x1000 + id},
    };

    return feed_analyst(store, index, WIRE_STACK, &message,
                        sizeof(message.stack) + (function ? sizeof(message.frame) : 0));
}

static inline int feed_sample(struct store *store, uint32_t index, const struct sample *sample)
{
    return feed_analyst(store, index, WIRE_PUT, sample, sizeof(*sample));
}

/* `n` threads at one stack, parked since `since_ns`, with the TIDs from `first` on. */
static inline int feed_threads(struct store *store, uint32_t index, uint64_t stack_id,
                               uint64_t first, size_t n, uint64_t since_ns)
{
    struct sample *samples = calloc(n, sizeof(*samples));
    size_t step = WIRE_PAYLOAD_MAX / sizeof(*samples);
    int r = 0;

    for (size_t i = 0; i < n; i++)
        samples[i] = (struct sample){
            .id = first + i,
            .stack_id = stack_id,
            .kind = SAMPLE_THREAD,
            .since_ns = since_ns,
            .seen_ns = since_ns,
            .memory_bytes = 4096,
        };
    for (size_t i = 0; i < n && !r; i += step)
        r = feed_analyst(store, index, WIRE_PUT, &samples[i],
                         (n - i < step ? n - i : step) * sizeof(*samples));
    free(samples);
    return r;
}

/* What follows of goroutines, up to the scan of that time, is told once. */
static inline int feed_look(struct store *store, uint32_t index, uint64_t time_ns)
{
    return feed_analyst(store, index, WIRE_LOOK, &time_ns, sizeof(time_ns));
}

static inline int feed_drop(struct store *store, uint32_t index, enum sample_kind kind, uint64_t id)
{
    const struct wire_key key = {.id = id, .kind = kind};

    return feed_analyst(store, index, WIRE_DROP, &key, sizeof(key));
}

static inline struct wire_scan feed_scan_of(uint64_t number, uint64_t time_ns)
{
    return (struct wire_scan){
        .number = number,
        .time_ns = time_ns,
        .duration_ns = {[SAMPLE_THREAD] = 1000000},
        .runtime = "native",
    };
}

static inline int feed_scan(struct store *store, uint32_t index, uint64_t number, uint64_t time_ns)
{
    const struct wire_scan scan = feed_scan_of(number, time_ns);

    return feed_analyst(store, index, WIRE_SCAN, &scan, sizeof(scan));
}

/* The names that tests use: 1 "futex wait", 2 "futex lock", 3 "alpha", 4 "beta", 5 "chan send"; and
 * stacks 1 (alpha), 2 (beta) of threads, 3 (alpha) of goroutines. */
static inline int feed_names(struct store *store, uint32_t index)
{
    static const char *const strings[] = {"futex wait", "futex lock", "alpha", "beta", "chan send"};
    int r = 0;

    for (uint32_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++)
        r |= feed_string(store, index, i + 1, strings[i]);
    r |= feed_stack(store, index, 1, SAMPLE_THREAD, 1, 3);
    r |= feed_stack(store, index, 2, SAMPLE_THREAD, 2, 4);
    r |= feed_stack(store, index, 3, SAMPLE_GOROUTINE, 5, 3);
    return r;
}
