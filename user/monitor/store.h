/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that the monitor knows: takes messages from the probe and the analysts, gives reports. It
 * reads no sockets and no clocks.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "idle.h"
#include "report.h"
#include "wire.h"

struct store_options {
    int64_t threshold_ns;
    size_t max_stacks; /* groups with series of their own */
    /* true (watch): a goroutine counts once its proven age reaches the threshold; false (report):
     * if it stayed parked since the first scan and may have been for that long. */
    bool proven;
    bool keep_ended; /* a target that ended keeps its last groups */
    bool hold;       /* store_hold() */
    struct idle idle;
};

struct store;

/* One moment, by three clocks. */
struct store_clocks {
    uint64_t monotonic_ns;
    uint64_t boot_ns;
    double realtime; /* seconds since 1970 */
};

/* -ENOMEM */
int store_new(const struct store_options *options, struct store **ret_store);
void store_free(struct store **store);

/*
 * Take one message of header->length payload bytes at any alignment. -EBADMSG: refused, the store
 * knows what it knew before, and a message of an analyst is counted as message_invalid of its
 * target; -ENOMEM. WIRE_FINISH is checked and otherwise left to the caller.
 */
int store_probe_message(struct store *store, const struct wire_header *header, const void *payload);
int store_analyst_message(struct store *store, uint32_t index, const struct wire_header *header,
                          const void *payload);

/* A message of an analyst could not be received or kept: counted as message_lost. */
void store_analyst_lost(struct store *store, uint32_t index);

/* The analyst of a target was replaced: call before the new one's first message. */
void store_analyst_reset(struct store *store, uint32_t index);

/* A scan of many samples is shown once it is grouped, which store_group_on() does a step of: 1:
 * there is more to do, 0: there is nothing; -ENOMEM. Another message of the analyst does all that
 * is left. */
bool store_is_grouping(const struct store *store, uint32_t index);
int store_group_on(struct store *store, uint32_t index);

/* While held, groups and deadlocks stay as they are, and what a report borrowed of them holds on;
 * all else goes on. Let go, they are at once as of the newest scan. -ENOMEM. */
int store_hold(struct store *store, bool hold);

/*
 * The report as of the newest scans; costs a copy of what is known of each target, not a grouping.
 * The report borrows from the store: it holds until the next call of any function here.
 */
void store_report(struct store *store, const struct store_clocks *now, struct report *ret_report);
