/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Counts who waits on channels: Go keeps them in lists, which are followed through copies of the
 * memory around them. Each list is followed once a scan, as far as WAITQ_MAX entries; all of them
 * together take WAITQS_READS_MAX reads of it at most. Beyond, less is said: "2 or more".
 */
#pragma once

#include <stdint.h>

#include "analyst/go/channel.h"
#include "analyst/go/layout.h"
#include "analyst/go/memory.h"

#define WAITQ_MAX        1000 /* entries of a list that are counted */
#define WAITQS_READS_MAX 4096 /* of a scan: some 15 us each */

struct waitqs;

/* Both are borrowed. -ENOMEM. */
int waitqs_new(const struct g_layout *layout, const struct go_memory *memory,
               struct waitqs **ret_waitqs);
void waitqs_free(struct waitqs **waitqs);

/* A scan begins: what was read for the one before no longer counts. */
void waitqs_begin(struct waitqs *waitqs);

/* Tells how many wait on the channel at `address`, which was read in this scan. */
void waitqs_count(struct waitqs *waitqs, uint64_t address, struct channel *channel);
