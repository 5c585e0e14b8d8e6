/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of user/monitor/http.c and gzip.c: a server and its clients in one loop, on loopback.
 */
#include "monitor/http.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "monitor/body.h"
#include "monitor/clients.h"

#define DEADLINE_MS  30000
#define QUIET_MS     50 /* long enough for a loop on loopback to show what it would not do */
#define RECEIVED_MAX (8 * 1024 * 1024)
#define BIG_LINES    200000

struct fixture {
    struct http *http;
    int fd;
    struct sockaddr_in address;
    bool ready;
    int render_error;
    char asked[64]; /* of the last profile or history */
    size_t n_lines; /* of the page of metrics */
};

/* A client, and what it got so far. */
struct visitor {
    int fd;
    char *text; /* NUL-terminated */
    size_t size;
    bool closed;
};

static int render(void *context, const struct http_request *request, FILE *out)
{
    static const char *const lines[HTTP_PAGE_MAX] = {
        [HTTP_PAGE_METRICS] = "parkwatch_parked 1\n",
        [HTTP_PAGE_OPENMETRICS] = "# EOF\n",
        [HTTP_PAGE_REPORT] = "{}\n",
        [HTTP_PAGE_HISTORY] = "{\"targets\":[]}\n",
        [HTTP_PAGE_GOROUTINES] = "goroutines\n",
        [HTTP_PAGE_THREADS] = "threads\n",
    };
    struct fixture *fixture = context;
    const size_t n = request->page == HTTP_PAGE_METRICS ? fixture->n_lines : 1;

    snprintf(fixture->asked, sizeof(fixture->asked), "%s %u",
             request->target ? request->target : "all", request->debug);
    if (request->page == HTTP_PAGE_HISTORY)
        snprintf(fixture->asked, sizeof(fixture->asked), "%s %" PRId64,
                 request->target ? request->target : "all", request->since_ms);
    for (size_t i = 0; i < n; i++)
        fputs(lines[request->page], out);
    return fixture->render_error;
}

static bool ready(void *context)
{
    return ((struct fixture *)context)->ready;
}

static int set_up_at(void **state, const char *telemetry_path)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    socklen_t length = sizeof(fixture->address);
    char why[HTTP_WHY_MAX];
    struct http_options options = {
        .fds = &fixture->fd,
        .n_fds = 1,
        .telemetry_path = telemetry_path,
        .render = render,
        .ready = ready,
        .verifier_fd = -1,
        .context = fixture,
    };

    fixture->n_lines = 1;
    if (http_listen("127.0.0.1:0", &fixture->fd, why) < 0 ||
        getsockname(fixture->fd, (struct sockaddr *)&fixture->address, &length) < 0 ||
        http_new(&options, &fixture->http) < 0)
        return -1;
    *state = fixture;
    return 0;
}

static int set_up(void **state)
{
    return set_up_at(state, "/metrics");
}

static int set_up_at_root(void **state)
{
    return set_up_at(state, "/");
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    http_free(&fixture->http);
    close(fixture->fd);
    free(fixture);
    return 0;
}

static int64_t now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static struct visitor client_open(const struct fixture *fixture)
{
    struct visitor client = {.text = calloc(1, RECEIVED_MAX)};

    assert_non_null(client.text);
    client.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(
        connect(client.fd, (const struct sockaddr *)&fixture->address, sizeof(fixture->address)),
        0);
    return client;
}

static void client_close(struct visitor *client)
{
    close(client->fd);
    free(client->text);
}

static void client_send(struct visitor *client, const char *text)
{
    const size_t length = strlen(text);

    assert_int_equal(send(client->fd, text, length, MSG_NOSIGNAL), length);
}

static void client_receive(struct visitor *client)
{
    const ssize_t n = recv(client->fd, client->text + client->size, RECEIVED_MAX - 1 - client->size,
                           MSG_DONTWAIT);

    if (n > 0)
        client->size += (size_t)n;
    else if (!n || (errno != EAGAIN && errno != EINTR))
        client->closed = true;
}

