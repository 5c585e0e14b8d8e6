/* SPDX-License-Identifier: Apache-2.0 */
#include "wire_send.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "passed_fd.h"

/* The descriptor goes with the header, whose few bytes are written whole or not at all. */
static int send_header(int socket, const struct wire_header *header, int fd)
{
    union passed_fd passed;
    struct iovec part = {.iov_base = (void *)header, .iov_len = sizeof(*header)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    if (fd >= 0)
        passed_fd_put(&passed, &message, fd);
    do
        n = sendmsg(socket, &message, MSG_NOSIGNAL);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    return n == sizeof(*header) ? 0 : -EIO;
}

int wire_send(int socket, enum wire_type type, const void *payload, size_t length, int fd)
{
    struct wire_header header = {.type = type, .length = length};
    size_t at = 0;
    int r;

    r = send_header(socket, &header, fd);
    while (!r && at < length) {
        ssize_t n = send(socket, (const char *)payload + at, length - at, MSG_NOSIGNAL);

        if (n >= 0)
            at += n;
        else if (errno != EINTR)
            r = -errno;
    }
    return r;
}
