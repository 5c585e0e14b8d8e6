/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/print.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "cleanup.h"
#include "monitor/folded.h"
#include "monitor/json.h"
#include "monitor/pprof.h"
#include "monitor/text.h"

static int write_whole(int fd, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = write(fd, bytes, size);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        bytes += n;
        size -= n;
    }
    return 0;
}

static int format_report(const struct report *report, enum report_format format, unsigned width,
                         FILE *out)
{
    const struct text_options text = {.width = width, .terminal = width != 0};

    switch (format) {
    case FORMAT_JSON:
        return json_write(report, out);
    case FORMAT_FOLDED:
        return folded_write(report, out);
    case FORMAT_PPROF:
        return pprof_write(report, NULL, PPROF_ALL_KINDS, out);
    default:
        return text_write(report, &text, out);
    }
}

int print_report(const struct report *report, enum report_format format, unsigned width, int fd)
{
    AUTO_FREE char *bytes = NULL;
    size_t size = 0;
    FILE *out;
    int r;

    out = open_memstream(&bytes, &size);
    if (!out)
        return -ENOMEM;
    r = format_report(report, format, width, out);
    /* fclose() does not tell of what did not fit before, nor that the last realloc() failed, by
     * which the bytes are gone (glibc libio/memstream.c, _IO_mem_finish()). */
    if (ferror(out) && !r)
        r = -ENOMEM;
    if ((fclose(out) || !bytes) && !r)
        r = -ENOMEM;
    return r ? r : write_whole(fd, bytes, size);
}
