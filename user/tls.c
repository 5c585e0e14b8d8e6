/* SPDX-License-Identifier: Apache-2.0 */
#include "tls.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "cleanup.h"

struct tls {
    unsigned n_refs;
    enum client_auth client_auth;
    gnutls_certificate_credentials_t credentials;
    gnutls_priority_t priorities;
};

struct tls_session {
    struct tls *tls;
    gnutls_session_t session;
};

/* Says what GnuTLS found wrong. */
static int explain(int error, const char *what, char ret_why[static TLS_WHY_MAX])
{
    if (error == GNUTLS_E_MEMORY_ERROR)
        return -ENOMEM;
    snprintf(ret_why, TLS_WHY_MAX, "%s: %s", what, gnutls_strerror(error));
    return -EINVAL;
}

static gnutls_datum_t datum(const struct tls_bytes *bytes)
{
    return (gnutls_datum_t){.data = (void *)bytes->bytes, .size = (unsigned)bytes->size};
}

static int load(struct tls *tls, const struct webconfig *config, const struct tls_bytes *files,
                char ret_why[static TLS_WHY_MAX])
{
    const gnutls_datum_t cert = datum(&files[WEBCONFIG_CERT]);
    const gnutls_datum_t key = datum(&files[WEBCONFIG_KEY]);
    const gnutls_datum_t ca = datum(&files[WEBCONFIG_CLIENT_CA]);
    int r;

    r = gnutls_certificate_allocate_credentials(&tls->credentials);
    if (r < 0)
        return explain(r, "TLS", ret_why);
    r = gnutls_certificate_set_x509_key_mem(tls->credentials, &cert, &key, GNUTLS_X509_FMT_PEM);
    if (r < 0)
        return explain(r, "cert_file and key_file", ret_why);
    if (ca.size) {
        r = gnutls_certificate_set_x509_trust_mem(tls->credentials, &ca, GNUTLS_X509_FMT_PEM);
        if (r <= 0)
            return explain(r ? r : GNUTLS_E_NO_CERTIFICATE_FOUND, "client_ca_file", ret_why);
    }
    r = gnutls_priority_init(&tls->priorities, config->priorities, NULL);
    return r < 0 ? explain(r, "versions and cipher suites", ret_why) : 0;
}

int tls_new(const struct webconfig *config, const struct tls_bytes files[static WEBCONFIG_FILES],
            struct tls **ret_tls, char ret_why[static TLS_WHY_MAX])
{
    CLEANUP(tls_unref) struct tls *tls = calloc(1, sizeof(*tls));
    int r;

    if (!tls)
        return -ENOMEM;
    tls->n_refs = 1;
    tls->client_auth = config->client_auth;
    r = load(tls, config, files, ret_why);
    if (r)
        return r;
    *ret_tls = TAKE_PTR(tls);
    return 0;
}

struct tls *tls_ref(struct tls *tls)
{
    if (tls)
        tls->n_refs++;
    return tls;
}

void tls_unref(struct tls **tls)
{
    if (!*tls)
        return;
    if (!--(*tls)->n_refs) {
        if ((*tls)->credentials)
            gnutls_certificate_free_credentials((*tls)->credentials);
        if ((*tls)->priorities)
            gnutls_priority_deinit((*tls)->priorities);
        free(*tls);
    }
    *tls = NULL;
}

static gnutls_certificate_request_t request_of(enum client_auth client_auth)
{
    switch (client_auth) {
    case CLIENT_AUTH_REQUIRE:
    case CLIENT_AUTH_VERIFY:
        return GNUTLS_CERT_REQUIRE;
    case CLIENT_AUTH_REQUEST:
    case CLIENT_AUTH_VERIFY_IF_GIVEN:
        return GNUTLS_CERT_REQUEST;
    default:
        return GNUTLS_CERT_IGNORE;
    }
}

static int prepare(struct tls_session *session, int fd)
{
    static char protocol[] = "http/1.1";
    const gnutls_datum_t alpn = {.data = (unsigned char *)protocol, .size = sizeof(protocol) - 1};
    const unsigned flags = GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL;

    if (gnutls_init(&session->session, flags) < 0)
        return -ENOMEM;
    if (gnutls_priority_set(session->session, session->tls->priorities) < 0 ||
        gnutls_credentials_set(session->session, GNUTLS_CRD_CERTIFICATE,
                               session->tls->credentials) < 0 ||
        gnutls_alpn_set_protocols(session->session, &alpn, 1, 0) < 0)
        return -ENOMEM;
    gnutls_certificate_server_set_request(session->session, request_of(session->tls->client_auth));
    gnutls_transport_set_int(session->session, fd);
    return 0;
}

int tls_session_new(struct tls *tls, int fd, struct tls_session **ret_session)
{
    CLEANUP(tls_session_free) struct tls_session *session = calloc(1, sizeof(*session));
    int r;

    if (!session)
        return -ENOMEM;
    session->tls = tls_ref(tls);
    r = prepare(session, fd);
    if (r)
        return r;
    *ret_session = TAKE_PTR(session);
    return 0;
}

void tls_session_free(struct tls_session **session)
{
    if (!*session)
        return;
    if ((*session)->session)
        gnutls_deinit((*session)->session);
    tls_unref(&(*session)->tls);
    free(*session);
    *session = NULL;
}

/* The client's certificate, after the handshake that may have brought one. */
static int check_client(const struct tls_session *session)
{
    gnutls_typed_vdata_st purpose = {
        .type = GNUTLS_DT_KEY_PURPOSE_OID,
        .data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
    };
    const enum client_auth client_auth = session->tls->client_auth;
    unsigned n, status;

    if (client_auth != CLIENT_AUTH_VERIFY && client_auth != CLIENT_AUTH_VERIFY_IF_GIVEN)
        return 0;
    if (!gnutls_certificate_get_peers(session->session, &n) || !n)
        return client_auth == CLIENT_AUTH_VERIFY ? -EPROTO : 0;
    if (gnutls_certificate_verify_peers(session->session, &purpose, 1, &status) < 0 || status)
        return -EPROTO;
    return 0;
}

int tls_handshake(struct tls_session *session)
{
    int r;

    do
        r = gnutls_handshake(session->session);
    while (r < 0 && r != GNUTLS_E_AGAIN && !gnutls_error_is_fatal(r));
    if (r == GNUTLS_E_AGAIN)
        return -EAGAIN;
    if (!r && !check_client(session))
        return 0;
    gnutls_alert_send_appropriate(session->session, r ? r : GNUTLS_E_CERTIFICATE_ERROR);
    return -EPROTO;
}

bool tls_wants_write(const struct tls_session *session)
{
    return gnutls_record_get_direction(session->session);
}

/* As GnuTLS' functions count; a client's wish to negotiate anew is not heard. */
static ssize_t result_of(ssize_t n)
{
    if (n >= 0)
        return n;
    return n == GNUTLS_E_AGAIN ? -EAGAIN : -EPROTO;
}

ssize_t tls_read(struct tls_session *session, void *bytes, size_t size)
{
    ssize_t n;

    do
        n = gnutls_record_recv(session->session, bytes, size);
    while (n == GNUTLS_E_INTERRUPTED);
    return result_of(n);
}

ssize_t tls_write(struct tls_session *session, const void *bytes, size_t size)
{
    ssize_t n;

    do
        n = gnutls_record_send(session->session, bytes, size);
    while (n == GNUTLS_E_INTERRUPTED);
    return result_of(n);
}

void tls_end(struct tls_session *session)
{
    gnutls_bye(session->session, GNUTLS_SHUT_WR);
}
