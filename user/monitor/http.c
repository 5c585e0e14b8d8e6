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
#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "address.h"
#include "cleanup.h"
#include "monitor/accept.h"
#include "monitor/gzip.h"

#define CONNECTION_TIMEOUT_S 10
#define CONNECTION_MEMORY    (32 * 1024) /* bounds the request's head: more is answered 431 or 413 */
#define LISTEN_BACKLOG       128

#define TYPE_TEXT "text/plain; charset=utf-8"
#define TYPE_HTML "text/html; charset=utf-8"

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
    char *body; /* owned; malloc()ed */
    size_t size;
    bool gzip;
    bool is_negotiated; /* the headers of the request had a say in it */
};

/* Where a path leads. */
enum route { ROUTE_METRICS, ROUTE_REPORT, ROUTE_HEALTHY, ROUTE_READY, ROUTE_LANDING, ROUTE_NONE };

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

static int fill_landing(const struct http *http, struct answer *answer)
{
    static const char page[] = "<!DOCTYPE html>\n"
                               "<html lang=\"en\">\n"
                               "<head><meta charset=\"utf-8\"><title>parkwatch</title></head>\n"
                               "<body>\n"
                               "<h1>parkwatch</h1>\n"
                               "<ul>\n"
                               "<li><a href=\"%s\">Metrics</a></li>\n"
                               "<li><a href=\"/api/v1/report\">Report as JSON</a></li>\n"
                               "<li><a href=\"/-/healthy\">Healthy</a></li>\n"
                               "<li><a href=\"/-/ready\">Ready</a></li>\n"
                               "</ul>\n"
                               "</body>\n"
                               "</html>\n";
    const int length = asprintf(&answer->body, page, http->options.telemetry_path);

    if (length < 0) {
        answer->body = NULL;
        return -ENOMEM;
    }
    answer->size = (size_t)length;
    answer->type = TYPE_HTML;
    return 0;
}

/* Has the callback write a page into memory. */
static int render(const struct http *http, enum http_page page, struct answer *answer)
{
    FILE *out = open_memstream(&answer->body, &answer->size);
    int r;

    if (!out)
        return -errno;
    r = http->options.render(http->options.context, page, out);
    if (!r && ferror(out))
        r = -ENOMEM;
    if (fclose(out) && !r)
        r = -errno;
    return r;
}

static int compress(struct answer *answer)
{
    void *packed;
    size_t size;
    const int r = gzip_compress(answer->body, answer->size, &packed, &size);

    if (r < 0)
        return r;
    free(answer->body);
    answer->body = packed;
    answer->size = size;
    answer->gzip = true;
    return 0;
}

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static int fill_page(const struct http *http, struct MHD_Connection *connection,
                     enum http_page page, struct answer *answer)
{
    static const char *const types[HTTP_PAGE_MAX] = {
        [HTTP_PAGE_METRICS] = "text/plain; version=0.0.4; charset=utf-8",
        [HTTP_PAGE_OPENMETRICS] = "application/openmetrics-text; version=1.0.0; charset=utf-8",
        [HTTP_PAGE_REPORT] = "application/json",
    };
    int r;

    answer->type = types[page];
    answer->is_negotiated = true;
    r = render(http, page, answer);
    if (r < 0)
        return r;
    if (accept_gzip(header_of(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING)))
        return compress(answer);
    return 0;
}

static int fill_metrics(const struct http *http, struct MHD_Connection *connection,
                        struct answer *answer)
{
    const bool openmetrics = accept_openmetrics(header_of(connection, MHD_HTTP_HEADER_ACCEPT));

    return fill_page(http, connection, openmetrics ? HTTP_PAGE_OPENMETRICS : HTTP_PAGE_METRICS,
                     answer);
}

/* The telemetry path comes first: who sets it to "/" has no landing page. */
static enum route find_route(const struct http *http, const char *path)
{
    static const struct {
        const char *path;
        enum route route;
    } routes[] = {
        {"/api/v1/report", ROUTE_REPORT},
        {"/-/healthy", ROUTE_HEALTHY},
        {"/-/ready", ROUTE_READY},
        {"/", ROUTE_LANDING},
    };

