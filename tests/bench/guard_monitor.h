/* SPDX-License-Identifier: Apache-2.0 */
/* A monitor's store that was sent many threads parked in some places. */
#pragma once

#include "guard.h"

#include "monitor/feed.h"

#define CROWD_STACKS  100 /* twice as many as get series of their own */
#define CROWD_SERIES  50
#define CROWD_EACH    200 /* threads at each of them */
#define CROWD_STRINGS 10  /* where the names of functions begin */

struct crowd {
    struct store *store;
};

static inline void crowd_name(struct store *store)
{
    char name[64];
    int r = feed_names(store, 0);

    for (uint32_t i = 0; i < CROWD_STACKS; i++) {
        snprintf(name, sizeof(name), "wait_for_the_reply_of_backend_%u", i);
        r |= feed_string(store, 0, CROWD_STRINGS + i, name);
        r |= feed_stack(store, 0, CROWD_STRINGS + i, SAMPLE_THREAD, 1, CROWD_STRINGS + i);
    }
    guard_need(!r, "stacks are refused");
}

static inline void crowd_gather(struct store *store)
{
    int r = 0;

    for (uint32_t i = 0; i < CROWD_STACKS; i++)
        r |= feed_threads(store, 0, CROWD_STRINGS + i, 1 + (uint64_t)i * CROWD_EACH, CROWD_EACH,
                          FEED_START - i * FEED_SECOND);
    guard_need(!r, "samples are refused");
}

/* A scan and all steps of its grouping. */
static inline void crowd_scan(struct store *store, uint64_t number, uint64_t time_ns)
{
    int r;

    guard_need(!feed_scan(store, 0, number, time_ns), "a scan is refused");
    while ((r = store_group_on(store, 0)) > 0)
        ;
    guard_need(!r, "a scan is not grouped");
}

static inline void crowd_start(struct crowd *crowd)
{
    guard_need(!store_new(&(struct store_options){.threshold_ns = FEED_SECOND,
                                                  .max_stacks = CROWD_SERIES,
                                                  .proven = true},
                          &crowd->store),
               "store_new");
    guard_need(!feed_target(crowd->store, 0, 4130, "crowd", true), "the target is refused");
    crowd_name(crowd->store);
    crowd_gather(crowd->store);
}

static inline void crowd_end(struct crowd *crowd)
{
    store_free(&crowd->store);
}
