/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One connection of a client, plain or TLS, as far as bytes go: what is read and written, what it
 * waits for and since when. What is to be done with it is gate.c's.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "monitor/head.h"
#include "monitor/refusal.h"
#include "tls.h"

enum client_state {
    CLIENT_HANDSHAKE, /* TLS */
    CLIENT_HEAD,      /* its request comes in */
    CLIENT_PASSWORD,  /* the verifier is at it */
    CLIENT_QUEUE,     /* as many as may be are under way */
    CLIENT_ANSWER,    /* what answers writes to the pair, and the client reads on */
    CLIENT_REFUSAL,   /* our own answer goes out */
    CLIENT_LINGER /* all is sent: what comes is thrown away, so that nothing resets the answer */
};

struct client {
    int fd;
    int pair;                    /* our end to who answers; -1: none */
    struct tls_session *session; /* NULL: plain */
    enum client_state state;
    uint64_t ticket;      /* of the connection, never used again */
    uint64_t deadline_ns; /* of the state */
    uint64_t idle_ns;     /* since when it is in this state; of a request, since it connected */
    struct head head;     /* points into the buffer, until the answer begins */
    size_t have;          /* bytes in the buffer */
    size_t sent;          /* of them */
    size_t drained;       /* bytes thrown away */
    bool is_head;         /* the method: no bodies */
    bool is_answered;     /* at least one byte of an answer came */
    uint32_t events;      /* that epoll was asked for */
    bool is_pair_watched; /* by epoll */
    char buffer[REFUSAL_MAX];
};

/* Owns the descriptor from now on, also when it fails. `tls` may be NULL. */
int client_new(int fd, struct tls *tls, uint64_t ticket, struct client **ret_client);

/* Closes. NULL-safe. */
void client_free(struct client **client);

/* Reads of the request what is there. Bytes, 0: no more will come; -EAGAIN; -errno. */
ssize_t client_read(struct client *client);

/* Writes what the buffer still holds. 0: all is sent; -EAGAIN; -errno. */
int client_write(struct client *client);

/* Refills the empty buffer from who answers. Bytes, 0: the answer's end, -EAGAIN, -errno. */
ssize_t client_refill(struct client *client);

/* Says that nothing follows. */
void client_end(struct client *client);

/* Throws away what comes. True until the client closes, or has sent more than anyone should. */
bool client_drain(struct client *client);

/* What it waits for, of EPOLLIN and EPOLLOUT. */
uint32_t client_wants(const struct client *client);
