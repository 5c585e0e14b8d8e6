/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the Go runtime lays out goroutines and channels, by minor version, and what it calls the
 * reasons of a wait. Offsets jump back and forth between versions, and Go 1.26 numbered the reasons
 * anew: nothing of one version holds for the next. linux/amd64; other 64-bit architectures have the
 * same structures.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GO_MINOR_FIRST 117
#define GO_MINOR_LAST  127

/* Offsets in struct g (runtime/runtime2.go) that no version from 1.17 on has moved. */
#define GO_G_STACK_LO 0
#define GO_G_STACK_HI 8
#define GO_G_SP       56
#define GO_G_PC       64
#define GO_G_SELF     72 /* sched.g: the g's own address */

#define GO_NONE UINT16_MAX /* no such field */

struct g_layout {
    int minor; /* from this version on: 117 is 1.17 */

    /* struct g */
    uint16_t syscall_sp;
    uint16_t syscall_pc;
    uint16_t status;
    uint16_t goid;
    uint16_t waitsince;
    uint16_t reason;
    uint16_t sequence; /* trackingSeq */
    uint16_t parent;   /* parentGoid, or GO_NONE */
    uint16_t gopc;
    uint16_t startpc;
    uint16_t waiting;
    uint16_t labels; /* a labelMap of labels.h */
    uint16_t size;   /* bytes of it that hold all of these */

    /* struct sudog */
    uint16_t sudog_elem;
    uint16_t sudog_waitlink;
    uint16_t sudog_channel;
    uint16_t sudog_size;

    /* struct hchan */
    uint16_t channel_recvq;
    uint16_t channel_sendq;
    uint16_t channel_size;

    /* Whether each system call counts in trackingSeq: up to 1.25. */
    uint8_t syscall_counts;
    uint8_t label_map; /* labels are kept in a map: up to 1.23 */
    uint8_t coroutine; /* number of that reason; 0: there is none */
    uint8_t n_reasons;
    uint64_t running; /* bits 1 << reason: of those that run in truth (isWaitingForSuspendG) */
    const char *const *reasons; /* waitReasonStrings; "" for the first */

    /* A guess at a version that is newer than any known: of trackingSeq, labels and semaphores
     * there is no proof, so nothing that rests on them is claimed; reasons only have names where
     * the process bore them out. */
    bool is_guess;
    uint64_t named; /* of a guess, bits 1 << reason: those */
};

/* The layout of Go 1.(minor - 100), of the nearest version for one that is not known. */
const struct g_layout *g_layout_of(int minor);

/* The newest layout as a guess at a version that is newer. */
struct g_layout g_layout_guess(void);

#define G_LAYOUT_UNKNOWN "unknown wait reason" /* as waitReason.String() has it */

/* What the layout calls the reason of this number. */
const char *g_layout_reason(const struct g_layout *layout, uint8_t number);

/* Whether that can be relied on. */
static inline bool g_layout_names(const struct g_layout *layout, uint8_t number)
{
    return !layout->is_guess || (number < 64 && layout->named >> number & 1);
}
