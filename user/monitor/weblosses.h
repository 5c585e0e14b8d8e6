/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the HTTP server drops, cuts and fails at, as parkwatch_web_losses_total{what=NAME}; losses
 * of targets are loss.h's.
 */
#pragma once

#include <stdint.h>

/* name, what it means */
#define WEBLOSS_LIST(X)                                                                            \
    X(evicted, "connections closed to make room for newer ones: these kept waiting longest")       \
    X(late, "connections closed because their request took too long to come")                      \
    X(slow, "connections closed because their answer took too long to be read")                    \
    X(answers_capped, "requests refused with 503: too many, or too much, under way")               \
    X(answers_too_large, "requests refused with 503: more than one answer may have")               \
    X(reports_cut, "reports without all of their stacks: more than one answer may have")           \
    X(passwords_capped, "requests refused with 429 or 503: too many passwords to check")           \
    X(tls_failed, "connections whose TLS handshake failed")                                        \
    X(accept_failed, "connections closed at once: no descriptors or memory")                       \
    X(config_refused, "web configurations that were refused; the one before stays")

enum webloss {
#define X(name, text) WEBLOSS_##name,
    WEBLOSS_LIST(X)
#undef X
        WEBLOSS_MAX
};

/* Counts since the start, by enum webloss. */
struct weblosses {
    uint64_t count[WEBLOSS_MAX];
};

const char *webloss_name(enum webloss loss);
