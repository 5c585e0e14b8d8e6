/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/client.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "cleanup.h"

#define DRAIN_MAX (256 * 1024)

int client_new(int fd, struct tls *tls, uint64_t ticket, struct client **ret_client)
{
    CLEANUP(client_free) struct client *client = malloc(sizeof(*client));
    const int on = 1;
    int r = 0;

    if (!client) {
        close(fd);
        return -ENOMEM;
    }
    memset(client, 0, offsetof(struct client, buffer));
    client->fd = fd;
    client->pair = -1;
    client->ticket = ticket;
    client->state = tls ? CLIENT_HANDSHAKE : CLIENT_HEAD;
    /* Answers are written in large pieces: the last one must not wait for an acknowledgement. */
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (tls)
        r = tls_session_new(tls, fd, &client->session);
    if (r)
        return r;
    *ret_client = TAKE_PTR(client);
    return 0;
}

void client_free(struct client **client)
{
    if (!*client)
        return;
    tls_session_free(&(*client)->session);
    cleanup_close(&(*client)->pair);
    cleanup_close(&(*client)->fd);
    /* A head may have a password in it. */
    explicit_bzero((*client)->buffer, (*client)->have);
    free(*client);
    *client = NULL;
}

static ssize_t result_of(ssize_t n)
{
    if (n >= 0)
        return n;
    return errno == EINTR ? -EAGAIN : -errno;
}

ssize_t client_read(struct client *client)
{
    char *to = client->buffer + client->have;
    const size_t room = HEAD_MAX - client->have;
    const ssize_t n = client->session ? tls_read(client->session, to, room)
                                      : result_of(recv(client->fd, to, room, MSG_DONTWAIT));

    if (n > 0)
        client->have += (size_t)n;
    return n;
}

int client_write(struct client *client)
{
    while (client->sent < client->have) {
        const char *from = client->buffer + client->sent;
        const size_t left = client->have - client->sent;
        const ssize_t n =
            client->session ? tls_write(client->session, from, left)
                            : result_of(send(client->fd, from, left, MSG_DONTWAIT | MSG_NOSIGNAL));

        if (n < 0)
            return (int)n;
        client->sent += (size_t)n;
    }
    return 0;
}

ssize_t client_refill(struct client *client)
{
    const ssize_t n =
        result_of(recv(client->pair, client->buffer, sizeof(client->buffer), MSG_DONTWAIT));

    if (n < 0)
        return n;
    client->sent = 0;
    client->have = (size_t)n;
    return n;
}

void client_end(struct client *client)
{
    if (client->session)
        tls_end(client->session);
    shutdown(client->fd, SHUT_WR);
}

bool client_drain(struct client *client)
{
    while (client->drained <= DRAIN_MAX) {
        const ssize_t n = recv(client->fd, client->buffer, sizeof(client->buffer), MSG_DONTWAIT);

        if (n <= 0)
            return n < 0 && (errno == EAGAIN || errno == EINTR);
        client->drained += (size_t)n;
    }
    return false;
}

uint32_t client_wants(const struct client *client)
{
    switch (client->state) {
    case CLIENT_HANDSHAKE:
        return tls_wants_write(client->session) ? EPOLLOUT : EPOLLIN;
    case CLIENT_HEAD:
    case CLIENT_LINGER:
        return EPOLLIN;
    case CLIENT_ANSWER:
    case CLIENT_REFUSAL:
        return client->sent < client->have ? EPOLLOUT : 0;
    default:
        return 0;
    }
}
