/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server, on libmicrohttpd's epoll mode without a thread (0.9.75 and 1.0): it has a
 * descriptor of its own that becomes readable, and MHD_run() then does one round. One daemon for
 * each listening socket, all in one epoll set.
 */
#include "monitor/http.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

#include <microhttpd.h>

#include "cleanup.h"
#include "monitor/accept.h"
#include "monitor/assets.h"
#include "monitor/gzip.h"
#include "monitor/query.h"

#define CONNECTION_TIMEOUT_S 10
#define CONNECTION_MEMORY    (32 * 1024) /* bounds the request's head: more is answered 431 or 413 */

#define TYPE_TEXT "text/plain; charset=utf-8"

/* Nothing of another origin, nothing inline; data: images are what charts draw on. */
#define POLICY_PAGE                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "img-src 'self' data:; " POLICY_NONE
#define POLICY_NONE "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct http {
    struct http_options options; /* but its fds */
    int epoll_fd;
    bool has_closed; /* a connection, in the last http_run() */
    size_t n_daemons;
    struct MHD_Daemon *daemons[];
};

/* One answer on its way. */
struct answer {
    unsigned int status;
    const char *type;
    char *body;        /* owned; malloc()ed */
    const char *asset; /* instead of a body: bytes that stay */
    size_t size;
    char etag[ASSET_ETAG_SIZE]; /* of an asset */
    bool gzip;
    bool is_negotiated;      /* the headers of the request had a say in it */
    const char *disposition; /* Content-Disposition, or NULL */
};

/* Where a path leads. */
enum route {
    ROUTE_METRICS,
    ROUTE_REPORT,
    ROUTE_GOROUTINES,
    ROUTE_THREADS,
    ROUTE_HEALTHY,
    ROUTE_READY,
    ROUTE_HISTORY,
    ROUTE_ASSET
};

static void answer_clean(struct answer *answer)
{
    free(answer->body);
}

static int fill(struct answer *answer, const char *text)
{
    answer->body = strdup(text);
    if (!answer->body)
        return -ENOMEM;
    answer->size = strlen(text);
    return 0;
}

/* A short answer without anything of the request in it. */
static int fill_status(struct answer *answer, unsigned int status, const char *text)
{
    answer->status = status;
    answer->type = TYPE_TEXT;
    return fill(answer, text);
}

static int open_body(struct answer *answer, FILE **ret_out)
{
    if (answer->gzip)
        return gzip_open(&answer->body, &answer->size, ret_out);
    *ret_out = open_memstream(&answer->body, &answer->size);
    return *ret_out ? 0 : -errno;
}

/* Has the callback write a page into memory. */
static int render(const struct http *http, const struct http_request *request,
                  struct answer *answer)
{
    FILE *out;
    int r;

