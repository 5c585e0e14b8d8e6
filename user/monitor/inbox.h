/* SPDX-License-Identifier: Apache-2.0 */
/* One socket that messages of wire.h come in by: puts them together from what arrives, without ever
 * waiting. */
#pragma once

#include <stddef.h>

#include "monitor/intake.h"
#include "wire.h"

struct inbox {
    int socket; /* owned; -1: closed */
    enum intake_source source;
    struct wire_header header;
    size_t have; /* bytes of header and payload that are there */
    char *payload;
    size_t capacity;
    int fd; /* that came with the message; whoever wants it takes it; -1: none */
};

/* Owns the socket from now on. */
void inbox_init(struct inbox *inbox, int socket, enum intake_source source);
void inbox_close(struct inbox *inbox);

/* Reads on. 1: a message is complete in header and payload, until the next call; 0: not yet;
 * -ECONNRESET: the other side is gone; -EBADMSG: it sends nonsense, and cannot be read on; -ENOMEM
 * and what else the kernel may lack: the message is lost. */
int inbox_read(struct inbox *inbox);
