/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/monitor.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "address.h"
#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "monitor/body.h"
#include "monitor/history.h"
#include "monitor/history_json.h"
#include "monitor/http.h"
#include "monitor/idle.h"
#include "monitor/inbox.h"
#include "monitor/json.h"
#include "monitor/metrics.h"
#include "monitor/pprof.h"
#include "monitor/pprof_text.h"
#include "monitor/print.h"
#include "monitor/self.h"
#include "monitor/store.h"
#include "monitor/top/top.h"
#include "sandbox.h"
#include "webbundle.h"

/* Of all analysts' messages and the grouping of their scans before clients have their turn: what a
 * scrape may wait for, besides one step or message more. */
#define TURN_NS (3ull * 1000000)

/* How long what analysts sent before the probe asked for the report is read on. An honest one has
 * sent some scans at most; one that was taken over does not stop. */
#define FINISH_NS (5ull * 1000000000)

struct monitor {
    const struct monitor_options *options;
    struct store *store;
    struct history history; /* watch */
    struct http *http;
    struct top *top;
    bool held; /* the store, for a pause of the view */
    struct host_names names;
    struct self self;
    bool finish; /* the probe asked for the report */
    struct inbox probe;
    struct inbox analysts[RECORD_TARGETS_MAX];
    uint32_t turn; /* of the analysts, whose it is */
    bool more;     /* than had their turn */
};

static void monitor_close(struct monitor *monitor)
{
    http_free(&monitor->http);
    top_free(&monitor->top);
    for (size_t i = 0; i < RECORD_TARGETS_MAX; i++)
        inbox_close(&monitor->analysts[i]);
    inbox_close(&monitor->probe);
    history_free(&monitor->history);
    store_free(&monitor->store);
    self_close(&monitor->self);
}

static void make_report(const struct monitor *monitor, struct report *ret_report)
{
    const struct store_clocks now = {
        .monotonic_ns = clock_now(),
        .boot_ns = clock_ns(CLOCK_BOOTTIME),
        .realtime = clock_seconds(CLOCK_REALTIME),
    };

    store_report(monitor->store, &now, ret_report);
}

static int render_metrics(struct monitor *monitor, const struct report *report,
                          enum metrics_format format, FILE *out)
{
    struct metrics_self self;

    self_read(&monitor->self, &self);
    self.web = *http_losses(monitor->http);
    return metrics_write(report, &self, format, out);
}

/* Within what an answer may have: a target that is too large is cut by itself. */
static int render_report(struct monitor *monitor, const struct report *report, FILE *out)
{
    const int r = json_write(report, BODY_MAX, out);

    http_losses(monitor->http)->count[WEBLOSS_reports_cut] += r > 0;
    return r < 0 ? r : 0;
}

static int render_profile(const struct report *report, const struct http_request *request,
                          enum sample_kind kind, FILE *out)
{
    switch (request->debug) {
    case 0:
        return pprof_write(report, request->target, kind, out);
    case 1:
        return pprof_text_write(report, request->target, kind, PPROF_TEXT_COUNTS, out);
    default:
        return pprof_text_write(report, request->target, kind, PPROF_TEXT_STACKS, out);
    }
}

static int64_t realtime_ms(void)
{
    return (int64_t)(clock_seconds(CLOCK_REALTIME) * 1000);
}

static int render_history(const struct monitor *monitor, const struct http_request *request,
                          FILE *out)
{
    const struct history_query query = {
        .target = request->target,
        .since_ms = request->since_ms,
    };
    const struct history_about about = {
        .version = PARKWATCH_VERSION,
        .telemetry_path = monitor->options->options->telemetry_path,
        .time_ms = realtime_ms(),
        .threshold_ns = monitor->options->options->threshold_ns,
    };

    return history_write(&monitor->history, &about, &query, out);
}

