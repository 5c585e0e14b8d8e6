/* SPDX-License-Identifier: Apache-2.0 */
/* The probe's side of rpc.h: does what the analyst of one target asks for, for that target only. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "loss.h"
#include "probe/bpf.h"
#include "probe/files.h"
#include "probe/target.h"
#include "rpc.h"

struct service {
    const struct target_id *target; /* borrowed */
    struct bpf_links links;         /* owned; none before the probe has sent them */
    int socket;                     /* borrowed; SOCK_SEQPACKET to the analyst */
    uint8_t *area;                  /* borrowed; RPC_AREA_SIZE bytes that the analyst sees, too */
    struct losses *losses;          /* borrowed */
    uint64_t n_ahead;               /* answers to what was asked for ahead */
    pid_t live_tid;                 /* a thread that has memory; 0: to be looked for */
    int sweep_fd;                   /* the iterator of the present sweep; -1: none */
    struct files_maps maps;
    uint32_t
        tgid; /* of the target in the initial PID namespace, from its records; 0: not yet known */
    uint64_t leader_start_ns; /* its start as the kernel has it */
    struct rpc_request request;
    struct rpc_reply reply;
};

void service_init(struct service *service, const struct target_id *target, struct losses *losses);
void service_close(struct service *service);

/* The thread to look inside the target through. -ESRCH: none. */
int service_live_tid(struct service *service, pid_t *ret_tid);

/*
 * Takes one request and answers it. *ret_done: it was RPC_DONE or RPC_GIVEN_UP, with the
 * scan's number.
 * -ECONNRESET: the analyst is gone; -EBADMSG: it talks nonsense, and is to be ended.
 */
int service_answer(struct service *service, bool *ret_done, uint64_t *ret_number);
