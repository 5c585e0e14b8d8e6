/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/notify.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "cleanup.h"

#define SIGNS 3 /* of life in the time that the manager waits for one */

/* A path, or '@' and a name without a file (unix(7)). */
static int fill_address(const char *path, struct sockaddr_un *ret_address, socklen_t *ret_length)
{
    size_t length = strlen(path);

    if ((path[0] != '/' && path[0] != '@') || length < 2)
        return -EINVAL;
    if (length >= sizeof(ret_address->sun_path))
        return -ENAMETOOLONG;
    *ret_address = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(ret_address->sun_path, path, length);
    if (path[0] == '@')
        ret_address->sun_path[0] = '\0';
    *ret_length = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
    return 0;
}

static int connect_to(const char *path, int *ret_fd)
{
    AUTO_CLOSE int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct sockaddr_un address;
    socklen_t length;
    int r;

    if (fd < 0)
        return -errno;
    r = fill_address(path, &address, &length);
    if (r)
        return r;
    if (connect(fd, (const struct sockaddr *)&address, length))
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* $WATCHDOG_USEC, where it is meant for this process. */
static uint64_t read_interval(void)
{
    const char *time = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");

    if (!time || (pid && atoll(pid) != getpid()))
        return 0;
    return strtoull(time, NULL, 10) * 1000 / SIGNS;
}

/* A manager that does not read is not waited for. */
static void tell(const struct notify *notify, const char *text)
{
    if (notify->fd >= 0)
        (void)!send(notify->fd, text, strlen(text), MSG_NOSIGNAL | MSG_DONTWAIT);
}

int notify_open(struct notify *ret_notify)
{
    const char *path = getenv("NOTIFY_SOCKET");
    struct notify notify = NOTIFY_NONE;
    int r = path ? connect_to(path, &notify.fd) : 0;

    if (!r && path)
        notify.interval_ns = read_interval();
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
    if (!r)
        *ret_notify = notify;
    return r;
}

void notify_close(struct notify *notify)
{
    cleanup_close(&notify->fd);
    *notify = NOTIFY_NONE;
}

void notify_ready(struct notify *notify, size_t n)
{
    char text[64];

    if (n == notify->n_watched)
        return;
    notify->n_watched = n;
    snprintf(text, sizeof(text), "READY=1\nSTATUS=Watching %zu process%s.", n, n == 1 ? "" : "es");
    tell(notify, text);
}

void notify_stopping(struct notify *notify)
{
    tell(notify, "STOPPING=1");
}

void notify_alive(struct notify *notify, uint64_t now_ns)
{
    if (!notify->interval_ns || now_ns < notify->next_ns)
        return;
    notify->next_ns = now_ns + notify->interval_ns;
    tell(notify, "WATCHDOG=1");
}

int notify_timeout_ms(const struct notify *notify, uint64_t now_ns, int timeout_ms)
{
    uint64_t left_ns = notify->next_ns > now_ns ? notify->next_ns - now_ns : 0;
    int left_ms;

    if (!notify->interval_ns || left_ns / 1000000 >= INT32_MAX)
        return timeout_ms;
    left_ms = (int)((left_ns + 999999) / 1000000);
    return timeout_ms < 0 || left_ms < timeout_ms ? left_ms : timeout_ms;
}
