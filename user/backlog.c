/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A memory file in the place of standard error. All roles share its offset, which is where the next
 * line goes; its size is sealed, so that a write beyond it is cut or fails (mm/shmem.c,
 * F_SEAL_GROW), which log_write() takes in silence.
 */
#include "backlog.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "cleanup.h"

int backlog_begin(struct backlog *backlog)
{
    AUTO_CLOSE int memory = -1;
    AUTO_CLOSE int saved = -1;

    backlog->saved_fd = -1;
    if (!isatty(STDERR_FILENO))
        return 0;
    memory = memfd_create("messages", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (memory < 0 || ftruncate(memory, BACKLOG_SIZE) ||
        fcntl(memory, F_ADD_SEALS, F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL))
        return -errno;
    saved = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    if (saved < 0 || dup2(memory, STDERR_FILENO) < 0)
        return -errno;
    backlog->saved_fd = TAKE_FD(saved);
    return 0;
}

static void copy(int from, off_t size, int to)
{
    char bytes[4096];
    off_t at = 0;

    while (at < size) {
        ssize_t n = pread(from, bytes, sizeof(bytes), at);

        if (n > size - at)
            n = size - at;
        if (n <= 0 || write(to, bytes, (size_t)n) != n)
            return;
        at += n;
    }
}

/* There is nobody to tell that it failed. */
static void say(int fd, const char *text)
{
    ssize_t n = write(fd, text, strlen(text));

    (void)n;
}

void backlog_end(struct backlog *backlog)
{
    AUTO_CLOSE int memory = -1;
    off_t size;

    if (backlog->saved_fd < 0)
        return;
    size = lseek(STDERR_FILENO, 0, SEEK_CUR);
    memory = fcntl(STDERR_FILENO, F_DUPFD_CLOEXEC, STDERR_FILENO + 1);
    dup2(backlog->saved_fd, STDERR_FILENO);
    close(backlog->saved_fd);
    backlog->saved_fd = -1;
    if (memory >= 0)
        copy(memory, size, STDERR_FILENO);
    if (size == BACKLOG_SIZE)
        say(STDERR_FILENO, "\nparkwatch: later messages did not fit\n");
}

int backlog_newest(char ret_line[static BACKLOG_LINE_MAX])
{
    char bytes[BACKLOG_LINE_MAX];
    off_t size = lseek(STDERR_FILENO, 0, SEEK_CUR);
    off_t start = size > BACKLOG_LINE_MAX - 1 ? size - (BACKLOG_LINE_MAX - 1) : 0;
    char *line;
    ssize_t n;

    ret_line[0] = '\0';
    if (size <= 0)
        return size < 0 ? -errno : 0;
    n = pread(STDERR_FILENO, bytes, (size_t)(size - start), start);
    if (n <= 0)
        return n < 0 ? -errno : 0;
    bytes[n - (bytes[n - 1] == '\n')] = '\0';
    line = strrchr(bytes, '\n');
    snprintf(ret_line, BACKLOG_LINE_MAX, "%s", line ? line + 1 : bytes);
    return 0;
}