/* One round of the loop, as the monitor would make it; waits until `until_ms` at most. */
static void serve(struct fixture *fixture, struct visitor *client, int64_t until_ms)
{
    struct pollfd fds[2] = {
        {.fd = http_fd(fixture->http), .events = POLLIN},
        {.fd = client->closed ? -1 : client->fd, .events = POLLIN},
    };
    const int64_t left = until_ms - now_ms();
    int timeout = http_timeout_ms(fixture->http);

    if (timeout < 0 || timeout > left)
        timeout = left > 0 ? (int)left : 0;
    assert_true(poll(fds, 2, timeout) >= 0);
    http_run(fixture->http);
    if (fds[1].revents)
        client_receive(client);
}

static void serve_for(struct fixture *fixture, struct visitor *client, int64_t ms)
{
    const int64_t until = now_ms() + ms;

    while (now_ms() < until)
        serve(fixture, client, until);
}

static void serve_until_closed(struct fixture *fixture, struct visitor *client)
{
    const int64_t until = now_ms() + DEADLINE_MS;

    while (!client->closed) {
        if (now_ms() >= until)
            fail_msg("not closed, after: %.200s", client->text);
        serve(fixture, client, until);
    }
}

static void serve_until_text(struct fixture *fixture, struct visitor *client, const char *text)
{
    const int64_t until = now_ms() + DEADLINE_MS;

    while (!strstr(client->text, text)) {
        if (now_ms() >= until || client->closed)
            fail_msg("'%s' did not come, but: %.200s", text, client->text);
        serve(fixture, client, until);
    }
}

/* Makes one request on a connection of its own; `headers` end with "\r\n" each. */
static struct visitor request(struct fixture *fixture, const char *method, const char *path,
                              const char *headers)
{
    struct visitor client = client_open(fixture);
    char text[1024];

    snprintf(text, sizeof(text), "%s %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n%s\r\n",
             method, path, headers);
    client_send(&client, text);
    serve_until_closed(fixture, &client);
    return client;
}

static int status_of(const struct visitor *client)
{
    int status = 0;

    if (sscanf(client->text, "HTTP/1.1 %d ", &status) != 1)
        fail_msg("not an answer: %.100s", client->text);
    return status;
}

static const char *body_of(const struct visitor *client, size_t *ret_size)
{
    const char *end = strstr(client->text, "\r\n\r\n");

    assert_non_null(end);
    if (ret_size)
        *ret_size = client->size - (size_t)(end + 4 - client->text);
    return end + 4;
}

/* True if the head has this header. */
static bool has_header(const struct visitor *client, const char *name, const char *value)
{
    char line[256];
    const char *found;

    snprintf(line, sizeof(line), "\r\n%s: %s\r\n", name, value);
    found = strstr(client->text, line);
    return found && found < body_of(client, NULL);
}

static void expect_security_headers(const struct visitor *client)
{
    assert_true(has_header(client, "X-Content-Type-Options", "nosniff"));
    assert_true(has_header(client, "X-Frame-Options", "DENY"));
    assert_true(has_header(client, "Referrer-Policy", "no-referrer"));
    assert_non_null(strstr(client->text, "\r\nCache-Control: no-"));
    assert_non_null(strstr(client->text, "\r\nContent-Security-Policy: default-src 'none';"));
}

/* Expects an answer to "GET path". */
static void expect(struct fixture *fixture, const char *path, const char *headers, int status,
                   const char *type, const char *body)
{
    struct visitor client = request(fixture, "GET", path, headers);
    char length[32];

    assert_int_equal(status_of(&client), status);
    assert_string_equal(body_of(&client, NULL), body);
    assert_true(has_header(&client, "Content-Type", type));
    snprintf(length, sizeof(length), "%zu", strlen(body));
    assert_true(has_header(&client, "Content-Length", length));
    assert_null(strstr(client.text, "Content-Encoding"));
    assert_true(has_header(&client, "Cache-Control", "no-store"));
    assert_true(has_header(&client, "Content-Security-Policy",
                           "default-src 'none'; base-uri 'none'; form-action 'none'; "
                           "frame-ancestors 'none'"));
    expect_security_headers(&client);
    client_close(&client);
}

#define TYPE_METRICS "text/plain; version=0.0.4; charset=utf-8"
#define TYPE_TEXT    "text/plain; charset=utf-8"

