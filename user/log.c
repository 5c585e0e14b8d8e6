/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to standard error.
 */
#include "log.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024 /* longer messages are cut */

static const char prefix[] = "parkwatch: ";

/* Names of processes and files come from targets: what could steer a terminal must not pass. U+0080
 * to U+009F are controls too; in UTF-8 they start with 0xc2. */
static void mask_controls(unsigned char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] == 0x7f)
            text[i] = '?';
        else if (text[i] == 0xc2 && i + 1 < length && text[i + 1] >= 0x80 && text[i + 1] <= 0x9f)
            text[i] = text[i + 1] = '?';
    }
}

void log_write(const char *format, ...)
{
    char line[sizeof(prefix) + LINE_MAX_BYTES];
    const size_t start = sizeof(prefix) - 1;
    const int saved_errno = errno;
    struct pollfd room = {.fd = STDERR_FILENO, .events = POLLOUT};
    va_list arguments;
    int length;
    ssize_t written;

    va_start(arguments, format);
    length = vsnprintf(line + start, LINE_MAX_BYTES, format, arguments);
    va_end(arguments);
    if (length < 0)
        length = 0;
    if (length > LINE_MAX_BYTES - 1)
        length = LINE_MAX_BYTES - 1;

    for (size_t i = 0; i < start; i++)
        line[i] = prefix[i];
    mask_controls((unsigned char *)line + start, (size_t)length);
    line[start + (size_t)length] = '\n';

    /* One write, so that lines of several processes do not mix. There is nobody to tell that it
     * failed. Nobody may read it, and scans must not wait for that: a pipe or socket that takes
     * something takes this line (fs/pipe.c, pipe_poll(): a page is free), unless another process
     * takes that page first. Of the roles only the probe logs while it goes on: monitor and
     * verifier do so as they end. */
    if (poll(&room, 1, 0) == 0) {
        errno = saved_errno;
        return;
    }
    written = write(STDERR_FILENO, line, start + (size_t)length + 1);
    (void)written;
    errno = saved_errno;
}
