/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests from an analyst to the probe, one SOCK_SEQPACKET message each way, answered in order.
 * The probe does what is asked for the analyst's own target only, and interprets nothing of it.
 * Bulk data comes in an area of memory that both have mapped and only the probe writes to: first
 * room for thread records, then room for everything else, so that records stay while memory is
 * read, then room for memory that is asked for ahead: the probe copies some slots' while the
 * analyst is still at another's. Last comes how far it is with them, which the analyst so sees
 * without a system call.
 */
#pragma once

#include <stdint.h>

#define RPC_RECORDS_SIZE (512 * 1024)
#define RPC_DATA_SIZE    (4 * 1024 * 1024)
#define RPC_AHEAD_SIZE   (2 * 1024 * 1024)
#define RPC_AHEAD_SLOTS  4
#define RPC_PROGRESS_AT  (RPC_RECORDS_SIZE + RPC_DATA_SIZE + RPC_AHEAD_SLOTS * RPC_AHEAD_SIZE)
#define RPC_AREA_SIZE    (RPC_PROGRESS_AT + 4096)
#define RPC_RANGES_MAX   512 /* ranges of one request */
#define RPC_PATH_MAX     4096

enum rpc_type {
    RPC_SCAN,         /* first chunk of a new sweep over the threads -> records */
    RPC_SCAN_NEXT,    /* the next chunk of it */
    RPC_READ,         /* ranges of memory -> their bytes, one behind the other, in the data room or,
                       * if `value` is not 0, in the slot of that number, from 1 */
    RPC_RESIDENT,     /* ranges -> a u64 each: resident bytes, UINT64_MAX: unknown */
    RPC_MAPS,         /* text of /proc/PID/maps, `value` bytes into it -> text */
    RPC_OPEN_MAPPING, /* one mapping's range, device, inode and path -> descriptor */
    RPC_OPEN_DEBUG,   /* path -> descriptor */
    RPC_FILE,         /* descriptor `value` of the target -> its description, as text */
    RPC_KERNEL,       /* -> struct kernel_record[] of all uninterruptible threads */
    RPC_PLACE,        /* -> u64: where the first living thread is in a system call */
    RPC_DONE,         /* scan `value` has been sent to the monitor; no answer */
    RPC_GIVEN_UP,     /* scan `value` failed for another reason than the target's end; no answer */
    RPC_MAPPED,       /* ranges -> those lines of RPC_MAPS that hold their starts; probe/mapped.h */
    RPC_TYPE_MAX
};

struct rpc_range {
    uint64_t address;
    uint64_t length;
};

struct rpc_request {
    uint32_t type;
    uint32_t n_ranges;
    uint64_t value;
    uint64_t device; /* major << 32 | minor */
    uint64_t inode;
    union {
        struct rpc_range ranges[RPC_RANGES_MAX];
        struct {
            struct rpc_range range;
            char text[RPC_PATH_MAX]; /* NUL-terminated */
        } path;
    };
};

struct rpc_reply {
    int32_t error;                    /* 0 or -errno; with 0 an open carries its descriptor */
    uint32_t more;                    /* RPC_SCAN*, RPC_MAPS: 1: not the end yet */
    uint64_t size;                    /* bytes in the area */
    uint32_t lengths[RPC_RANGES_MAX]; /* RPC_READ: bytes that could be read of each range */
};

/* At RPC_PROGRESS_AT. */
struct rpc_progress {
    uint64_t n_ahead; /* answers to what was asked for ahead that are there, or about to be sent */
};

/* From the probe to an analyst: take a scan. While one is under way there is no other; the first
 * may come while the analyst still prepares for it, between a request and its answer. */
struct rpc_tick {
    uint64_t number;    /* from 1 */
    uint64_t attach_ns; /* CLOCK_MONOTONIC: from when on the target's parks are followed */
};