static void serves_metrics(void **state)
{
    expect(*state, "/metrics", "", 200, TYPE_METRICS, "parkwatch_parked 1\n");
    expect(*state, "/metrics?x=y", "Accept: text/plain\r\n", 200, TYPE_METRICS,
           "parkwatch_parked 1\n");
    expect(*state, "/metrics", "Accept: image/png\r\n", 200, TYPE_METRICS, "parkwatch_parked 1\n");
}

static void serves_openmetrics(void **state)
{
    expect(*state, "/metrics",
           "Accept: application/openmetrics-text;version=1.0.0;q=0.5,text/plain;q=0.2\r\n", 200,
           "application/openmetrics-text; version=1.0.0; charset=utf-8", "# EOF\n");
    expect(*state, "/metrics",
           "Accept: application/openmetrics-text;version=1.0.0;q=0.1,text/plain;q=0.2\r\n", 200,
           TYPE_METRICS, "parkwatch_parked 1\n");
}

static void serves_the_report(void **state)
{
    expect(*state, "/api/v1/report", "Accept: application/openmetrics-text\r\n", 200,
           "application/json", "{}\n");
}

static void serves_profiles(void **state)
{
    static const char binary[] = "application/octet-stream";
    struct fixture *fixture = *state;
    struct visitor client;

    expect(fixture, "/debug/pprof/goroutine", "Accept-Encoding: gzip\r\n", 200, binary,
           "goroutines\n");
    assert_string_equal(fixture->asked, "all 0");
    expect(fixture, "/debug/pprof/threads?debug=1", "", 200, TYPE_TEXT, "threads\n");
    assert_string_equal(fixture->asked, "all 1");
    expect(fixture, "/debug/pprof/goroutine?target=a%3a7%2f&debug=2", "", 200, TYPE_TEXT,
           "goroutines\n");
    assert_string_equal(fixture->asked, "a:7/ 2");
    expect(fixture, "/debug/pprof/goroutine?target=&debug=0", "", 200, binary, "goroutines\n");
    assert_string_equal(fixture->asked, " 0");

    client = request(fixture, "GET", "/debug/pprof/threads", "");
    assert_true(has_header(&client, "Content-Disposition", "attachment; filename=\"threads\""));
    client_close(&client);
}

static void refuses_profiles_that_are_not_there(void **state)
{
    static const char *const levels[] = {"3", "-1", "", "1x"};
    struct fixture *fixture = *state;
    char path[64];

    for (size_t i = 0; i < sizeof(levels) / sizeof(levels[0]); i++) {
        snprintf(path, sizeof(path), "/debug/pprof/goroutine?debug=%s", levels[i]);
        expect(fixture, path, "", 400, TYPE_TEXT, "debug is 0, 1 or 2\n");
    }
    expect(fixture, "/debug/pprof/heap", "", 404, TYPE_TEXT, "not found\n");
    fixture->render_error = -ENOENT;
    expect(fixture, "/debug/pprof/goroutine?target=<b>", "", 404, TYPE_TEXT, "no such target\n");
    expect(fixture, "/debug/pprof/threads?debug=1&target=x", "", 404, TYPE_TEXT,
           "no such target\n");
    fixture->render_error = -ENOMEM;
    expect(fixture, "/debug/pprof/threads", "", 500, TYPE_TEXT, "internal error\n");
}

static void serves_probes(void **state)
{
    struct fixture *fixture = *state;

    expect(fixture, "/-/healthy", "", 200, TYPE_TEXT, "ok\n");
    expect(fixture, "/-/ready", "", 503, TYPE_TEXT, "first scan not ended yet\n");
    fixture->ready = true;
    expect(fixture, "/-/ready", "", 200, TYPE_TEXT, "ready\n");
}

