/* SPDX-License-Identifier: Apache-2.0 */
/* A descriptor that goes along with a message of a socket. */
#pragma once

#include <string.h>
#include <sys/socket.h>

/* CMSG_SPACE() rounds up to where a second descriptor would have room, and stay open: only
 * CMSG_LEN() bytes of it are used. */
union passed_fd {
    char bytes[CMSG_SPACE(sizeof(int))];
    struct cmsghdr header;
};

/* Sends `fd` along, which stays the caller's. `passed` is to live as long as the message. */
static inline void passed_fd_put(union passed_fd *passed, struct msghdr *message, int fd)
{
    *passed = (union passed_fd){0};
    passed->header.cmsg_level = SOL_SOCKET;
    passed->header.cmsg_type = SCM_RIGHTS;
    passed->header.cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(&passed->header), &fd, sizeof(fd));
    message->msg_control = passed->bytes;
    message->msg_controllen = sizeof(passed->bytes);
}

/* Makes room for one to come along. */
static inline void passed_fd_expect(union passed_fd *passed, struct msghdr *message)
{
    message->msg_control = passed->bytes;
    message->msg_controllen = CMSG_LEN(sizeof(int));
}

/* What came along, which is the caller's; -1: none did. */
static inline int passed_fd_take(struct msghdr *message)
{
    const struct cmsghdr *header = CMSG_FIRSTHDR(message);
    int fd = -1;

    if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS &&
        header->cmsg_len == CMSG_LEN(sizeof(int)))
        memcpy(&fd, CMSG_DATA(header), sizeof(fd));
    return fd;
}