static int render(void *context, const struct http_request *request, FILE *out)
{
    struct monitor *monitor = context;
    struct report report;

    make_report(monitor, &report);
    switch (request->page) {
    case HTTP_PAGE_METRICS:
        return render_metrics(monitor, &report, METRICS_TEXT, out);
    case HTTP_PAGE_OPENMETRICS:
        return render_metrics(monitor, &report, METRICS_OPENMETRICS, out);
    case HTTP_PAGE_REPORT:
        return render_report(monitor, &report, out);
    case HTTP_PAGE_HISTORY:
        return render_history(monitor, request, out);
    case HTTP_PAGE_GOROUTINES:
        return render_profile(&report, request, SAMPLE_GOROUTINE, out);
    case HTTP_PAGE_THREADS:
        return render_profile(&report, request, SAMPLE_THREAD, out);
    default:
        return -EINVAL;
    }
}

static bool is_settled(const struct target_report *target)
{
    return !target->up || target->scanned || target->losses.count[LOSS_scan_failed];
}

/* Once every target was scanned, or ended, or spoilt its scan: it must not spoil the daemon's name
 * as well. */
static bool ready(void *context)
{
    struct report report;

    make_report(context, &report);
    for (size_t i = 0; i < report.n_targets; i++)
        if (!is_settled(&report.targets[i]))
            return false;
    return report.n_targets > 0;
}

static void add_listened_name(struct host_names *names, const char *text)
{
    struct address address;

    if (!address_parse(text, &address) && address.host[0])
        host_names_add(names, address.host);
}

/* The names that this server is known by. */
static void make_names(const struct monitor_options *options, struct host_names *ret_names)
{
    for (size_t i = 0; i < options->options->n_hosts; i++)
        host_names_add(ret_names, options->options->hosts[i]);
    for (size_t i = 0; i < options->options->n_listens; i++)
        add_listened_name(ret_names, options->options->listens[i]);
    if (http_is_exposed(options->listen_fds, options->n_listen_fds))
        host_names_add_own(ret_names);
}

static int monitor_open(const struct monitor_options *options, struct monitor *ret_monitor)
{
    struct store_options store = {
        .threshold_ns = options->options->threshold_ns,
        .max_stacks = options->options->max_stacks,
        .idle = {options->options->ignores, options->options->n_ignores},
        .proven = options->watch || options->top,
        .keep_ended = options->top,
    };
    struct http_options http = {
        .fds = options->listen_fds,
        .n_fds = options->n_listen_fds,
        .names = &ret_monitor->names,
        .verifier_fd = options->verifier_socket,
        .is_configured_later = options->options->web_config,
        .telemetry_path = options->options->telemetry_path,
        .render = render,
        .ready = ready,
        .context = ret_monitor,
    };
    int r;

    ret_monitor->options = options;
    inbox_init(&ret_monitor->probe, options->probe_socket, INTAKE_PROBE);
    for (size_t i = 0; i < RECORD_TARGETS_MAX; i++)
        inbox_init(&ret_monitor->analysts[i], -1, INTAKE_ANALYST);
    history_init(&ret_monitor->history, options->options->interval_ns);
    self_open(&ret_monitor->self);
    r = store_new(&store, &ret_monitor->store);
    make_names(options, &ret_monitor->names);
    if (!r && options->watch)
        r = http_new(&http, &ret_monitor->http);
    if (!r && options->top)
        r = top_new(options->messages, &ret_monitor->top);
    if (r)
        return r;
    return options->top ? sandbox_screen() : sandbox_monitor();
}

/* Takes into the history what a message has brought, where it is one that ends a state: a reading,
 * a scan, a target that came or went, by which others may be named anew. */
static int take_history(struct monitor *monitor, uint32_t message)
{
    struct history_clock clock = {.now_ns = clock_now(), .time_ms = realtime_ms()};
    struct report report;
    int r = 0;

    if (!monitor->options->watch ||
        (message != WIRE_TARGET && message != WIRE_RESOURCES && message != WIRE_SCAN))
        return 0;
    make_report(monitor, &report);
    for (size_t i = 0; i < report.n_targets && !r; i++)
        r = history_take(&monitor->history, &report.targets[i], &clock);
    return r;
}

/* A new analyst's socket comes with the message that names its target. */
static void take_analyst(struct monitor *monitor, const struct wire_target *target)
{
    struct inbox *inbox = &monitor->analysts[target->index];

    if (!target->analyst || monitor->probe.fd < 0)
        return;
    inbox_close(inbox);
    inbox_init(inbox, TAKE_FD(monitor->probe.fd), INTAKE_ANALYST);
    store_analyst_reset(monitor->store, target->index);
}

