/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the service manager is told: sd_notify(3)'s protocol, datagrams to the socket that
 * $NOTIFY_SOCKET names. Without one all of this does nothing. Not libsystemd, which would bring
 * four compressors and a cipher into a process with capabilities.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct notify {
    int fd;               /* -1: nobody listens */
    uint64_t interval_ns; /* between two signs of life; 0: nobody waits for them */
    uint64_t next_ns;     /* when the next one is due */
    size_t n_watched;     /* as told last; SIZE_MAX: not ready */
};

#define NOTIFY_NONE ((struct notify){.fd = -1, .n_watched = SIZE_MAX})

/* Connects to the manager and takes its variables out of the environment. 0 or -errno. */
int notify_open(struct notify *ret_notify);
void notify_close(struct notify *notify);

/* The service is ready and watches `n` processes: said once for each n. */
void notify_ready(struct notify *notify, size_t n);

/* It ends. */
void notify_stopping(struct notify *notify);

/* A sign of life, when it is due. */
void notify_alive(struct notify *notify, uint64_t now_ns);

/* `timeout_ms` (-1: none) for poll(), shortened to when the next sign of life is due. */
int notify_timeout_ms(const struct notify *notify, uint64_t now_ns, int timeout_ms);
