/* SPDX-License-Identifier: Apache-2.0 */
/* What a parked thread waits on, and which thread holds it, where that can be established. Offsets
 * in glibc's objects are those of x86-64 since 2.25 (mutex, rwlock) and were checked on 2.36. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analyst/remote.h"
#include "bpf/record.h"
#include "sample.h"

/* What the innermost library frames say a futex wait is for. */
enum wait_shape {
    WAIT_UNKNOWN,
    WAIT_MUTEX,
    WAIT_RWLOCK,
    WAIT_CONDITION,
    WAIT_SEMAPHORE,
    WAIT_BARRIER,
    WAIT_JOIN,
    WAIT_SHAPE_MAX
};

/* From the frames of a stack, innermost first: the first of the first few that names a primitive.
 */
enum wait_shape waits_shape(const struct frame *frames, size_t n);

#define WAITS_DETAIL_MAX 256

struct wait {
    enum object_kind kind;
    uint64_t object;
    char detail[WAITS_DETAIL_MAX]; /* "" : none */
};

/* What the thread of `record` waits on. Asks the probe only for files and lists of descriptors. */
int waits_describe(struct remote *remote, const struct thread_record *record, enum wait_shape shape,
                   struct wait *ret_wait);

/* Where the target keeps who holds the object of a futex wait. */
struct owner_word {
    uint64_t address; /* of 4 bytes; 0: nowhere */
    uint32_t mask;    /* of the TID in them */
};

struct owner_word waits_owner(const struct thread_record *record, enum wait_shape shape);
