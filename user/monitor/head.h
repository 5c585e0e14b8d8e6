/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The head of an HTTP/1 request: read once, strictly, and written again in one canonical form. What
 * stands behind (libmicrohttpd) never sees a client's own bytes but those of the target and of the
 * few fields below, so nothing can be read in two ways.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define HEAD_MAX           8192             /* bytes of request line and fields */
#define HEAD_WRITTEN_MAX   (HEAD_MAX + 128) /* with the fields that are ours, and blanks */
#define HEAD_FIELDS_MAX    64
#define HEAD_ARGUMENTS_MAX 32 /* of the target's query: each takes memory of libmicrohttpd's */

/* A request; texts point into the bytes that it was read from. A field that is not there is NULL.
 */
struct head {
    const char *method;
    const char *target; /* begins with '/'; printable ASCII, escapes are well-formed, no %00 */
    unsigned minor;     /* of HTTP/1.x: 0 or 1 */
    const char *host;
    const char *authorization;
    const char *sec_fetch_site;
    const char *sec_fetch_mode;
    const char *sec_fetch_dest;
    const char *accept;
    const char *accept_encoding;
    const char *if_none_match;
    const char *content_length;
    const char *transfer_encoding;
};

/* Reads a head from the first bytes of a connection, which it cuts into strings; `size` is at most
 * HEAD_MAX. 0; -EAGAIN: it goes on, and `bytes` is unchanged; -EBADMSG: it is none; -EMSGSIZE: it
 * has no end within HEAD_MAX bytes, or too many fields; -EPROTONOSUPPORT: not HTTP/1.0 or 1.1. */
int head_parse(char *bytes, size_t size, struct head *ret_head);

/* True if the request announces a body. */
bool head_has_body(const struct head *head);

/* Writes the request for who answers it: that of one connection, which ends after it. There is room
 * for each head that head_parse() takes. Returns its length. */
size_t head_write(const struct head *head, char ret_text[static HEAD_WRITTEN_MAX]);
