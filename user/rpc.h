/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests from an analyst to the probe, one SOCK_SEQPACKET message each way, one at a time. The
 * probe does what is asked for the analyst's own target only, and interprets nothing of it. Bulk data
 * (records, memory, texts) comes in memory that both have mapped and only the probe writes to.
 */
#pragma once

#include <assert.h>
#include <stdint.h>

#define RPC_AREA_SIZE (8 * 1024 * 1024) /* the shared memory of one analyst */
#define RPC_RANGES_MAX 1024             /* ranges of one request */
#define RPC_PATH_MAX   4096

enum rpc_type {
    RPC_SCAN,         /* first chunk of a new sweep over the threads -> records in the area */
    RPC_SCAN_NEXT,    /* the next chunk of it */
    RPC_READ,         /* ranges of memory -> their bytes in the area, one behind the other */
    RPC_RESIDENT,     /* ranges -> in the area a u64 each: resident bytes, UINT64_MAX: unknown */
    RPC_MAPS,         /* text of /proc/PID/maps, `offset` bytes into it -> text in the area */
    RPC_OPEN_MAPPING, /* range of one mapping, device, inode, path -> descriptor */
    RPC_OPEN_DEBUG,   /* path -> descriptor */
    RPC_FILE,         /* descriptor number of the target -> in the area, its link text */
    RPC_KERNEL,       /* -> in the area, struct kernel_record[] of all uninterruptible threads */
    RPC_DONE,         /* the scan of this number has been sent to the monitor; no answer */
    RPC_TYPE_MAX
};

struct rpc_range {
    uint64_t address;
    uint64_t length;
};

struct rpc_request {
    uint32_t type;
    uint32_t n_ranges;
    uint64_t value;  /* RPC_MAPS: offset; RPC_FILE: descriptor; RPC_DONE: number */
    uint64_t device; /* RPC_OPEN_MAPPING, major << 32 | minor */
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
    int32_t error; /* 0 or -errno; with 0 an open carries its descriptor */
    uint32_t more; /* RPC_SCAN*, RPC_MAPS: 1: not the end yet */
    uint64_t size; /* bytes in the area */
    uint32_t lengths[RPC_RANGES_MAX]; /* RPC_READ: bytes that could be read of each range */
};

/* From the probe to an analyst, unasked: take a scan. The one message that starts work. */
struct rpc_tick {
    uint64_t number;
    uint64_t final; /* 1: leave nothing provisional, no scan follows */
};
