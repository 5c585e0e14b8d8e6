/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/inbox.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "passed_fd.h"

#define HEADER_SIZE sizeof(struct wire_header)

void inbox_init(struct inbox *inbox, int socket, enum intake_source source)
{
    *inbox = (struct inbox){.socket = socket, .source = source, .fd = -1};
}

static void drop_fd(struct inbox *inbox)
{
    if (inbox->fd >= 0)
        close(inbox->fd);
    inbox->fd = -1;
}

void inbox_close(struct inbox *inbox)
{
    drop_fd(inbox);
    if (inbox->socket >= 0)
        close(inbox->socket);
    free(inbox->payload);
    inbox_init(inbox, -1, inbox->source);
}

static void take_fd(struct inbox *inbox, struct msghdr *message)
{
    int fd = passed_fd_take(message);

    if (fd < 0)
        return;
    drop_fd(inbox);
    inbox->fd = fd;
}

/* Reads at most `size` bytes to `to`. Bytes, 0: none now, -ECONNRESET, or what the kernel lacks. */
static ssize_t receive(struct inbox *inbox, void *to, size_t size)
{
    union passed_fd passed;
    struct iovec part = {.iov_base = to, .iov_len = size};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;

    passed_fd_expect(&passed, &message);
    do
        n = recvmsg(inbox->socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? 0 : -errno;
    take_fd(inbox, &message);
    return n ? n : -ECONNRESET;
}

/* Reads until `size` bytes of this part are there. 1, 0: not yet, or as receive(). */
static int fill(struct inbox *inbox, char *part, size_t before, size_t size)
{
    while (inbox->have < before + size) {
        size_t at = inbox->have - before;
        ssize_t n = receive(inbox, part + at, size - at);

        if (n <= 0)
            return (int)n;
        inbox->have += n;
    }
    return 1;
}

static int make_room(struct inbox *inbox)
{
    char *grown;

    if (intake_check_header(inbox->source, &inbox->header))
        return -EBADMSG;
    if (inbox->header.length <= inbox->capacity)
        return 0;
    grown = realloc(inbox->payload, inbox->header.length);
    if (!grown)
        return -ENOMEM;
    inbox->payload = grown;
    inbox->capacity = inbox->header.length;
    return 0;
}

int inbox_read(struct inbox *inbox)
{
    int r;

    if (inbox->have == HEADER_SIZE + inbox->header.length) {
        inbox->have = 0;
        inbox->header.length = 0;
        drop_fd(inbox);
    }
    if (inbox->have < HEADER_SIZE) {
        r = fill(inbox, (char *)&inbox->header, 0, HEADER_SIZE);
        if (r <= 0)
            return r;
        r = make_room(inbox);
        if (r)
            return r;
    }
    return fill(inbox, inbox->payload, HEADER_SIZE, inbox->header.length);
}
