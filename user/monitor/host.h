/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which names this server answers to. A page on the web can point a name of its own at any address,
 * this machine's too, and then read answers as its own origin (DNS rebinding): so a name has to be
 * known. A literal address in a Host field cannot be somebody's name, and is always good.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HOST_NAMES_MAX 64  /* besides localhost */
#define HOST_NAME_MAX_ 254 /* a DNS name has at most 253 characters */

struct host_names {
    size_t n;
    char names[HOST_NAMES_MAX][HOST_NAME_MAX_];
};

/* Adds a name; one that is too long, or beyond the bound, is left out. -E2BIG */
int host_names_add(struct host_names *names, const char *name);

/* Adds the machine's own name, whole and to the first dot. */
void host_names_add_own(struct host_names *names);

/* Whether `host`, the value of a Host field (name or address, perhaps with a port), is this server:
 * localhost, a literal IPv4 or IPv6 address, or one of the names, NULL: none. -EBADMSG: it is no
 * host at all; -ENOENT: another's name. */
int host_check(const struct host_names *names, const char *host);