    if (!strcmp(path, http->options.telemetry_path))
        return ROUTE_METRICS;
    for (size_t i = 0; i < sizeof(routes) / sizeof(routes[0]); i++) {
        if (!strcmp(path, routes[i].path))
            return routes[i].route;
    }
    return ROUTE_NONE;
}

static int fill_route(const struct http *http, struct MHD_Connection *connection, const char *path,
                      struct answer *answer)
{
    switch (find_route(http, path)) {
    case ROUTE_METRICS:
        return fill_metrics(http, connection, answer);
    case ROUTE_REPORT:
        return fill_page(http, connection, HTTP_PAGE_REPORT, answer);
    case ROUTE_HEALTHY:
        return fill_status(answer, MHD_HTTP_OK, "ok\n");
    case ROUTE_READY:
        if (!http->options.ready(http->options.context))
            return fill_status(answer, MHD_HTTP_SERVICE_UNAVAILABLE, "first scan not ended yet\n");
        return fill_status(answer, MHD_HTTP_OK, "ready\n");
    case ROUTE_LANDING:
        return fill_landing(http, answer);
    case ROUTE_NONE:
        break;
    }
    return fill_status(answer, MHD_HTTP_NOT_FOUND, "not found\n");
}

static bool add_headers(struct MHD_Response *response, const struct answer *answer)
{
    const struct {
        const char *name;
        const char *value;
    } headers[] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, answer->type},
        {MHD_HTTP_HEADER_CACHE_CONTROL, "no-store"},
        {"X-Content-Type-Options", "nosniff"},
        {"X-Frame-Options", "DENY"},
        {"Referrer-Policy", "no-referrer"},
        {"Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; "
                                    "frame-ancestors 'none'"},
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

    response = MHD_create_response_from_buffer(answer->size, answer->body, MHD_RESPMEM_MUST_FREE);
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

/* Binds and listens on one address; -errno. */
static int open_socket(const struct addrinfo *info, int *ret_fd)
{
    AUTO_CLOSE int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const int on = 1, off = 0;

    if (fd < 0)
        return -errno;
    /* A restart must not wait for the connections of the last run to time out. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return -errno;
    /* "::" is to take IPv4 too, as in Go's net.Listen(), whatever net.ipv6.bindv6only says. */
    if (info->ai_family == AF_INET6 &&
        setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)) < 0)
        return -errno;
    if (bind(fd, info->ai_addr, info->ai_addrlen) < 0 || listen(fd, LISTEN_BACKLOG) < 0)
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* Opens a socket on the first of the host's addresses that allows it. `*ret_reason` tells people of
 * a failure. */
static int open_host(const char *host, const char *port, int *ret_fd, const char **ret_reason)
{
    const struct addrinfo hints = {
        .ai_flags = AI_PASSIVE | AI_NUMERICSERV,
        .ai_socktype = SOCK_STREAM,
    };
    struct addrinfo *list;
    int error, r = -ENXIO;

    error = getaddrinfo(host, port, &hints, &list);
    if (error) {
        *ret_reason = gai_strerror(error);
        return -ENXIO;
    }
    for (const struct addrinfo *info = list; info && r < 0; info = info->ai_next)
        r = open_socket(info, ret_fd);
    freeaddrinfo(list);
    if (r < 0)
        *ret_reason = strerror(-r);
    return r;
}

int http_listen(const char *address, int *ret_fd, char ret_why[static HTTP_WHY_MAX])
{
    const char *reason = "not an address";
    struct address parts;
    int r;

    r = address_parse(address, &parts);
    if (!r && parts.host[0]) {
        r = open_host(parts.host, parts.port, ret_fd, &reason);
    } else if (!r) {
        r = open_host("::", parts.port, ret_fd, &reason);
        /* IPv6 is not built in, or switched off by net.ipv6.conf.all.disable_ipv6. */
        if (r == -EAFNOSUPPORT || r == -EADDRNOTAVAIL)
            r = open_host("0.0.0.0", parts.port, ret_fd, &reason);
    }
    if (r < 0)
        snprintf(ret_why, HTTP_WHY_MAX, "cannot listen on %s: %s%s", address, reason,
                 r == -EADDRINUSE ? "; choose another with --web.listen-address" : "");
    return r;
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
