/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request may not have, and the whole answer that says so. Nothing of a request is in an
 * answer.
 */
#pragma once

#include <stddef.h>

#include "monitor/head.h"
#include "monitor/host.h"
#include "webconfig.h"

#define REFUSAL_MAX 32768 /* with the longest headers that a web configuration can have */

enum refusal {
    REFUSAL_NONE,
    REFUSAL_MALFORMED,
    REFUSAL_VERSION,
    REFUSAL_TOO_LARGE,
    REFUSAL_NO_HOST,
    REFUSAL_HOST,
    REFUSAL_CROSS_SITE,
    REFUSAL_METHOD,
    REFUSAL_BODY,
    REFUSAL_PASSWORD,
    REFUSAL_LATE,
    REFUSAL_BUSY_PASSWORDS,
    REFUSAL_BUSY,
    REFUSAL_INTERNAL,
    REFUSAL_MAX_
};

/* Why head_parse() failed, or REFUSAL_NONE. */
enum refusal refusal_of_error(int error);

/* Decides on a request, its Host before all else. Passwords are auth.h's. */
enum refusal refusal_of(const struct head *head, const struct host_names *names);

/* Writes the answer, with headers of the web configuration, NULL: none; without its body where HEAD
 * was asked. Returns its length; 0: no memory. */
size_t refusal_write(enum refusal refusal, bool with_body, const struct webconfig *config,
                     char ret_text[static REFUSAL_MAX]);