static void serves_the_history(void **state)
{
    static const char *const bad[] = {"",    "x", "-1",    "1x",  "1e9",         "inf",
                                      "nan", ".", "1e999", "0x1", "999999999999"};
    struct fixture *fixture = *state;
    char path[64];

    expect(fixture, "/api/v1/history", "", 200, "application/json", "{\"targets\":[]}\n");
    assert_string_equal(fixture->asked, "all 0");
    expect(fixture, "/api/v1/history?target=a%3a7&since=1600000000.0625", "", 200,
           "application/json", "{\"targets\":[]}\n");
    assert_string_equal(fixture->asked, "a:7 1600000000063");
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        snprintf(path, sizeof(path), "/api/v1/history?since=%s", bad[i]);
        expect(fixture, path, "", 400, TYPE_TEXT, "since is seconds since 1970\n");
    }
    fixture->render_error = -ENOENT;
    expect(fixture, "/api/v1/history?target=x", "", 404, TYPE_TEXT, "no such target\n");
}

#define POLICY_PAGE                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "                \
    "img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

static void serves_the_page(void **state)
{
    struct visitor client = request(*state, "GET", "/", "");
    struct visitor same = request(*state, "GET", "/assets/index.html", "");

    assert_int_equal(status_of(&client), 200);
    assert_true(has_header(&client, "Content-Type", "text/html; charset=utf-8"));
    assert_true(has_header(&client, "Cache-Control", "no-cache"));
    assert_true(has_header(&client, "Vary", "Accept, Accept-Encoding"));
    assert_true(has_header(&client, "Content-Security-Policy", POLICY_PAGE));
    assert_non_null(strstr(client.text, "</html>"));
    expect_security_headers(&client);
    assert_string_equal(body_of(&client, NULL), body_of(&same, NULL));
    client_close(&client);
    client_close(&same);
}

/* The number that a header gives. */
static long content_length(const struct visitor *client)
{
    const char *found = strstr(client->text, "\r\nContent-Length: ");

    assert_non_null(found);
    return strtol(found + strlen("\r\nContent-Length: "), NULL, 10);
}

/* The value of the ETag header, quotes and all. */
static void etag_of(const struct visitor *client, char ret_etag[static 64])
{
    const char *found = strstr(client->text, "\r\nETag: ");

    assert_non_null(found);
    assert_int_equal(sscanf(found, "\r\nETag: %63s", ret_etag), 1);
}

static void answers_not_modified(void **state)
{
    struct visitor plain = request(*state, "GET", "/", "");
    struct visitor packed = request(*state, "GET", "/", "Accept-Encoding: gzip\r\n");
    char plain_tag[64], packed_tag[64], headers[256];
    struct visitor again;
    size_t size;

    etag_of(&plain, plain_tag);
    etag_of(&packed, packed_tag);
    assert_string_not_equal(plain_tag, packed_tag);

    snprintf(headers, sizeof(headers), "If-None-Match: \"x\", %s\r\n", plain_tag);
    again = request(*state, "GET", "/", headers);
    assert_int_equal(status_of(&again), 304);
    assert_true(has_header(&again, "ETag", plain_tag));
    assert_true(has_header(&again, "Cache-Control", "no-cache"));
    assert_int_equal(content_length(&again), content_length(&plain));
    body_of(&again, &size);
    assert_int_equal(size, 0);
    client_close(&again);

    snprintf(headers, sizeof(headers), "If-None-Match: %s\r\n", packed_tag);
    again = request(*state, "GET", "/", headers);
    assert_int_equal(status_of(&again), 200);
    client_close(&again);
    client_close(&plain);
    client_close(&packed);
}

static void serves_metrics_in_place_of_the_landing_page(void **state)
{
    expect(*state, "/", "", 200, TYPE_METRICS, "parkwatch_parked 1\n");
    expect(*state, "/metrics", "", 404, TYPE_TEXT, "not found\n");
}

static void repeats_nothing_of_a_bad_path(void **state)
{
    expect(*state, "/assets/", "", 404, TYPE_TEXT, "not found\n");
    expect(*state, "/assets/../index.html", "", 404, TYPE_TEXT, "not found\n");
    expect(*state, "/index.html", "", 404, TYPE_TEXT, "not found\n");
    expect(*state, "/<script>", "", 404, TYPE_TEXT, "not found\n");
    expect(*state, "/metrics/", "", 404, TYPE_TEXT, "not found\n");
    expect(*state, "/metrics%0a", "", 404, TYPE_TEXT, "not found\n");
    expect(*state, "//metrics", "", 404, TYPE_TEXT, "not found\n");
}

