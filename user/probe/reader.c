/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/reader.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "passed_fd.h"
#include "probe/cputime.h"
#include "probe/resources.h"
#include "probe/service.h"

struct reader {
    const struct reader_options *options;
    struct service service;
    struct losses losses; /* since the last news */
    struct wire_target described;
    struct cputime cputime;
};

static int send_news(struct reader *reader, struct reader_news *news)
{
    news->losses = reader->losses;
    memset(&reader->losses, 0, sizeof(reader->losses));
    if (send(reader->options->probe_socket, news, sizeof(*news), MSG_NOSIGNAL) < 0)
        return -ECONNRESET;
    return 0;
}

static int say(struct reader *reader, enum reader_news_type type, uint64_t number, int error)
{
    struct reader_news news = {.type = type, .number = number, .error = error};

    return send_news(reader, &news);
}

/* What the kernel would refuse later, and once for each stack, is better known now. */
static int check_readable(struct reader *reader)
{
    AUTO_CLOSE int fd = -1;
    pid_t tid;
    int r;

    r = service_live_tid(&reader->service, &tid);
    if (r)
        return r;
    fd = target_open_task(reader->options->target, tid, "maps", O_RDONLY);
    return fd < 0 ? fd : 0;
}

static int report_description(struct reader *reader, pid_t tid)
{
    struct reader_news news = {.type = READER_TARGET};

    news.target.index = reader->described.index;
    news.target.attach_ns = reader->described.attach_ns;
    if (target_describe(reader->options->target, tid, &news.target) ||
        !memcmp(&news.target, &reader->described, sizeof(news.target)))
        return 0;
    reader->described = news.target;
    return send_news(reader, &news);
}

static int read_resources(struct reader *reader, pid_t tid, struct wire_resources *ret)
{
    const struct reader_options *options = reader->options;
    int r;

    r = cputime_read(reader->service.links.times, &reader->cputime);
    if (!r)
        r = resources_read(options->target, tid, reader->described.index, ret);
    if (r)
        return r;
    ret->cpu_user_us = reader->cputime.user_ns / 1000;
    ret->cpu_system_us = reader->cputime.system_ns / 1000;
    return 0;
}

static int report_resources(struct reader *reader, pid_t tid)
{
    struct reader_news news = {.type = READER_RESOURCES};

    if (read_resources(reader, tid, &news.resources)) {
        reader->losses.count[LOSS_resources_unreadable]++;
        return 0;
    }
    return send_news(reader, &news);
}

/* A target without a living thread is about to end: there is nothing to report of it. */
static int report(struct reader *reader)
{
    pid_t tid;
    int r;

    if (service_live_tid(&reader->service, &tid))
        return 0;
    r = report_description(reader, tid);
    return r ? r : report_resources(reader, tid);
}

/* That the analyst is gone shows when it is listened to. */
static int begin_scan(struct reader *reader, const struct reader_order *order)
{
    struct rpc_tick tick = {.number = order->number, .attach_ns = order->attach_ns};
    int r = report(reader);

    if (!r)
        (void)!send(reader->options->analyst_socket, &tick, sizeof(tick), MSG_NOSIGNAL);
    return r;
}

static int receive_order(struct reader *reader, struct reader_order *ret_order, int *ret_fd)
{
    union passed_fd passed;
    struct iovec part = {.iov_base = ret_order, .iov_len = sizeof(*ret_order)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    passed_fd_expect(&passed, &message);
    if (recvmsg(reader->options->probe_socket, &message, MSG_CMSG_CLOEXEC) != sizeof(*ret_order))
        return -ECONNRESET;
    *ret_fd = passed_fd_take(&message);
    return 0;
}

static int take_order(struct reader *reader)
{
    struct bpf_links *links = &reader->service.links;
    AUTO_CLOSE int fd = -1;
    struct reader_order order;
    int r = receive_order(reader, &order, &fd);

    if (r)
        return r;
    switch (order.type) {
    case READER_THREADS:
        links->threads = TAKE_FD(fd);
        return 0;
    case READER_TIMES:
        links->times = TAKE_FD(fd);
        return 0;
    case READER_KERNEL:
        links->kernel = TAKE_FD(fd);
        return 0;
    case READER_SCAN:
        r = begin_scan(reader, &order);
        break;
    }
    return r ? r : say(reader, READER_TAKEN, order.number, 0);
}

static int report_identity(struct reader *reader)
{
    struct reader_news news = {.type = READER_IDENTITY};

    news.identity.tgid = reader->service.tgid;
    news.identity.leader_start_ns = reader->service.leader_start_ns;
    return send_news(reader, &news);
}

static int answer(struct reader *reader)
{
    uint32_t tgid = reader->service.tgid;
    uint64_t number;
    bool done;
    int r;

    r = service_answer(&reader->service, &done, &number);
    if (r == -EAGAIN)
        return 0;
    if (r) {
        (void)!say(reader, READER_ANALYST_GONE, 0, r);
        return -ECONNRESET;
    }
    if (reader->service.tgid != tgid)
        r = report_identity(reader);
    if (!r && done)
        r = say(reader, READER_DONE, number, 0);
    return r;
}

/* Orders come first: an analyst that keeps on asking must not keep them waiting. */
static int serve(struct reader *reader)
{
    struct pollfd fds[] = {{.fd = reader->options->probe_socket, .events = POLLIN},
                           {.fd = reader->options->analyst_socket, .events = POLLIN}};

    if (poll(fds, sizeof(fds) / sizeof(fds[0]), -1) < 0)
        return errno == EINTR ? 0 : -errno;
    if (fds[0].revents)
        return take_order(reader);
    return answer(reader);
}

static void reader_init(struct reader *reader, const struct reader_options *options)
{
    reader->options = options;
    reader->described = options->described;
    service_init(&reader->service, options->target, &reader->losses);
    reader->service.socket = options->analyst_socket;
    reader->service.area = options->area;
    reader->service.tgid = options->identity.tgid;
    reader->service.leader_start_ns = options->identity.leader_start_ns;
}

int reader_run(const struct reader_options *options)
{
    struct reader reader = {};
    int r = 0;

    reader_init(&reader, options);
    if (options->check)
        r = check_readable(&reader);
    if (r)
        (void)!say(&reader, READER_REFUSED, 0, r);
    while (!r)
        r = serve(&reader);
    service_close(&reader.service);
    return r == -ECONNRESET ? 0 : r;
}
