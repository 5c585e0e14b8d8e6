/* SPDX-License-Identifier: Apache-2.0 */
/* What a socket of a target is connected to. */
#include "sockets.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cleanup.h"
#include "procfs.h"

#define ENDPOINT_MAX (INET6_ADDRSTRLEN + 8) /* "[ADDRESS]:65535" */

/* include/net/tcp_states.h, worded as ss(8) words them; an established connection needs no word. */
#define TCP_LISTENING 10

static const char *const state_words[] = {
    [2] = " syn-sent",   [3] = " syn-received", [4] = " fin-wait-1",
    [5] = " fin-wait-2", [6] = " time-wait",    [7] = " closed",
    [8] = " close-wait", [9] = " last-ack",     [TCP_LISTENING] = " listening",
    [11] = " closing",
};

/* The kernel prints an address as the 32-bit words that it is in memory, so a word read back has
 * its bytes in the order of the network again; 4 words for IPv6. */
static bool parse_endpoint(const char *text, char *ret_text, size_t size, unsigned *ret_port)
{
    uint32_t words[4];
    char address[INET6_ADDRSTRLEN];
    size_t n = strcspn(text, ":") / 8;

    if ((n != 1 && n != 4) || text[n * 8] != ':')
        return false;
    for (size_t i = 0; i < n; i++)
        if (sscanf(text + i * 8, "%8" SCNx32, &words[i]) != 1)
            return false;
    if (sscanf(text + n * 8, ":%4x", ret_port) != 1)
        return false;
    inet_ntop(n == 4 ? AF_INET6 : AF_INET, words, address, sizeof(address));
    snprintf(ret_text, size, n == 4 ? "[%s]:%u" : "%s:%u", address, *ret_port);
    return true;
}

/* "  0: LOCAL REMOTE STATE QUEUES TIMER RETRANSMITS UID TIMEOUT INODE ..." */
bool sockets_parse_inet(const char *protocol, const char *line, uint64_t inode, char *buffer,
                        size_t size)
{
    char local_text[64], remote_text[64];
    char local[ENDPOINT_MAX], remote[ENDPOINT_MAX];
    unsigned state, local_port, remote_port;
    uint64_t found;

    if (!procfs_column(line, 9, 10, &found) || found != inode)
        return false;
    if (sscanf(line, " %*[^:]: %63s %63s %x", local_text, remote_text, &state) != 3 ||
        !parse_endpoint(local_text, local, sizeof(local), &local_port) ||
        !parse_endpoint(remote_text, remote, sizeof(remote), &remote_port))
        return false;

    bool connected = remote_port != 0;
    const char *word = NULL;
    if (strcmp(protocol, "tcp") == 0 && state < sizeof(state_words) / sizeof(*state_words))
        word = state_words[state];
    snprintf(buffer, size, "%s %s%s%s%s", protocol, local, connected ? " -> " : "",
             connected ? remote : "", word ? word : "");
    return true;
}

#define UNIX_ACCEPTS 0x10000 /* __SO_ACCEPTCON, include/uapi/linux/net.h */

/* "ADDRESS: REFERENCES PROTOCOL FLAGS TYPE STATE INODE [PATH]". The kernel prints the path's bytes
 * as they are: a socket bound to a path with a newline can pose as another one here. */
bool sockets_parse_unix(const char *protocol, const char *line, uint64_t inode, char *buffer,
                        size_t size)
{
    uint64_t found;
    unsigned flags;
    int path = 0;

    if (!procfs_column(line, 6, 10, &found) || found != inode)
        return false;
    if (sscanf(line, "%*s %*s %*s %x %*s %*s %*s%n", &flags, &path) != 1 || path == 0)
        return false;
    snprintf(buffer, size, "%s%s%s", protocol, line[path] ? line + path : " unnamed",
             flags & UNIX_ACCEPTS ? " listening" : "");
    return true;
}

struct table {
    const char *protocol;
    const char *file;
    bool (*parse)(const char *protocol, const char *line, uint64_t inode, char *buffer,
                  size_t size);
};

static const struct table tables[] = {
    {"tcp", "net/tcp", sockets_parse_inet},   {"tcp", "net/tcp6", sockets_parse_inet},
    {"unix", "net/unix", sockets_parse_unix}, {"udp", "net/udp", sockets_parse_inet},
    {"udp", "net/udp6", sockets_parse_inet},
};

static bool find(int fd, const struct table *table, uint64_t inode, char *buffer, size_t size)
{
    struct procfs_lines lines;
    const char *line;

    procfs_lines_start(&lines, fd, SOCKETS_TABLE_MAX);
    while ((line = procfs_lines_next(&lines)))
        if (table->parse(table->protocol, line, inode, buffer, size))
            return true;
    return false;
}

int sockets_describe(const struct target_id *target, pid_t live_tid, uint64_t inode, char *buffer,
                     size_t size)
{
    for (size_t i = 0; i < sizeof(tables) / sizeof(*tables); i++) {
        AUTO_CLOSE int fd = target_open_task(target, live_tid, tables[i].file, O_RDONLY);
        if (fd >= 0 && find(fd, &tables[i], inode, buffer, size))
            return 0;
    }
    return -ENOENT;
}
