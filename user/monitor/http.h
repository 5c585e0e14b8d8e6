/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server: which paths there are, what a client accepts, how an answer looks. What the
 * pages say comes from a callback. The only module that knows libmicrohttpd. What may come in is
 * gate.h's.
 *
 * It has no thread: it is driven from the caller's loop, as in
 *
 *     poll on http_fd() for POLLIN, for at most http_timeout_ms()
 *     http_run()
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "monitor/host.h"
#include "monitor/weblosses.h"
#include "tls.h"
#include "webconfig.h"

#define HTTP_WHY_MAX 512

struct http;

/* What the callback is to write. */
enum http_page {
    HTTP_PAGE_METRICS,     /* Prometheus' text format 0.0.4 */
    HTTP_PAGE_OPENMETRICS, /* OpenMetrics 1.0 */
    HTTP_PAGE_REPORT,      /* JSON */
    HTTP_PAGE_HISTORY,     /* JSON, as history_json.h has it */
    HTTP_PAGE_GOROUTINES,  /* a profile, as pprof.h and pprof_text.h have it */
    HTTP_PAGE_THREADS,     /* the same of threads */
    HTTP_PAGE_MAX
};

/* What a client asked for. */
struct http_request {
    enum http_page page;
    const char *target; /* profiles, history: ?target=, any text; NULL: not given */
    unsigned debug;     /* profiles: ?debug=; 0: profile.proto, 1 and 2: text */
    int64_t since_ms;   /* history: ?since=, since 1970; 0: not given */
};

struct http_options {
    const int *fds; /* listening sockets of http_listen(); borrowed, they stay the caller's */
    size_t n_fds;
    const struct host_names *names; /* this server's; borrowed; NULL: localhost and addresses */
    int verifier_fd;                /* who checks passwords; the server's from now on; -1: none */
    bool is_configured_later;       /* nobody is served before http_configure() */
    const char *telemetry_path;     /* borrowed; starts with '/', needs no escapes in URL or HTML */

    /* Writes a page to `out`, which takes BODY_MAX bytes (body.h) and fails beyond. 0, or -errno:
     * then the answer is 404 for -ENOENT, which says that there is no such target, and else 500. Of
     * what did not fit it is 503. */
    int (*render)(void *context, const struct http_request *request, FILE *out);
    /* True once there is something to tell: what /-/ready answers by. */
    bool (*ready)(void *context);
    void *context;
};

/* Opens a listening socket on an address as address_parse() takes them. It needs what a name
 * service and a low port may need, so call it before privileges go. On failure ret_why gets one
 * line for people; -EINVAL: not an address; -EADDRINUSE; -ENXIO: no such host; or another -errno.
 */
int http_listen(const char *address, int *ret_fd, char ret_why[static HTTP_WHY_MAX]);

/* True if other machines can connect to one of these listening sockets. */
bool http_is_exposed(const int *fds, size_t n);

/* Starts to serve. -EIO: libmicrohttpd or GnuTLS refused; or -errno. */
int http_new(const struct http_options *options, struct http **ret_http);

/* Ends all connections and frees the server. NULL-safe. */
void http_free(struct http **http);

/* Serves by a web configuration from now on; `config` and `tls`, NULL: no TLS, are the server's. */
int http_configure(struct http *http, struct webconfig *config, struct tls *tls);

/* Another verifier in the place of one that ended; the descriptor is the server's from now on. */
int http_replace_verifier(struct http *http, int fd);

/* What was lost so far; the caller may add to it. */
struct weblosses *http_losses(struct http *http);

/* Readable when http_run() has work. */
int http_fd(const struct http *http);

/* When http_run() wants to be called at the latest, for poll(): milliseconds, or -1 for no limit.
 */
int http_timeout_ms(const struct http *http);

/* Does what can be done without waiting: accepts, reads, answers, times out. */
void http_run(struct http *http);
