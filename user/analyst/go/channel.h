/* SPDX-License-Identifier: Apache-2.0 */
/* What a parked goroutine waits on, by copies of its sudog and channel. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/goroutine.h"
#include "analyst/go/layout.h"
#include "sample.h"

/* One entry of the list at g.waiting (struct sudog). */
struct sudog {
    uint64_t g;       /* that waits */
    uint64_t element; /* what is sent, where to receive to, or the semaphore */
    uint64_t next;    /* waitlink: the next case of a select; 0: none */
    uint64_t behind;  /* next: the one behind it in its channel's queue; 0: none */
    uint64_t channel; /* 0: none, it waits on a semaphore */
};

/* Read layout->sudog_size and layout->channel_size bytes. */
struct sudog sudog_decode(const struct g_layout *layout, const uint8_t *bytes);

/* Those that wait to receive from a channel, or to send to it (struct waitq). A select that has one
 * channel in two of its cases is in its queues twice. */
struct waitq {
    uint64_t first, last; /* their sudogs; 0: none */
    uint32_t n;
    bool more; /* n is what there are at least */
};

struct channel {
    uint64_t length, capacity; /* of the buffer */
    bool closed;
    struct waitq receivers, senders;
};

/* Of a queue only none, one and "two or more" are told apart: waitqs_count() tells more. */
struct channel channel_decode(const struct g_layout *layout, const uint8_t *bytes);

/* How many entries a goroutine of this reason may have behind its first: those of a select. */
bool channel_is_select(const char *reason);

#define CHANNEL_TEXT_MAX 256

/*
 * "unbuffered, open, with 1 sender and no receiver", "buffer full (5), open, with 14 senders and no
 * receiver". For a select, of which this is one of `n_cases` channels, that comes first. All but
 * the number of those that wait alike stays true as long as the park lasts: a receiver that came
 * would have ended it.
 */
void channel_text(const struct channel *channel, const char *reason, unsigned n_cases,
                  char ret_text[static CHANNEL_TEXT_MAX]);
