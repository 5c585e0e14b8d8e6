/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/listeners.h"

#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <sys/epoll.h>
#include <sys/socket.h>

static int ask_for(const struct listeners *listeners, int operation, uint32_t wanted)
{
    struct epoll_event event = {.events = wanted, .data.u64 = listeners->source};
    int r = 0;

    for (size_t i = 0; i < listeners->n && !r; i++)
        if (epoll_ctl(listeners->epoll_fd, operation, listeners->fds[i], &event))
            r = -errno;
    return r;
}

int listeners_open(struct listeners *listeners)
{
    return ask_for(listeners, EPOLL_CTL_ADD, EPOLLIN);
}

static bool is_short(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

int listeners_accept(const struct listeners *listeners, size_t index)
{
    struct pollfd poller = {.fd = listeners->fds[index], .events = POLLIN};
    const int fd = accept4(poller.fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd >= 0)
        return fd;
    if (errno == EAGAIN)
        return -EAGAIN;
    if (!is_short(errno))
        return -ECONNABORTED;
    /* The kernel wants a descriptor before it looks whether there is anyone. */
    return poll(&poller, 1, 0) == 1 ? -EMFILE : -EAGAIN;
}

void listeners_pause(struct listeners *listeners, uint64_t until_ns)
{
    listeners->retry_ns = until_ns;
    ask_for(listeners, EPOLL_CTL_MOD, 0);
}

void listeners_retry(struct listeners *listeners, uint64_t now_ns)
{
    if (!listeners->retry_ns || now_ns < listeners->retry_ns)
        return;
    listeners->retry_ns = 0;
    ask_for(listeners, EPOLL_CTL_MOD, EPOLLIN);
}