/* What the probe sends was tried before: it fails here for want of memory at most. */
static int take_web(struct monitor *monitor, const struct wire_web *web)
{
    AUTO_FREE struct webconfig *config = malloc(sizeof(*config));
    struct tls_bytes files[WEBCONFIG_FILES];
    char why[TLS_WHY_MAX] = "";
    struct tls *tls = NULL;
    int r;

    if (!config)
        return -ENOMEM;
    *config = web->config;
    webbundle_files(web, files);
    if (config->has_tls) {
        r = tls_new(config, files, &tls, why);
        if (r)
            return r;
    }
    return http_configure(monitor->http, TAKE_PTR(config), tls);
}

/* Keys do not stay in the inbox. */
static int take_web_message(struct monitor *monitor)
{
    struct inbox *inbox = &monitor->probe;
    int r = 0;

    if (!monitor->http)
        return 0;
    if (inbox->header.type == WIRE_WEB)
        r = take_web(monitor, (const struct wire_web *)inbox->payload);
    else
        http_losses(monitor->http)->count[WEBLOSS_config_refused]++;
    explicit_bzero(inbox->payload, inbox->header.length);
    return r;
}

static int take_verifier(struct monitor *monitor)
{
    if (!monitor->http || monitor->probe.fd < 0)
        return 0;
    return http_replace_verifier(monitor->http, TAKE_FD(monitor->probe.fd));
}

static int take_probe_message(struct monitor *monitor)
{
    const struct inbox *inbox = &monitor->probe;
    struct wire_target target;
    int r;

    r = store_probe_message(monitor->store, &inbox->header, inbox->payload);
    if (r)
        return r;
    if (inbox->header.type == WIRE_WEB || inbox->header.type == WIRE_WEB_BAD)
        return take_web_message(monitor);
    if (inbox->header.type == WIRE_VERIFIER)
        return take_verifier(monitor);
    if (inbox->header.type == WIRE_FINISH)
        monitor->finish = true;
    if (inbox->header.type == WIRE_TARGET) {
        memcpy(&target, inbox->payload, sizeof(target));
        take_analyst(monitor, &target);
    }
    return take_history(monitor, inbox->header.type);
}

/* The probe is trusted to be there and to speak sense: without it there is nothing to do. */
static int read_probe(struct monitor *monitor)
{
    int r;

    while ((r = inbox_read(&monitor->probe)) > 0) {
        r = take_probe_message(monitor);
        if (r)
            return r;
    }
    return r;
}

/* 1: taken, or refused; -ENOMEM. */
static int take_analyst_message(struct monitor *monitor, uint32_t index)
{
    const struct inbox *inbox = &monitor->analysts[index];
    int r;

    r = store_analyst_message(monitor->store, index, &inbox->header, inbox->payload);
    /* Without memory for it a point is missing. */
    take_history(monitor, inbox->header.type);
    return r == -ENOMEM ? r : 1;
}

/* One step of what an analyst's scan is to be grouped by. 1, also where it was the last; -ENOMEM.
 */
static int group_on(struct monitor *monitor, uint32_t index)
{
    int r = store_group_on(monitor->store, index);

    if (!r)
        take_history(monitor, WIRE_SCAN);
    return r ? r : 1;
}

/* The next thing to do for an analyst. 1: there may be more, 0: there is not, or why it is cut off.
 */
static int serve_analyst(struct monitor *monitor, uint32_t index)
{
    int r;

    if (store_is_grouping(monitor->store, index))
        return group_on(monitor, index);
    r = inbox_read(&monitor->analysts[index]);
    return r > 0 ? take_analyst_message(monitor, index) : r;
}

/* True if more may be there. One that ended, or whose messages cannot be told apart any more, or
 * one of which could not be kept, is cut off: the probe sees its end and starts another one, which
 * tells all anew. */
static bool read_analyst(struct monitor *monitor, uint32_t index, uint64_t end_ns)
{
    struct inbox *inbox = &monitor->analysts[index];
    int r = 1;

    if (inbox->socket < 0)
        return false;
    while (r > 0 && clock_now() < end_ns)
        r = serve_analyst(monitor, index);
    if (r < 0 && r != -ECONNRESET && r != -EBADMSG)
        store_analyst_lost(monitor->store, index);
    if (r < 0)
        inbox_close(inbox);
    return r > 0;
}

