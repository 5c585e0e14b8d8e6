/* SPDX-License-Identifier: Apache-2.0 */
/* Describes parked goroutines, many at a time: their stacks, and what they wait on. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/channel.h"
#include "analyst/go/code.h"
#include "analyst/go/goroutine.h"
#include "analyst/go/labels.h"
#include "analyst/go/layout.h"
#include "analyst/go/memory.h"
#include "analyst/outbox.h"
#include "loss.h"

#define DESCRIBE_MAX       2048 /* goroutines at once */
#define DESCRIBE_CASES_MAX 64   /* of a select, that are followed */

/* One of them. The caller fills in the first. */
struct subject {
    struct goroutine goroutine;

    /* What describe_read() found in memory. */
    bool has_sudog, has_channel;
    struct sudog sudog; /* the first */
    struct channel channel;
    uint64_t next_sudog;
    uint32_t n_cases;
    int n_labels;        /* -errno: there are some, that can't be read */
    uint64_t labels_at;  /* the list or the map of them, of which label_list is a copy */
    const uint8_t *copy; /* of its stack */
    uint32_t copy_size;
    const struct semaphore_search *search;

    /* What describe_name() made of it; describe_channel() those from `object` on. */
    uint64_t stack_id;
    uint64_t object;
    enum object_kind object_kind;
    uint32_t detail;

    /* Last, because they are large and need no clearing: only n_labels of them count. */
    uint8_t label_list[STACK_LABELS_MAX * LABELS_SIZE];
    struct label labels[STACK_LABELS_MAX];
};

struct describer;

/* All are borrowed. -ENOMEM. */
int describer_new(struct go_code *code, const struct g_layout *layout,
                  const struct go_memory *memory, struct outbox *outbox, struct losses *losses,
                  struct describer **ret_describer);
void describer_free(struct describer **describer);

/* A scan begins: what was read for the one before no longer counts. */
void describe_begin(struct describer *describer);

/* Reads the stacks, sudogs, channels and labels of at most DESCRIBE_MAX subjects. What could not be
 * read is left out. They can be unwound and named until the next call but one. -errno of the
 * memory. */
int describe_read(struct describer *describer, struct subject *subjects, size_t n);

/* Unwinds what was read of one. True: its stack is larger than the copy of it, and the rest was
 * read now: what came out of it is true only if the goroutine has not run until now. */
bool describe_unwind(struct describer *describer, const struct subject *subject);

/* Names what was read of the one that was unwound last, after it was seen that the goroutine has
 * not run meanwhile. -ENOSPC: the monitor has no room for its stack. */
int describe_name(struct describer *describer, struct subject *subject);

/* The first half for those that were named before, but may have other company by now. */
int describe_read_channels(struct describer *describer, struct subject *subjects, size_t n);

/* The second: names the channel of one that has_channel. */
void describe_channel(struct describer *describer, struct subject *subject);