static void allows_two_methods(void **state)
{
    static const char *const methods[] = {"POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get"};

    for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
        struct visitor client = request(*state, methods[i], "/metrics", "Content-Length: 0\r\n");

        assert_int_equal(status_of(&client), 405);
        assert_true(has_header(&client, "Allow", "GET, HEAD"));
        assert_string_equal(body_of(&client, NULL), "only GET and HEAD\n");
        expect_security_headers(&client);
        client_close(&client);
    }
}

static void refuses_a_body_unread(void **state)
{
    struct fixture *fixture = *state;
    struct visitor client = client_open(fixture);

    client_send(&client,
                "POST /metrics HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n");
    serve_until_text(fixture, &client, "only GET and HEAD\n");
    serve_until_closed(fixture, &client);
    assert_int_equal(status_of(&client), 405);
    client_close(&client);
}

static void refuses_the_body_of_a_get(void **state)
{
    static const char *const headers[] = {"Content-Length: 5\r\n",
                                          "Transfer-Encoding: chunked\r\n"};

    for (size_t i = 0; i < 2; i++)
        expect(*state, "/-/healthy", headers[i], 413, TYPE_TEXT, "no bodies\n");
    expect(*state, "/-/healthy", "Content-Length: 0\r\n", 200, TYPE_TEXT, "ok\n");
}

static size_t unpack(const char *data, size_t size, char *ret_text, size_t text_size)
{
    z_stream stream = {
        .next_in = (z_const Bytef *)data,
        .avail_in = (uInt)size,
        .next_out = (Bytef *)ret_text,
        .avail_out = (uInt)text_size,
    };

    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    inflateEnd(&stream);
    return stream.total_out;
}

static void compresses(void **state)
{
    struct visitor client = request(*state, "GET", "/metrics", "Accept-Encoding: gzip\r\n");
    char text[64], length[32];
    static char page[1024 * 1024];
    struct visitor plain;
    const char *body;
    size_t size;

    assert_int_equal(status_of(&client), 200);
    assert_true(has_header(&client, "Content-Encoding", "gzip"));
    assert_true(has_header(&client, "Vary", "Accept, Accept-Encoding"));
    body = body_of(&client, &size);
    snprintf(length, sizeof(length), "%zu", size);
    assert_true(has_header(&client, "Content-Length", length));
    text[unpack(body, size, text, sizeof(text) - 1)] = '\0';
    assert_string_equal(text, "parkwatch_parked 1\n");
    client_close(&client);

    client = request(*state, "GET", "/", "Accept-Encoding: gzip\r\n");
    assert_true(has_header(&client, "Content-Encoding", "gzip"));
    body = body_of(&client, &size);
    page[unpack(body, size, page, sizeof(page) - 1)] = '\0';
    plain = request(*state, "GET", "/", "");
    assert_string_equal(body_of(&plain, NULL), page);
    client_close(&plain);
    client_close(&client);
    expect(*state, "/metrics", "Accept-Encoding: gzip;q=0, *\r\n", 200, TYPE_METRICS,
           "parkwatch_parked 1\n");
}

static void answers_head_with_the_length_of_get(void **state)
{
    static const char *const headers[] = {"", "Accept-Encoding: gzip\r\n"};
    static const char *const paths[] = {"/metrics", "/api/v1/report", "/", "/-/healthy", "/none"};

    for (size_t i = 0; i < 2 * sizeof(paths) / sizeof(paths[0]); i++) {
        struct visitor get = request(*state, "GET", paths[i / 2], headers[i % 2]);
        struct visitor head = request(*state, "HEAD", paths[i / 2], headers[i % 2]);
        size_t size;

        assert_int_equal(status_of(&head), status_of(&get));
        assert_int_equal(content_length(&head), content_length(&get));
        body_of(&head, &size);
        assert_int_equal(size, 0);
        expect_security_headers(&head);
        client_close(&head);
        client_close(&get);
    }
}

