/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sockets that the HTTP server listens on.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "address.h"
#include "cleanup.h"
#include "monitor/http.h"

/* Who is not accepted at once tries again after a second, for which a scrape has no time. */
#define LISTEN_BACKLOG 4096

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

static bool is_local(int fd)
{
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } address;
    socklen_t length = sizeof(address);

    if (getsockname(fd, &address.any, &length))
        return false;
    if (address.any.sa_family == AF_INET)
        return ntohl(address.v4.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
    if (address.any.sa_family != AF_INET6)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&address.v6.sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&address.v6.sin6_addr) &&
            address.v6.sin6_addr.s6_addr[12] == IN_LOOPBACKNET);
}

bool http_is_exposed(const int *fds, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_local(fds[i]))
            return true;
    return false;
}
