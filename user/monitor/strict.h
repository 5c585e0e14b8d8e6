/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The headers of every answer, which keep browsers strict. A page that needs more of its content
 * security policy says so with its answer.
 */
#pragma once

#define STRICT_HEADERS 5

/* Content-Security-Policy of what is no page. */
#define STRICT_POLICY                                                                              \
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static const struct {
    const char *name;
    const char *value;
} strict_headers[STRICT_HEADERS] = {
    {"Cache-Control", "no-store"},
    {"X-Content-Type-Options", "nosniff"},
    {"X-Frame-Options", "DENY"},
    {"Referrer-Policy", "no-referrer"},
    {"Content-Security-Policy", STRICT_POLICY},
};
