/* SPDX-License-Identifier: Apache-2.0 */
/* Small bounded readers of the texts in /proc. */
#include "procfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define STAT_MAX   2048          /* 52 numbers of 20 digits, and comm */
#define STATUS_MAX (1024 * 1024) /* 65,536 supplementary groups of 10 digits make 700 KiB */

int procfs_read(int fd, char *buffer, size_t size, size_t *ret_length)
{
    size_t length = 0;

    while (length < size) {
        ssize_t n = read(fd, buffer + length, size - length);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        length += (size_t)n;
    }
    if (length == size)
        return -E2BIG;
    buffer[length] = '\0';
    *ret_length = length;
    return 0;
}

void procfs_lines_start(struct procfs_lines *lines, int fd, size_t max_bytes)
{
    lines->fd = fd;
    lines->left = max_bytes;
    lines->start = lines->end = 0;
    lines->skipping = false;
}

/* Makes room and reads on. False: the end, an error, or the bound. */
static bool refill(struct procfs_lines *lines)
{
    size_t kept = lines->end - lines->start;
    if (kept == sizeof(lines->buffer)) {
        lines->skipping = true;
        kept = 0;
    }
    memmove(lines->buffer, lines->buffer + lines->start, kept);
    lines->start = 0;
    lines->end = kept;

    size_t room = sizeof(lines->buffer) - kept;
    ssize_t n = read(lines->fd, lines->buffer + kept, room < lines->left ? room : lines->left);
    if (n <= 0)
        return false;
    lines->left -= (size_t)n;
    lines->end += (size_t)n;
    return true;
}

char *procfs_lines_next(struct procfs_lines *lines)
{
    for (;;) {
        char *line = lines->buffer + lines->start;
        char *newline = memchr(line, '\n', lines->end - lines->start);
        if (!newline) {
            if (!refill(lines))
                return NULL;
            continue;
        }
        *newline = '\0';
        lines->start = (size_t)(newline + 1 - lines->buffer);
        if (!lines->skipping)
            return line;
        lines->skipping = false;
    }
}

bool procfs_column(const char *text, unsigned column, int base, uint64_t *ret_value)
{
    text += strspn(text, " \t");
    while (column-- > 0) {
        text += strcspn(text, " \t");
        text += strspn(text, " \t");
    }

    char *end;
    errno = 0;
    uint64_t value = strtoull(text, &end, base);
    if (end == text || errno)
        return false;
    *ret_value = value;
    return true;
}

int procfs_parse_stat(const char *text, struct procfs_stat *ret_stat)
{
    /* "PID (comm) S ...": comm holds anything, ')' too, but nothing after it does. */
    const char *after = strrchr(text, ')');
    if (!after || after[1] != ' ' || after[2] == '\0' || after[3] != ' ')
        return -EINVAL;

    /* proc_pid_stat(5) numbers the fields from 1; after the state, field 4 is column 0. */
    struct procfs_stat stat = {.state = after[2]};
    const char *numbers = after + 4;
    if (!procfs_column(numbers, 9 - 4, 10, &stat.flags) ||
        !procfs_column(numbers, 22 - 4, 10, &stat.start_ticks))
        return -EINVAL;
    *ret_stat = stat;
    return 0;
}

int procfs_read_stat(int fd, struct procfs_stat *ret_stat)
{
    char text[STAT_MAX];
    size_t length;

    int err = procfs_read(fd, text, sizeof(text), &length);
    return err ? err : procfs_parse_stat(text, ret_stat);
}

void procfs_parse_status_line(const char *line, struct procfs_status *status)
{
    /* Uid and Gid: real, effective, saved, file system. A newline in Name is escaped by the kernel,
     * so no name can look like one of these lines. */
    const struct {
        const char *key;
        unsigned column;
        uint64_t *value;
    } wanted[] = {
        {"Tgid:", 0, &status->tgid},          {"Uid:", 3, &status->fsuid},
        {"Gid:", 3, &status->fsgid},          {"VmSize:", 0, &status->virtual_kib},
        {"VmRSS:", 0, &status->resident_kib}, {"VmSwap:", 0, &status->swap_kib},
    };

    for (size_t i = 0; i < sizeof(wanted) / sizeof(*wanted); i++) {
        size_t length = strlen(wanted[i].key);
        if (strncmp(line, wanted[i].key, length) == 0)
            procfs_column(line + length, wanted[i].column, 10, wanted[i].value);
    }
}

int procfs_read_status(int fd, struct procfs_status *ret_status)
{
    struct procfs_status status = PROCFS_STATUS_UNKNOWN;
    struct procfs_lines lines;
    const char *line;

    procfs_lines_start(&lines, fd, STATUS_MAX);
    while ((line = procfs_lines_next(&lines)))
        procfs_parse_status_line(line, &status);
    if (status.tgid == PROCFS_UNKNOWN)
        return -ESRCH;
    *ret_status = status;
    return 0;
}
