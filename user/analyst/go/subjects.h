/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads what parked goroutines lead to, many at a time: their stacks, sudogs, channels and labels.
 * In steps, so that one batch is read while another one waits for what it led to.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/channel.h"
#include "analyst/go/gather.h"
#include "analyst/go/goroutine.h"
#include "analyst/go/labels.h"
#include "analyst/go/layout.h"
#include "loss.h"
#include "sample.h"

#define SUBJECTS_MAX      1024 /* of a batch */
#define SUBJECTS_BATCHES  3    /* that are read at a time */
#define SUBJECT_CASES_MAX 64   /* of a select, that are followed */

/* A goroutine that is to be described. The caller fills in the first. */
struct subject {
    struct goroutine goroutine;

    /* What was found in memory. */
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

    /* What describe.h made of it. */
    uint64_t stack_id;
    uint64_t object;
    enum object_kind object_kind;
    uint32_t detail;

    /* Last, because they are large and need no clearing: only n_labels of them count. */
    uint8_t label_list[STACK_LABELS_MAX * LABELS_SIZE];
    struct label labels[STACK_LABELS_MAX];
};

struct subject_reader;

/* All are borrowed. -ENOMEM. */
int subject_reader_new(const struct g_layout *layout, struct gatherer *gatherer,
                       struct losses *losses, struct subject_reader **ret_reader);
void subject_reader_free(struct subject_reader **reader);

/* A scan begins: what was read for the one before no longer counts. */
void subject_reader_start(struct subject_reader *reader);

/*
 * The three steps of batch `number`, of SUBJECTS_BATCHES, with at most SUBJECTS_MAX subjects. What
 * could not be read is left out. What they point to is good until the batch is begun anew. -errno
 * of the memory.
 */

/* Begins to read what their g's lead to. */
void subjects_begin(struct subject_reader *reader, size_t number, struct subject *subjects,
                    size_t n);

/* Waits for that, and begins to read what it leads to: all is asked for. */
int subjects_go_on(struct subject_reader *reader, size_t number);

/* Waits for the rest. */
int subjects_finish(struct subject_reader *reader, size_t number);

/* Only their sudogs and channels, at once, while no batch is being read. */
int subjects_read_channels(struct subject_reader *reader, struct subject *subjects, size_t n);