static void reads_split_requests(void **state)
{
    const char *text =
        "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\nAccept: */*\r\nConnection: close\r\n"
        "\r\n";
    struct fixture *fixture = *state;
    struct visitor client = client_open(fixture);

    for (const char *c = text; *c; c++) {
        client_send(&client, (char[]){*c, '\0'});
        serve_for(fixture, &client, 1);
    }
    serve_until_closed(fixture, &client);
    assert_int_equal(status_of(&client), 200);
    client_close(&client);
}

static void answers_one_request(void **state)
{
    struct fixture *fixture = *state;
    struct visitor client = client_open(fixture);

    client_send(&client, "GET /-/healthy HTTP/1.1\r\nHost: localhost\r\n\r\n"
                         "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    serve_until_closed(fixture, &client);
    assert_non_null(strstr(client.text, "\r\n\r\nok\n"));
    assert_true(has_header(&client, "Connection", "close"));
    assert_null(strstr(client.text, "parkwatch_parked"));
    client_close(&client);
}

static void sends_much(void **state)
{
    struct fixture *fixture = *state;
    struct visitor client;
    size_t size;

    fixture->n_lines = BIG_LINES;
    client = request(fixture, "GET", "/metrics", "");
    body_of(&client, &size);
    assert_int_equal(size, BIG_LINES * strlen("parkwatch_parked 1\n"));
    client_close(&client);

    client = request(fixture, "GET", "/metrics", "Accept-Encoding: gzip\r\n");
    assert_in_range(content_length(&client), 1, BIG_LINES);
    client_close(&client);
}

#define LINE "parkwatch_parked 1\n"

/* However well it would compress. */
static void refuses_what_is_too_large(void **state)
{
    static const char *const headers[] = {"", "Accept-Encoding: gzip\r\n"};
    struct fixture *fixture = *state;

    fixture->n_lines = BODY_MAX / strlen(LINE) + 1;
    for (size_t i = 0; i < 2; i++) {
        expect(fixture, "/metrics", headers[i], 503, TYPE_TEXT,
               "too large: choose one with ?target=, leave ?debug= out, or have fewer series with "
               "--max-stacks\n");
        assert_int_equal(http_losses(fixture->http)->count[WEBLOSS_answers_too_large], i + 1);
    }
    expect(fixture, "/api/v1/report", "", 200, "application/json", "{}\n");
}

/* A client that asks for much and reads nothing of it. */
static struct visitor client_stall(struct fixture *fixture)
{
    struct visitor client = client_open(fixture);

    client_send(&client, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    serve_until_text(fixture, &client, LINE);
    return client;
}

/* Clients that do not read what they asked for take no more than there is for all of them, and
 * leave others what each has to itself. */
static void bounds_what_all_take(void **state)
{
    struct visitor stalled[BODY_POOL / (BODY_MAX - BUDGET_OWN)];
    const size_t n = sizeof(stalled) / sizeof(stalled[0]);
    struct fixture *fixture = *state;

    fixture->n_lines = BODY_MAX / strlen(LINE);
    for (size_t i = 0; i < n; i++)
        stalled[i] = client_stall(fixture);
    expect(fixture, "/metrics", "", 503, TYPE_TEXT, "too much is being sent: try again later\n");
    assert_int_equal(http_losses(fixture->http)->count[WEBLOSS_answers_capped], 1);
    fixture->n_lines = 1;
    expect(fixture, "/metrics", "", 200, TYPE_METRICS, LINE);

    client_close(&stalled[0]);
    fixture->n_lines = BODY_MAX / strlen(LINE);
    stalled[0] = client_stall(fixture);
    for (size_t i = 0; i < n; i++)
        client_close(&stalled[i]);
}

static void hides_failures(void **state)
{
    struct fixture *fixture = *state;

    fixture->render_error = -EPERM;
    expect(fixture, "/metrics", "", 500, TYPE_TEXT, "internal error\n");
    expect(fixture, "/api/v1/report", "Accept-Encoding: gzip\r\n", 500, TYPE_TEXT,
           "internal error\n");
}

static void refuses_a_huge_header(void **state)
{
    struct fixture *fixture = *state;
    struct visitor client = client_open(fixture);
    char text[HEAD_MAX + 1];

    memset(text, 'a', HEAD_MAX);
    text[HEAD_MAX] = '\0';
    client_send(&client, "GET /metrics HTTP/1.1\r\nHost: localhost\r\nX: ");
    client_send(&client, text);
    serve_until_closed(fixture, &client);
    assert_int_equal(status_of(&client), 431);
    assert_null(strstr(client.text, "aaaa"));
    expect_security_headers(&client);
    client_close(&client);
    expect(fixture, "/-/healthy", "", 200, TYPE_TEXT, "ok\n");
}

static void refuses_garbage(void **state)
{
    static const struct {
        const char *text;
        int status;
    } cases[] = {
        {"\r\n\r\n\r\n", 400},
        {"\x16\x03\x01\x02\x01", 400},
        {"GET\r\n\r\n", 400},
        {"GET /\r\n", 400},
        {"GET /metrics HTTP/9.9\r\n\r\n", 505},
        {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505},
        {"GET /metrics%00 HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET /%zz HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET http://localhost/ HTTP/1.1\r\nHost: localhost\r\n\r\n", 400},
        {"GET / HTTP/1.1\nHost: localhost\n\n", 400},
        {"GET / HTTP/1.1\r\nHost : localhost\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\n folded: 1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nHost: localhost\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\n\r\n", 400},
        {"GET / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 421},
        {"POST / HTTP/1.1\r\nHost: rebound.example\r\n\r\n", 421},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n\r\n", 403},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n"
         "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe\r\n\r\n",
         403},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n"
         "Sec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: document\r\n\r\n",
         403},
        {"GET / HTTP/1.1\r\nHost: localhost\r\nSec-Fetch-Site: cross-site\r\n"
         "Sec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document\r\n\r\n",
         200},
        {"GET /../../etc/passwd HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
        {"GET /%2e%2e/metrics HTTP/1.1\r\nHost: localhost\r\n\r\n", 404},
    };
    struct fixture *fixture = *state;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct visitor client = client_open(fixture);

        client_send(&client, cases[i].text);
        serve_until_closed(fixture, &client);
        assert_int_equal(status_of(&client), cases[i].status);
        expect_security_headers(&client);
        client_close(&client);
    }
    expect(fixture, "/-/healthy", "", 200, TYPE_TEXT, "ok\n");
}

static void survives_clients_that_leave(void **state)
{
    struct fixture *fixture = *state;
    struct visitor client = client_open(fixture);
    struct visitor other = client_open(fixture);
    const struct linger reset = {.l_onoff = 1};

    fixture->n_lines = BIG_LINES;
    client_send(&client, "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
    client_send(&other, "GET /metr");
    serve_until_text(fixture, &client, "parkwatch_parked 1\n");
    setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
    client_close(&client);
    client_close(&other);
    expect(fixture, "/-/healthy", "", 200, TYPE_TEXT, "ok\n");
}

static void ends_the_oldest_idle_connection(void **state)
{
    struct fixture *fixture = *state;
    struct visitor idle[CLIENTS_MAX];
    struct visitor late;

    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        idle[i] = client_open(fixture);
        client_send(&idle[i], "GET /");
        serve(fixture, &idle[i], now_ms());
    }
    late = request(fixture, "GET", "/-/healthy", "");
    assert_int_equal(status_of(&late), 200);
    serve_until_closed(fixture, &idle[0]);
    assert_int_equal(idle[0].size, 0);
    client_receive(&idle[1]);
    assert_false(idle[1].closed);
    assert_int_equal(http_losses(fixture->http)->count[WEBLOSS_evicted], 1);
    client_close(&late);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        client_close(&idle[i]);
}

static void ends_with_connections_open(void **state)
{
    struct fixture *fixture = *state;
    struct visitor client = client_open(fixture);

    client_send(&client, "GET /-/heal");
    serve_for(fixture, &client, QUIET_MS);
    assert_false(client.closed);
    http_free(&fixture->http);
    client_receive(&client);
    assert_true(client.closed);
    client_close(&client);
}

static void serves_on_several_sockets(void **state)
{
    struct fixture fixture = {.n_lines = 1};
    struct sockaddr_in addresses[2];
    int fds[2];
    struct http_options options = {
        .fds = fds,
        .n_fds = 2,
        .telemetry_path = "/metrics",
        .render = render,
        .ready = ready,
        .verifier_fd = -1,
        .context = &fixture,
    };
    char why[HTTP_WHY_MAX];

    (void)state;
    for (int i = 0; i < 2; i++) {
        socklen_t length = sizeof(addresses[i]);

        assert_int_equal(http_listen("127.0.0.1:0", &fds[i], why), 0);
        assert_int_equal(getsockname(fds[i], (struct sockaddr *)&addresses[i], &length), 0);
    }
    assert_int_equal(http_new(&options, &fixture.http), 0);
    assert_int_equal(http_timeout_ms(fixture.http), -1);
    for (int i = 0; i < 2; i++) {
        fixture.address = addresses[i];
        expect(&fixture, "/-/healthy", "", 200, TYPE_TEXT, "ok\n");
    }
    http_free(&fixture.http);
    assert_null(fixture.http);
    http_free(&fixture.http);
    close(fds[0]);
    close(fds[1]);
}

static void says_why_it_cannot_listen(void **state)
{
    struct fixture *fixture = *state;
    char address[64], expected[HTTP_WHY_MAX], why[HTTP_WHY_MAX];
    int fd = -1;

    snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(fixture->address.sin_port));
    assert_int_equal(http_listen(address, &fd, why), -EADDRINUSE);
    snprintf(expected, sizeof(expected),
             "cannot listen on %s: Address already in use; choose another with "
             "--web.listen-address",
             address);
    assert_string_equal(why, expected);

    assert_int_equal(http_listen("9100", &fd, why), -EINVAL);
    assert_string_equal(why, "cannot listen on 9100: not an address");
    assert_int_equal(http_listen("192.0.2.1:0", &fd, why), -EADDRNOTAVAIL);
    assert_int_equal(http_listen("[fe80::1%nosuch]:0", &fd, why), -ENXIO);
    assert_int_equal(fd, -1);
}

