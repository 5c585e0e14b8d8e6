/* SPDX-License-Identifier: Apache-2.0 */
#include "webconfig_tls.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

/* crypto/tls/cipher_suites.go of Go 1.22, CipherSuites(); those of InsecureCipherSuites() and
 * without forward secrecy are refused. */
static const struct {
    const char *name;
    const char *parts;
} suites[] = {
    {"TLS_AES_128_GCM_SHA256", "+AES-128-GCM"},
    {"TLS_AES_256_GCM_SHA384", "+AES-256-GCM"},
    {"TLS_CHACHA20_POLY1305_SHA256", "+CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "+ECDHE-RSA:+AES-128-GCM"},
    {"TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "+ECDHE-RSA:+AES-256-GCM"},
    {"TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "+ECDHE-ECDSA:+AES-128-GCM"},
    {"TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "+ECDHE-ECDSA:+AES-256-GCM"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "+ECDHE-RSA:+CHACHA20-POLY1305"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "+ECDHE-ECDSA:+CHACHA20-POLY1305"},
    {"TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "+ECDHE-RSA:+CHACHA20-POLY1305"},
    {"TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "+ECDHE-ECDSA:+CHACHA20-POLY1305"},
};

static const struct {
    const char *name;
    const char *group;
} curves[] = {
    {"CurveP256", "+GROUP-SECP256R1"},
    {"CurveP384", "+GROUP-SECP384R1"},
    {"CurveP521", "+GROUP-SECP521R1"},
    {"X25519", "+GROUP-X25519"},
};

#define ALL_SUITES "+ECDHE-ECDSA:+ECDHE-RSA:+AES-128-GCM:+AES-256-GCM:+CHACHA20-POLY1305"

static int add(size_t *list, size_t *n, size_t index)
{
    if (*n == WEBCONFIG_TLS_NAMES_MAX)
        return -E2BIG;
    list[(*n)++] = index;
    return 0;
}

int webconfig_tls_add_suite(struct webconfig_tls *tls, const char *name)
{
    for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
        if (!strcmp(name, suites[i].name))
            return add(tls->suites, &tls->n_suites, i);
    return -EINVAL;
}

int webconfig_tls_add_curve(struct webconfig_tls *tls, const char *name)
{
    for (size_t i = 0; i < sizeof(curves) / sizeof(curves[0]); i++)
        if (!strcmp(name, curves[i].name))
            return add(tls->curves, &tls->n_curves, i);
    return -EINVAL;
}

int webconfig_tls_version(const char *name, enum tls_version *ret_version)
{
    if (!strcmp(name, "TLS12"))
        *ret_version = TLS_VERSION_12;
    else if (!strcmp(name, "TLS13"))
        *ret_version = TLS_VERSION_13;
    else
        return -EINVAL;
    return 0;
}

static void write_suites(const struct webconfig_tls *tls, FILE *out)
{
    fputs(":-KX-ALL:-CIPHER-ALL:-MAC-ALL:+AEAD", out);
    for (size_t i = 0; i < tls->n_suites; i++)
        fprintf(out, ":%s", suites[tls->suites[i]].parts);
    if (!tls->n_suites)
        fputs(":" ALL_SUITES, out);
}

static void write_curves(const struct webconfig_tls *tls, FILE *out)
{
    if (tls->n_curves)
        fputs(":-GROUP-ALL", out);
    for (size_t i = 0; i < tls->n_curves; i++)
        fprintf(out, ":%s", curves[tls->curves[i]].group);
}

int webconfig_tls_priorities(const struct webconfig_tls *tls, char *ret_text, size_t size)
{
    const enum tls_version max = tls->max ? tls->max : TLS_VERSION_13;
    bool is_cut;
    FILE *out;

    if (tls->min > max)
        return -EINVAL;
    out = fmemopen(ret_text, size, "w");
    if (!out)
        return -ENOMEM;
    setbuf(out, NULL); /* or what does not fit is only found at the end */
    fputs("SECURE128:-VERS-ALL", out);
    if (max == TLS_VERSION_13)
        fputs(":+VERS-TLS1.3", out);
    if (tls->min != TLS_VERSION_13)
        fputs(":+VERS-TLS1.2", out);
    write_suites(tls, out);
    write_curves(tls, out);
    if (!tls->client_order)
        fputs(":%SERVER_PRECEDENCE", out);
    is_cut = fputc('\0', out) == EOF || ferror(out);
    fclose(out);
    return is_cut ? -E2BIG : 0;
}
