/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP server, on libmicrohttpd's epoll mode without a thread (0.9.75 and 1.0): it has a
 * descriptor of its own that becomes readable, and MHD_run() then does one round. It listens to
 * nothing: the gate gives it one request after another, each on a socket of its own.
 */
#include "monitor/http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <microhttpd.h>

#include "cleanup.h"
#include "clock.h"
#include "monitor/accept.h"
#include "monitor/assets.h"
#include "monitor/body.h"
#include "monitor/gate.h"
#include "monitor/query.h"
#include "monitor/strict.h"

#define CONNECTION_MEMORY (32 * 1024) /* the gate passes heads of HEAD_MAX bytes at most */

#define TYPE_TEXT "text/plain; charset=utf-8"

/* Nothing of another origin, nothing inline; data: images are what charts draw on. */
#define POLICY_PAGE                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

struct http {
    struct http_options options; /* but its descriptors */
    int epoll_fd;
    struct gate *gate;
    struct MHD_Daemon *daemon;
    size_t pool; /* bytes that bodies may still take */
};

/* One answer on its way. */
struct answer {
    unsigned int status;
    const char *type;
    struct body *body; /* owned; or */
    const char *text;  /* a literal; or */
    const char *asset; /* bytes that stay, `size` of them */
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
    body_free(&answer->body);
}

/* A short answer, in place of whatever was to be, without anything of the request in it. */
static int fill_status(struct answer *answer, unsigned int status, const char *text)
{
    answer_clean(answer);
    *answer =
        (struct answer){.status = status, .type = TYPE_TEXT, .text = text, .size = strlen(text)};
    return 0;
}

/* Has the callback write a page into memory. */
static int render(struct http *http, const struct http_request *request, struct answer *answer)
{
    FILE *out;
    int r, closed;

    answer->body = body_new(&http->pool);
    if (!answer->body)
        return -ENOMEM;
    r = body_open(answer->body, answer->gzip, &out);
    if (r)
        return r;
    r = http->options.render(http->options.context, request, out);
    closed = body_close(answer->body, out);
    answer->size = answer->body->size;
    /* What the callback says of a stream that failed is less than what is known of it here. */
    return closed == -EFBIG || !r ? closed : r;
}

static const char *header_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

static int fill_page(struct http *http, struct MHD_Connection *connection,
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

static int fill_metrics(struct http *http, struct MHD_Connection *connection, struct answer *answer)
{
    const bool openmetrics = accept_openmetrics(header_of(connection, MHD_HTTP_HEADER_ACCEPT));
    const struct http_request request = {
        .page = openmetrics ? HTTP_PAGE_OPENMETRICS : HTTP_PAGE_METRICS,
    };

    return fill_page(http, connection, &request, answer);
}

static int fill_report(struct http *http, struct MHD_Connection *connection, struct answer *answer)
{
    return fill_page(http, connection, &(struct http_request){.page = HTTP_PAGE_REPORT}, answer);
}

static const char *argument_of(struct MHD_Connection *connection, const char *name)
{
    return MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, name);
}

static int fill_history(struct http *http, struct MHD_Connection *connection, struct answer *answer)
{
    struct http_request request = {
        .page = HTTP_PAGE_HISTORY,
        .target = argument_of(connection, "target"),
    };

    if (query_since(argument_of(connection, "since"), &request.since_ms) < 0)
        return fill_status(answer, MHD_HTTP_BAD_REQUEST, "since is seconds since 1970\n");
    return fill_page(http, connection, &request, answer);
}

/* A profile, in the types that Go's net/http/pprof answers with. */
static int fill_profile(struct http *http, struct MHD_Connection *connection, enum http_page page,
                        struct answer *answer)
{
    struct http_request request = {.page = page, .target = argument_of(connection, "target")};