    r = open_body(answer, &out);
    if (r < 0)
        return r;
    r = http->options.render(http->options.context, request, out);
    if (!r && ferror(out))
        r = -ENOMEM;
    if (fclose(out) && !r)
        r = -ENOMEM;
    return r;
}

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static int fill_page(const struct http *http, struct MHD_Connection *connection,
                     const struct http_request *request, struct answer *answer)
{
    static const char *const types[HTTP_PAGE_MAX] = {
        [HTTP_PAGE_METRICS] = "text/plain; version=0.0.4; charset=utf-8",
        [HTTP_PAGE_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
        [HTTP_PAGE_REPORT] = "application/json",
        [HTTP_PAGE_HISTORY] = "application/json",
    };

    answer->type = types[request->page];
    answer->is_negotiated = true;
    answer->gzip = accept_gzip(header_of(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING));
    return render(http, request, answer);
}

static int fill_metrics(const struct http *http, struct MHD_Connection *connection,
                        struct answer *answer)
{
    const bool openmetrics = accept_openmetrics(header_of(connection, MHD_HTTP_HEADER_ACCEPT));
    const struct http_request request = {
        .page = openmetrics ? HTTP_PAGE_OPENMETRICS : HTTP_PAGE_METRICS,
    };

    return fill_page(http, connection, &request, answer);
}

static int fill_report(const struct http *http, struct MHD_Connection *connection,
                       struct answer *answer)
{
    return fill_page(http, connection, &(struct http_request){.page = HTTP_PAGE_REPORT}, answer);
}

static const char *argument_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

/* What a client asked for by a name that there is not. */
static int fill_unknown_target(struct answer *answer)
{
    answer_clean(answer);
    *answer = (struct answer){0};
    return fill_status(answer, MHD_HTTP_NOT_FOUND, "no such target\n");
}

static int fill_history(const struct http *http, struct MHD_Connection *connection,
                        struct answer *answer)
{
    struct http_request request = {
        .page = HTTP_PAGE_HISTORY,
        .target = argument_of(connection, "target"),
    };
    int r;

    if (query_since(argument_of(connection, "since"), &request.since_ms) < 0)
        return fill_status(answer, MHD_HTTP_BAD_REQUEST, "since is seconds since 1970\n");
    r = fill_page(http, connection, &request, answer);
    return r == -ENOENT ? fill_unknown_target(answer) : r;
}

/* A profile, in the types that Go's net/http/pprof answers with. */
static int fill_profile(const struct http *http, struct MHD_Connection *connection,
                        enum http_page page, struct answer *answer)
{
    struct http_request request = {.page = page, .target = argument_of(connection, "target")};
    int r;

    if (query_debug(argument_of(connection, "debug"), &request.debug) < 0)
        return fill_status(answer, MHD_HTTP_BAD_REQUEST, "debug is 0, 1 or 2\n");
    answer->type = request.debug ? TYPE_TEXT : "application/octet-stream";
    if (!request.debug)
        answer->disposition = page == HTTP_PAGE_THREADS ? "attachment; filename=\"threads\""
                                                        : "attachment; filename=\"goroutine\"";
    r = render(http, &request, answer);
    return r == -ENOENT ? fill_unknown_target(answer) : r;
}

/* Whether the client has these very bytes: its If-None-Match lists the tag, or "*". */
static bool is_known(struct MHD_Connection *connection, const char *etag)
{
    const char *known = header_of(connection, MHD_HTTP_HEADER_IF_NONE_MATCH);

    return known && (!strcmp(known, "*") || strstr(known, etag));
}

/* A file of the built-in page. */
static int fill_asset(struct MHD_Connection *connection, const char *path, struct answer *answer)
{
    const struct asset *asset = asset_find(path);

    if (!asset)
        return fill_status(answer, MHD_HTTP_NOT_FOUND, "not found\n");
    answer->type = asset_type(asset);
    answer->gzip = accept_gzip(header_of(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING));
    answer->is_negotiated = true;
    asset_etag(asset, answer->gzip, answer->etag);
    answer->asset = answer->gzip ? asset->packed : asset->bytes;
    /* Not modified: no body, of which libmicrohttpd takes care, but the length it would have. */
    answer->size = (size_t)((answer->gzip ? asset->packed_end : asset->end) - answer->asset);
    if (is_known(connection, answer->etag))
        answer->status = MHD_HTTP_NOT_MODIFIED;
    return 0;
}

/* The telemetry path comes first: who sets it to "/" has no page. */
static enum route find_route(const struct http *http, const char *path)
{
    static const struct {
        const char *path;
        enum route route;
    } routes[] = {
        {"/api/v1/report", ROUTE_REPORT},
        {"/api/v1/history", ROUTE_HISTORY},
        {"/debug/pprof/goroutine", ROUTE_GOROUTINES},
        {"/debug/pprof/threads", ROUTE_THREADS},
        {"/-/healthy", ROUTE_HEALTHY},
        {"/-/ready", ROUTE_READY},
    };

    if (!strcmp(path, http->options.telemetry_path))
        return ROUTE_METRICS;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!strcmp(path, routes[i].path))
            return routes[i].route;
    }
    return ROUTE_ASSET;
}

static int fill_route(const struct http *http, struct MHD_Connection *connection, const char *path,
                      struct answer *answer)
{
    switch (find_route(http, path)) {
    case ROUTE_METRICS:
        return fill_metrics(http, connection, answer);
    case ROUTE_REPORT:
        return fill_report(http, connection, answer);
    case ROUTE_HISTORY:
        return fill_history(http, connection, answer);
    case ROUTE_GOROUTINES:
        return fill_profile(http, connection, HTTP_PAGE_GOROUTINES, answer);
    case ROUTE_THREADS:
        return fill_profile(http, connection, HTTP_PAGE_THREADS, answer);
    case ROUTE_HEALTHY:
        return fill_status(answer, MHD_HTTP_OK, "ok\n");
    case ROUTE_READY:
        if (!http->options.ready(http->options.context))
            return fill_status(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "first scan not ended yet\n");
        return fill_status(answer, MHD_HTTP_OK, "ready\n");
    case ROUTE_ASSET:
        break;
    }
    return fill_asset(connection, path, answer);
}

static bool add_headers(struct MHD_Response *response, const struct answer *answer)
{
    const struct {
        const char *name;
        const char *value;
    } headers[] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, answer->type},
        {MHD_HTTP_HEADER_CACHE_CONTROL, answer->asset ? "no-cache" : "no-store"},
        {MHD_HTTP_HEADER_ETAG, answer->asset ? answer->etag : NULL},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Content-Security-Policy",
         answer->asset ? POLICY_PAGE : "default-src 'none'; " POLICY_NONE},
        {MHD_HTTP_HEADER_CONTENT_DISPOSITION, answer->disposition},
        {MHD_HTTP_HEADER_CONTENT_ENCODING, answer->gzip ? "gzip" : NULL},
        {MHD_HTTP_HEADER_VARY, answer->is_negotiated ? "Accept, Accept-Encoding" : NULL},
        {MHD_HTTP_HEADER_ALLOW, answer->status == MHD_HTTP_METHOD_NOT_ALLOWED ? "GET, HEAD" : NULL},
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (headers[i].value &&
            MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
            return false;
    }
    return true;
}

/* Hands the answer over; of its body only the length where the method is HEAD, which libmicrohttpd
 * sees to. MHD_NO closes the connection. */