/* A turn, which begins with the analyst that the last one ended at. */
static void read_analysts(struct monitor *monitor)
{
    const uint64_t end_ns = clock_now() + TURN_NS;
    const uint32_t first = monitor->turn;

    monitor->more = false;
    for (uint32_t i = 0; i < RECORD_TARGETS_MAX && !monitor->more; i++) {
        const uint32_t index = (first + i) % RECORD_TARGETS_MAX;

        monitor->more = read_analyst(monitor, index, end_ns);
        monitor->turn = (index + 1) % RECORD_TARGETS_MAX;
    }
}

static int timeout_ms(const struct monitor *monitor)
{
    if (monitor->more)
        return 0;
    return monitor->http ? http_timeout_ms(monitor->http) : -1;
}

/* Sleeps until there is something to read or to serve. */
static int wait_for_work(struct monitor *monitor)
{
    struct pollfd fds[RECORD_TARGETS_MAX + 2 + TOP_FDS];
    int keys[TOP_FDS];
    size_t n = 0;

    fds[n++] = (struct pollfd){.fd = monitor->probe.socket, .events = POLLIN};
    for (size_t i = 0; i < RECORD_TARGETS_MAX; i++)
        if (monitor->analysts[i].socket >= 0)
            fds[n++] = (struct pollfd){.fd = monitor->analysts[i].socket, .events = POLLIN};
    if (monitor->http)
        fds[n++] = (struct pollfd){.fd = http_fd(monitor->http), .events = POLLIN};
    if (monitor->top)
        top_fds(monitor->top, keys);
    for (size_t i = 0; i < TOP_FDS && monitor->top; i++)
        fds[n++] = (struct pollfd){.fd = keys[i], .events = POLLIN};
    if (poll(fds, n, timeout_ms(monitor)) < 0 && errno != EINTR)
        return -errno;
    return 0;
}

/* The report, of all that was sent before it was asked for. */
static int print(struct monitor *monitor)
{
    const uint64_t end_ns = clock_now() + FINISH_NS;
    const struct monitor_options *options = monitor->options;
    struct report report;

    do
        read_analysts(monitor);
    while (monitor->more && clock_now() < end_ns);
    make_report(monitor, &report);
    return print_report(&report, options->options->format, options->width, options->output_fd);
}

/* 1: the user quits. What is shown while it is paused borrows from the store, which waits. */
static int run_top(struct monitor *monitor)
{
    struct report report;
    int r;

    make_report(monitor, &report);
    r = top_run(monitor->top, &report);
    if (r || top_is_paused(monitor->top) == monitor->held)
        return r;
    monitor->held = top_is_paused(monitor->top);
    r = store_hold(monitor->store, monitor->held);
    if (r)
        return r;
    make_report(monitor, &report);
    return top_run(monitor->top, &report);
}

/* 0: the probe is gone, which ends a watch, or the user quits. */
static int serve(struct monitor *monitor)
{
    int r;

    while (!monitor->finish) {
        r = wait_for_work(monitor);
        if (r)
            return r;
        r = read_probe(monitor);
        if (r == -ECONNRESET)
            return 0;
        if (r)
            return r;
        /* After the probe: what it announced has been sent before. */
        read_analysts(monitor);
        if (monitor->http)
            http_run(monitor->http);
        r = monitor->top ? run_top(monitor) : 0;
        if (r)
            return r < 0 ? r : 0;
    }
    return print(monitor);
}

int monitor_run(const struct monitor_options *options)
{
    CLEANUP(monitor_close) struct monitor monitor = {};
    int r;

    r = monitor_open(options, &monitor);
    if (r) {
        log_error("cannot start the monitor: %s", strerror(-r));
        return EXIT_FAILURE;
    }
    r = serve(&monitor);
    if (!r)
        return EXIT_SUCCESS;
    log_error(options->watch || options->top ? "the monitor failed: %s"
                                             : "cannot write the report: %s",
              strerror(-r));
    return EXIT_FAILURE;
}