    if (query_debug(argument_of(connection, "debug"), &request.debug) < 0)
        return fill_status(answer, MHD_HTTP_BAD_REQUEST, "debug is 0, 1 or 2\n");
    answer->type = request.debug ? TYPE_TEXT : "application/octet-stream";
    if (!request.debug)
        answer->disposition = page == HTTP_PAGE_THREADS ? "attachment; filename=\"threads\""
                                                        : "attachment; filename=\"goroutine\"";
    return render(http, &request, answer);
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

static int fill_route(struct http *http, struct MHD_Connection *connection, const char *path,
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

/* The web configuration's value goes before ours, and the answer's own before the common one. */
static bool add_strict_headers(const struct http *http, struct MHD_Response *response)
{
    const struct webconfig *config = gate_config(http->gate);

    for (size_t i = 0; i < STRICT_HEADERS; i++)
        if (!webconfig_header(config, strict_headers[i].name) &&
            !MHD_get_response_header(response, strict_headers[i].name) &&
            MHD_add_response_header(response, strict_headers[i].name, strict_headers[i].value) !=
                MHD_YES)
            return false;
    for (size_t i = 0; config && i < config->n_headers; i++)
        if (MHD_add_response_header(response, config->headers[i].name, config->headers[i].value) !=
            MHD_YES)
            return false;
    return true;
}

static bool add_headers(const struct http *http, struct MHD_Response *response,
                        const struct answer *answer)
{
    const struct {
        const char *name;
        const char *value;
    } headers[] = {
        {MHD_HTTP_HEADER_CONTENT_TYPE, answer->type},
        {MHD_HTTP_HEADER_CACHE_CONTROL, answer->asset ? "no-cache" : NULL},
        {MHD_HTTP_HEADER_ETAG, answer->asset ? answer->etag : NULL},
        {"Content-Security-Policy", answer->asset ? POLICY_PAGE : NULL},
        {MHD_HTTP_HEADER_CONTENT_DISPOSITION, answer->disposition},
        {MHD_HTTP_HEADER_CONTENT_ENCODING, answer->gzip ? "gzip" : NULL},
        {MHD_HTTP_HEADER_VARY, answer->is_negotiated ? "Accept, Accept-Encoding" : NULL},
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        if (headers[i].value && !webconfig_header(gate_config(http->gate), headers[i].name) &&
            MHD_add_response_header(response, headers[i].name, headers[i].value) != MHD_YES)
            return false;
    }
    return add_strict_headers(http, response);
}

/* Called by libmicrohttpd when the response is of no more use. */
static void end_body(void *context)
{
    struct body *body = context;

    body_free(&body);
}

/* The response owns the body. */
static struct MHD_Response *make_response(struct answer *answer)
{
    const char *bytes = answer->asset ? answer->asset : answer->text;
    struct MHD_Response *response;

    if (!answer->body)
        return MHD_create_response_from_buffer(answer->size, (void *)bytes, MHD_RESPMEM_PERSISTENT);
    response = MHD_create_response_from_buffer_with_free_callback_cls(
        answer->size, answer->body->bytes, end_body, answer->body);
    if (response)
        answer->body = NULL;
    return response;
}

/* Hands the answer over; of its body only the length where the method is HEAD, which libmicrohttpd
 * sees to. MHD_NO closes the connection. */
static enum MHD_Result send_answer(const struct http *http, struct MHD_Connection *connection,
                                   struct answer *answer)
{
    struct MHD_Response *response = make_response(answer);
    enum MHD_Result result = MHD_NO;

    if (!response)
        return MHD_NO;
    if (add_headers(http, response, answer))
        result = MHD_queue_response(connection, answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* What there is instead of an answer that failed. */
static int fill_failure(struct http *http, int error, struct answer *answer)
{
    switch (error) {
    case -ENOENT:
        return fill_status(answer, MHD_HTTP_NOT_FOUND, "no such target\n");
    case -EFBIG:
        http_losses(http)->count[WEBLOSS_answers_too_large]++;
        return fill_status(answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                           "too large: choose one with ?target=, leave ?debug= out, or have fewer "
                           "series with --max-stacks\n");
    case -ENOSPC:
        http_losses(http)->count[WEBLOSS_answers_capped]++;
        return fill_status(answer, MHD_HTTP_SERVICE_UNAVAILABLE,
                           "too much is being sent: try again later\n");
    default:
        return fill_status(answer, MHD_HTTP_INTERNAL_SERVER_ERROR, "internal error\n");
    }
}

/* Called by libmicrohttpd when a request's head is complete, for each part of its body, and once
 * more at its end; *request is NULL in the first call. */
static enum MHD_Result take_request(void *context, struct MHD_Connection *connection,
                                    const char *path, const char *method, const char *version,
                                    const char *body, size_t *body_size, void **request)
{
    struct answer answer CLEANUP(answer_clean) = {.status = MHD_HTTP_OK};
    struct http *http = context;
    int r;

    (void)method;
    (void)version;
    (void)body;
    if (!*request || *body_size) {
        *request = http;
        *body_size = 0;
        return MHD_YES;
    }

    r = fill_route(http, connection, path, &answer);
    if (r < 0)
        fill_failure(http, r, &answer);
    return send_answer(http, connection, &answer);
}

/* Called by the gate. */
static int serve(void *context, int fd)
{
    const struct http *http = context;
    struct sockaddr_un nobody = {.sun_family = AF_UNIX};

    /* Owns the descriptor, also when it fails. */
    if (MHD_add_connection(http->daemon, fd, (struct sockaddr *)&nobody, sizeof(nobody)) != MHD_YES)
        return -EIO;
    return 0;
}

static int watch(struct http *http, int fd)
{
    struct epoll_event event = {.events = EPOLLIN};

    return epoll_ctl(http->epoll_fd, EPOLL_CTL_ADD, fd, &event) ? -errno : 0;
}

static int start_daemon(struct http *http)
{
    const struct MHD_OptionItem options[] = {
        {MHD_OPTION_CONNECTION_LIMIT, GATE_ANSWERS_MAX, NULL},
        {MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    const union MHD_DaemonInfo *info;

    http->daemon = MHD_start_daemon(MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET, 0, NULL, NULL,
                                    take_request, http, MHD_OPTION_ARRAY, options, MHD_OPTION_END);
    if (!http->daemon)
        return -EIO;
    info = MHD_get_daemon_info(http->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    return info ? watch(http, info->epoll_fd) : -EIO;
}

static int start_gate(struct http *http, const struct http_options *options)
{
    const struct gate_options gate = {
        .fds = options->fds,
        .n_fds = options->n_fds,
        .names = options->names,
        .verifier_fd = options->verifier_fd,
        .serve = serve,
        .context = http,
    };
    int r;

    r = gate_new(&gate, &http->gate);
    if (!r)
        r = watch(http, gate_fd(http->gate));
    if (!r && !options->is_configured_later)
        r = gate_configure(http->gate, NULL, NULL);
    return r;
}

int http_new(const struct http_options *options, struct http **ret_http)
{
    struct http *http CLEANUP(http_free) = calloc(1, sizeof(*http));
    int r;

    if (!http)
        return -ENOMEM;
    http->options = *options;
    http->pool = BODY_POOL;
    http->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (http->epoll_fd < 0)
        return -errno;
    r = start_daemon(http);
    if (!r)
        r = start_gate(http, options);
    if (r)
        return r;
    *ret_http = TAKE_PTR(http);
    return 0;
}

void http_free(struct http **http)
{
    if (!*http)
        return;
    gate_free(&(*http)->gate);
    if ((*http)->daemon)
        MHD_stop_daemon((*http)->daemon);
    cleanup_close(&(*http)->epoll_fd);
    free(*http);
    *http = NULL;
}

int http_configure(struct http *http, struct webconfig *config, struct tls *tls)
{
    return gate_configure(http->gate, config, tls);
}

int http_replace_verifier(struct http *http, int fd)
{
    return gate_replace_verifier(http->gate, fd);
}

struct weblosses *http_losses(struct http *http)
{
    return gate_losses(http->gate);
}

int http_fd(const struct http *http)
{
    return http->epoll_fd;
}

/* What libmicrohttpd has to do shows on its descriptor; nothing of it waits for a time. */
int http_timeout_ms(const struct http *http)
{
    const uint64_t due_ns = gate_due_ns(http->gate), now_ns = clock_now();
    unsigned long long unused;

    if (MHD_get_timeout(http->daemon, &unused) == MHD_YES)
        return 0;
    if (due_ns == UINT64_MAX)
        return -1;
    return due_ns <= now_ns ? 0 : (int)((due_ns - now_ns) / 1000000 + 1);
}

void http_run(struct http *http)
{
    gate_run(http->gate, clock_now());
    MHD_run(http->daemon);
}