static enum MHD_Result send_answer(struct MHD_Connection *connection, struct answer *answer)
{
    struct MHD_Response *response;
    enum MHD_Result result = MHD_NO;

    if (answer->asset)
        response = MHD_create_response_from_buffer(answer->size, (void *)answer->asset,
                                                   MHD_RESPMEM_PERSISTENT);
    else
        response =
            MHD_create_response_from_buffer(answer->size, answer->body, MHD_RESPMEM_MUST_FREE);
    if (!response)
        return MHD_NO;
    answer->body = NULL; /* the response's now */
    if (add_headers(response, answer))
        result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Called by libmicrohttpd when a request's head is complete, for each part of its body, and once
 * more at its end; *request is NULL in the first call. */
static enum MHD_Result take_request(void *context, struct MHD_Connection *connection,
                                    const char *path, const char *method, const char *version,
                                    const char *body, size_t *body_size, void **request)
{
    const bool is_allowed =
        !strcmp(method, MHD_HTTP_METHOD_GET) || !strcmp(method, MHD_HTTP_METHOD_HEAD);
    struct answer answer CLEANUP(answer_clean) = {.status = MHD_HTTP_OK};
    struct http *http = context;
    int r;

    (void)version;
    (void)body;
    /* Answered at once, so that the body of a POST is not read. */
    if (!is_allowed) {
        r = fill_status(&answer, MHD_HTTP_METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        return r < 0 ? MHD_NO : send_answer(connection, &answer);
    }
    if (!*request || *body_size) {
        *request = http;
        *body_size = 0;
        return MHD_YES;
    }

    r = fill_route(http, connection, path, &answer);
    if (r < 0) {
        answer_clean(&answer);
        answer = (struct answer){0};
        r = fill_status(&answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal error\n");
    }
    return r < 0 ? MHD_NO : send_answer(connection, &answer);
}

static void note_close(void *context, struct MHD_Connection *connection, void **socket_context,
                       enum MHD_ConnectionNotificationCode code)
{
    struct http *http = context;

    (void)connection;
    (void)socket_context;
    if (code == MHD_CONNECTION_NOTIFY_CLOSED)
        http->has_closed = true;
}

/* Starts a daemon on a duplicate of the socket, which is then the daemon's. */
static int start_daemon(struct http *http, int fd)
{
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_CONNECTION_LIMIT, HTTP_CONNECTIONS_MAX, NULL},
        {MHD_OPTION_CONNECTION_TIMEOUT, CONNECTION_TIMEOUT_S, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    struct epoll_event event = {.events = EPOLLIN};
    const union MHD_DaemonInfo *info;
    struct MHD_Daemon *daemon;
    AUTO_CLOSE int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);

    if (own_fd < 0)
        return -errno;
    daemon = MHD_start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, take_request, http,
                              MHD_OPTION_LISTEN_SOCKET, own_fd, MHD_OPTION_NOTIFY_CONNECTION,
                              note_close, http, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    /* Libmicrohttpd's now. Most of its failures close it too: a second close could hit another. */
    own_fd = -1;
    if (!daemon)
        return -EIO;
    http->daemons[http->n_daemons++] = daemon;

    info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return -EIO;
    if (epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, info->epoll_fd, &event) < 0)
        return -errno;
    return 0;
}

int http_new(const struct http_options *options, struct http **ret_http)
{
    struct http *http CLEANUP(http_free) = NULL;
    int r;

    http = calloc(1, sizeof(*http) + options->n_fds * sizeof(http->daemons[0]));
    if (!http)
        return -ENOMEM;
    http->options = *options;
    http->options.fds = NULL;
    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (http->epoll_fd < 0)
        return -errno;
    for (size_t i = 0; i < options->n_fds; i++) {
        r = start_daemon(http, options->fds[i]);
        if (r < 0)
            return r;
    }
    *ret_http = TAKE_PTR(http);
    return 0;
}

void http_free(struct http **http)
{
    if (!*http)
        return;
    for (size_t i = 0; i < (*http)->n_daemons; i++)
        MHD_stop_daemon((*http)->daemons[i]);
    cleanup_close(&(*http)->epoll_fd);
    free(*http);
    *http = NULL;
}

int http_fd(const struct http *http)
{
    return http->epoll_fd;
}

int http_timeout_ms(const struct http *http)
{
    unsigned long long least = ULLONG_MAX;

    /* At its limit of connections a daemon takes the listening socket out of its epoll set, and
     * puts it back when a round starts with less of them (MHD_epoll()). Nothing else would wake it.
     */
    if (http->has_closed)
        return 0;
    for (size_t i = 0; i < http->n_daemons; i++) {
        unsigned long long timeout;

        if (MHD_get_timeout(http->daemons[i], &timeout) == MHD_YES && timeout < least)
            least = timeout;
    }
    if (least == ULLONG_MAX)
        return -1;
    return least < INT_MAX ? (int)least : INT_MAX;
}

void http_run(struct http *http)
{
    http->has_closed = false;
    /* It fails only for daemons with threads of their own. */
    for (size_t i = 0; i < http->n_daemons; i++)
        MHD_run(http->daemons[i]);
}
