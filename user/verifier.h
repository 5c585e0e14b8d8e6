/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The verifier role: checks passwords against bcrypt hashes for the monitor, which must not wait
 * for that. Requests and replies are messages on a SOCK_SEQPACKET pair, one at a time.
 */
#pragma once

#include <stdint.h>

#include "webconfig.h"

#define VERIFIER_PASSWORD_MAX 256 /* bcrypt looks at 72 bytes */

struct verifier_request {
    uint64_t ticket;
    uint64_t cost; /* of the dearest hash that there is: this one's check takes as long as that's */
    char hash[WEBCONFIG_HASH_MAX];
    char password[VERIFIER_PASSWORD_MAX];
};

struct verifier_reply {
    uint64_t ticket;
    uint64_t right; /* 1: the password is that of the hash */
};

/* Runs in a process of its own, which it locks in, until the socket ends or brings what is no
 * request. Returns its exit code. */
int verifier_run(int socket);
