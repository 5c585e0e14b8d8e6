/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS of connections that were accepted, by GnuTLS; the only module that knows it but for the
 * digests of auth.c. Certificates and keys come as bytes.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "webconfig.h"

#define TLS_WHY_MAX 256

/* Certificate, key and rules; shared by the connections that began under them. */
struct tls;
struct tls_session;

/* PEM. */
struct tls_bytes {
    const void *bytes;
    size_t size;
};

/* `files` is by enum webconfig_file. The bytes stay the caller's. -EINVAL: ret_why says what is
 * wrong with them; -ENOMEM. */
int tls_new(const struct webconfig *config, const struct tls_bytes files[static WEBCONFIG_FILES],
            struct tls **ret_tls, char ret_why[static TLS_WHY_MAX]);

/* NULL-safe, both. The last one frees, and wipes the key. */
struct tls *tls_ref(struct tls *tls);
void tls_unref(struct tls **tls);

/* Begins on a socket that does not block, and stays the caller's. */
int tls_session_new(struct tls *tls, int fd, struct tls_session **ret_session);

/* NULL-safe. Sends nothing. */
void tls_session_free(struct tls_session **session);

/* 0: done; -EAGAIN: tls_wants_write() says what for; -EPROTO: refused, by either side. */
int tls_handshake(struct tls_session *session);
bool tls_wants_write(const struct tls_session *session);

/* As read() and write(): bytes, 0: the end; -EAGAIN; -EPROTO. A write that gave -EAGAIN is to be
 * repeated with the same bytes. */
ssize_t tls_read(struct tls_session *session, void *bytes, size_t size);
ssize_t tls_write(struct tls_session *session, const void *bytes, size_t size);

/* Tells the other side that no more will come. */
void tls_end(struct tls_session *session);
