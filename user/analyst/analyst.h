/* SPDX-License-Identifier: Apache-2.0 */
/* The analyst role: turns the bytes of one target into samples. It has no privileges, and no file,
 * network or process of its own: two sockets and a piece of shared memory are its world. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct analyst_options {
    int probe_socket;    /* SOCK_SEQPACKET, rpc.h */
    int monitor_socket;  /* SOCK_STREAM, wire.h */
    const uint8_t *area; /* RPC_AREA_SIZE bytes that the probe writes to */
    int64_t threshold_ns;
    unsigned kinds; /* waiters to sample: bits 1 << enum sample_kind */
    bool proven;    /* goroutines past the threshold are those that were seen parked for so long */
    bool one_look;  /* there is one scan, which waits for what can be read ahead */
    bool careful;   /* reads no debug information: an analyst before may have died of it */
};

/* Takes scans until the probe or the monitor is gone, or it is time to start anew: then 0. */
int analyst_run(const struct analyst_options *options);