static void listens_on_all_interfaces(void **state)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f000001)};
    struct sockaddr_storage bound;
    socklen_t length = sizeof(bound);
    char why[HTTP_WHY_MAX];
    int fd, client;

    (void)state;
    assert_int_equal(http_listen(":0", &fd, why), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&bound, &length), 0);
    address.sin_port = bound.ss_family == AF_INET6 ? ((struct sockaddr_in6 *)&bound)->sin6_port
                                                   : ((struct sockaddr_in *)&bound)->sin_port;
    client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(client, (struct sockaddr *)&address, sizeof(address)), 0);
    close(client);
    close(fd);
}

#define WITH_SERVER(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_SERVER(serves_metrics),
        WITH_SERVER(serves_openmetrics),
        WITH_SERVER(serves_the_report),
        WITH_SERVER(serves_profiles),
        WITH_SERVER(refuses_profiles_that_are_not_there),
        WITH_SERVER(serves_probes),
        WITH_SERVER(serves_the_history),
        WITH_SERVER(serves_the_page),
        WITH_SERVER(answers_not_modified),
        cmocka_unit_test_setup_teardown(serves_metrics_in_place_of_the_landing_page, set_up_at_root,
                                        tear_down),
        WITH_SERVER(repeats_nothing_of_a_bad_path),
        WITH_SERVER(allows_two_methods),
        WITH_SERVER(refuses_a_body_unread),
        WITH_SERVER(refuses_the_body_of_a_get),
        WITH_SERVER(compresses),
        WITH_SERVER(answers_head_with_the_length_of_get),
        WITH_SERVER(reads_split_requests),
        WITH_SERVER(answers_one_request),
        WITH_SERVER(sends_much),
        WITH_SERVER(refuses_what_is_too_large),
        WITH_SERVER(bounds_what_all_take),
        WITH_SERVER(hides_failures),
        WITH_SERVER(refuses_a_huge_header),
        WITH_SERVER(refuses_garbage),
        WITH_SERVER(survives_clients_that_leave),
        WITH_SERVER(ends_the_oldest_idle_connection),
        WITH_SERVER(ends_with_connections_open),
        cmocka_unit_test(serves_on_several_sockets),
        WITH_SERVER(says_why_it_cannot_listen),
        cmocka_unit_test(listens_on_all_interfaces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
