/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Go's names of versions, cipher suites and curves as a priority string of GnuTLS.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#define WEBCONFIG_TLS_NAMES_MAX 32

enum tls_version { TLS_VERSION_UNSET, TLS_VERSION_12, TLS_VERSION_13 };

struct webconfig_tls {
    enum tls_version min;
    enum tls_version max;
    bool client_order; /* the client's preference of ciphers wins */
    size_t n_suites;   /* 0: all good ones */
    size_t suites[WEBCONFIG_TLS_NAMES_MAX];
    size_t n_curves; /* 0: those of GnuTLS */
    size_t curves[WEBCONFIG_TLS_NAMES_MAX];
};

/* Add by name. -EINVAL: not known, or not good enough; -E2BIG. */
int webconfig_tls_add_suite(struct webconfig_tls *tls, const char *name);
int webconfig_tls_add_curve(struct webconfig_tls *tls, const char *name);

/* -EINVAL: not known, or older than TLS 1.2. */
int webconfig_tls_version(const char *name, enum tls_version *ret_version);

/* Writes the priority string. GnuTLS has no whole suites in it but their parts, so what is allowed
 * are all suites made of the parts of those that are named. The ciphers hold for TLS 1.3, too,
 * where Go does not let itself be told. -EINVAL: min is above max; -E2BIG. */
int webconfig_tls_priorities(const struct webconfig_tls *tls, char *ret_text, size_t size);
