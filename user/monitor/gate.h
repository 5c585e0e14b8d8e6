/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between clients and libmicrohttpd. It accepts, speaks TLS, reads the whole head of a
 * request, decides on it, and hands it on over a socket pair in a form of its own; the answer comes
 * back the same way. One request for each connection. So every limit is here, each bounded in time
 * from the beginning of the connection, and what is refused gets an answer of ours.
 *
 * Nothing here waits, and the clock is the caller's.
 */
#pragma once

#include <stdint.h>

#include "monitor/host.h"
#include "monitor/weblosses.h"
#include "tls.h"

#define GATE_ANSWERS_MAX 40 /* requests under way at once */

#define GATE_HEAD_NS     (10ull * 1000000000) /* for the handshake and the head, in total */
#define GATE_PASSWORD_NS (10ull * 1000000000)
#define GATE_QUEUE_NS    (5ull * 1000000000)  /* for room among the answers */
#define GATE_ANSWER_NS   (30ull * 1000000000) /* to read an answer, in total */
#define GATE_REFUSAL_NS  (2ull * 1000000000)
#define GATE_LINGER_NS   (1ull * 1000000000)
#define GATE_RETRY_NS    (100ull * 1000000) /* until accepting is tried again, without descriptors */

struct gate;

struct gate_options {
    const int *fds; /* listening sockets; they stay the caller's, and open */
    size_t n_fds;
    const struct host_names *names; /* borrowed, NULL: none */
    int verifier_fd;                /* the gate's from now on; -1: there are no passwords */

    /* Serves one request, which is in the socket already, and closes it, which is its from now on,
     * also on failure. 0 or -errno. */
    int (*serve)(void *context, int fd);
    void *context;
};

int gate_new(const struct gate_options *options, struct gate **ret_gate);

/* Ends all connections. NULL-safe. */
void gate_free(struct gate **gate);

/* Begins to accept, or goes on by another configuration; NULL: plain, open to all. `config` and
 * `tls` are the gate's from now on. Connections that are there keep their certificate. */
int gate_configure(struct gate *gate, struct webconfig *config, struct tls *tls);

/* Another verifier in the place of one that ended; the descriptor is the gate's from now on. */
int gate_replace_verifier(struct gate *gate, int fd);

/* The configuration in force, or NULL. */
const struct webconfig *gate_config(const struct gate *gate);

/* Readable when gate_run() has work. */
int gate_fd(const struct gate *gate);

/* When gate_run() wants to be called at the latest; UINT64_MAX: whenever. */
uint64_t gate_due_ns(const struct gate *gate);

/* Does what can be done now. */
void gate_run(struct gate *gate, uint64_t now_ns);

/* Those counted so far; the caller may add to them. */
struct weblosses *gate_losses(struct gate *gate);
