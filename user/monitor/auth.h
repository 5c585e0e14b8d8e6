/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may ask: users and passwords against the bcrypt hashes of the web configuration. A check
 * takes up to a second, so the verifier role (verifier.h) makes it, one at a time; what was right
 * is remembered.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "webconfig.h"

#define AUTH_QUEUE_MAX 16 /* passwords that wait for the verifier */
#define AUTH_CACHE_MAX 64 /* right ones that are remembered */

struct auth;

/* `fd`: the verifier's socket, ours from now on; -1: no check is possible. */
int auth_new(int fd, struct auth **ret_auth);
void auth_free(struct auth **auth);

/* Goes on with another verifier, whose socket is ours from now on; -1: with none, till
 * there is one. What the one before was asked is
 * not asked again: it may be what ended it. */
void auth_replace(struct auth *auth, int fd);

/* Takes other users over; `config` is borrowed until the next call. Forgets what was right. */
void auth_configure(struct auth *auth, const struct webconfig *config);

/* Checks an Authorization field, NULL if there was none. 1: right, or nobody needs a password; 0:
 * wrong; -EINPROGRESS: auth_answer() will give the answer for this ticket; -EBUSY: too many wait.
 * All checks take as long, whether the user is known or not. */
int auth_check(struct auth *auth, const char *authorization, uint64_t ticket);

/* The one who asked is gone. */
void auth_cancel(struct auth *auth, uint64_t ticket);

/* Readable when there is an answer; -1: none. */
int auth_fd(const struct auth *auth);

/* 1: *ret_ticket's password is right or not; 0: no answer now; -errno: the verifier is gone. */
int auth_answer(struct auth *auth, uint64_t *ret_ticket, bool *ret_right);
