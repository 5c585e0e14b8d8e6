/* SPDX-License-Identifier: Apache-2.0 */
/* What --web.config.file needs of the probe: its files read again when they change, and the role
 * that checks passwords. Without that option all of it does nothing. */
#pragma once

#include <sys/types.h>

#include "probe/webfiles.h"

#define WEB_CHECK_NS (5ull * 1000000000) /* between two looks at the files */

struct web {
    bool is_used;
    struct webfiles files;
    struct wire_web *bundle; /* read and not yet sent */
    size_t size;             /* of it */
    uint64_t checked_ns;
    pid_t verifier;           /* 0: none */
    uint64_t verifier_cpu_us; /* of those before it */
};

/* Reads the files; `path` may be NULL. Plain connections may come from elsewhere if `is_exposed`.
 * -errno: a line of the log says why. */
int web_open(struct web *web, const char *path, bool is_exposed);

/* Starts the verifier; *ret_socket, the caller's, is for the monitor, and unchanged without one. */
int web_start_verifier(struct web *web, int *ret_socket);

/* Sends what was read. */
int web_send(struct web *web, int monitor_fd);

/* When it is time, starts another verifier where one has ended, looks whether a file has changed,
 * and reads and sends them again. If they are not good the log says so, the monitor counts it, and
 * keeps what it has. 0; -errno: the socket. */
int web_check(struct web *web, uint64_t now_ns, int monitor_fd);

/* Takes note of a verifier that ended, of which the log is told if it failed: it ends well with the
 * monitor. One that somebody stopped is ended. */
void web_reap(struct web *web);

void web_close(struct web *web);
