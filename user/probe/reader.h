/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The reader: a process for each target, and the only one that touches it. It answers the requests
 * of the target's analyst (rpc.h) and reads what the target costs.
 *
 * A target decides how long a look at it takes. A page of its memory, or a file that it has mapped,
 * can be served by a program of its own (userfaultfd, FUSE) that never answers; the lock of its
 * memory can be held for ever. Who looks then waits, and SIGKILL ends that, or, where a FUSE server
 * has taken a request, nothing does before that server ends. So the probe itself looks at nothing
 * of a target but what the kernel answers at once (target.h); it watches over the readers, ends one
 * that is late and starts another. Readers of several targets work at the same time.
 *
 * Between the probe and a reader there is a SOCK_SEQPACKET with one struct per message: orders one
 * way, news the other. An order is taken between two requests of the analyst, and its last news
 * says so: that is the sign of life.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loss.h"
#include "probe/bpf.h"
#include "probe/target.h"
#include "wire.h"

enum reader_order_type {
    READER_SCAN,    /* report what the target costs, then let the analyst take scan `number` */
    READER_PING,    /* nothing but a sign of life */
    READER_THREADS, /* the link that lists threads comes along; nothing is answered */
    READER_TIMES,   /* that which lists what they ran for, likewise */
    READER_KERNEL,  /* that which lists kernel frames */
    READER_ORDER_MAX
};

struct reader_order {
    uint32_t type;
    uint32_t pad;
    uint64_t number;
    uint64_t attach_ns; /* as rpc_tick */
};

enum reader_news_type {
    READER_TAKEN,        /* the order; of a scan: the analyst is at it */
    READER_REFUSED,      /* the target cannot be looked into: `error`; the reader ends */
    READER_IDENTITY,     /* who the target is to the kernel */
    READER_TARGET,       /* its description, which changed */
    READER_RESOURCES,    /* what it costs */
    READER_DONE,         /* scan `number` has been sent to the monitor */
    READER_ANALYST_GONE, /* it ended, or talks nonsense; the reader ends */
    READER_NEWS_MAX
};

/* The target in the initial PID namespace, as thread records have it. */
struct reader_identity {
    uint32_t tgid; /* 0: not yet known */
    uint32_t pad;
    uint64_t leader_start_ns;
};

struct reader_news {
    uint32_t type;
    int32_t error;
    uint64_t number;
    struct losses losses; /* since the news before */
    union {
        struct reader_identity identity;
        struct wire_target target;
        struct wire_resources resources;
    };
};

struct reader_options {
    int probe_socket;   /* orders and news */
    int analyst_socket; /* rpc.h */
    uint8_t *area;      /* RPC_AREA_SIZE bytes, which the analyst sees */
    const struct target_id *target;
    struct wire_target described; /* as the monitor knows it */
    struct reader_identity identity;
    bool check; /* whether the target can be looked into, first of all */
};

/* Serves until the probe or the analyst is gone: then 0; or -errno. */
int reader_run(const struct reader_options *options);
