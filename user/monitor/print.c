/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/print.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "cleanup.h"
#include "monitor/folded.h"
#include "monitor/json.h"
#include "monitor/pprof.h"
#include "monitor/text.h"

/* Where a report goes. */
struct sink {
    int fd;
    int error; /* of the first write that failed, negative; 0: none */
};

/* As much as is asked for, or nothing. */
static ssize_t sink_write(void *cookie, const char *bytes, size_t size)
{
    struct sink *sink = cookie;

    for (size_t done = 0; done < size;) {
        const ssize_t n = write(sink->fd, bytes + done, size - done);

        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            sink->error = -errno;
            return 0;
        }
        done += (size_t)n;
    }
    return (ssize_t)size;
}

static int format_report(const struct report *report, enum report_format format, unsigned width,
                         FILE *out)
{
    const struct text_options text = {.width = width, .terminal = width != 0};

    switch (format) {
    case FORMAT_JSON:
        return json_write(report, JSON_MAX_NONE, out);
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
    static const cookie_io_functions_t functions = {.write = sink_write};
    AUTO_FREE char *piece = malloc(PRINT_PIECE);
    struct sink sink = {.fd = fd};
    FILE *out;
    int r;

    if (!piece)
        return -ENOMEM;
    out = fopencookie(&sink, "w", functions);
    if (!out)
        return -ENOMEM;
    setvbuf(out, piece, _IOFBF, PRINT_PIECE);
    r = format_report(report, format, width, out);
    if (ferror(out) && !r)
        r = -EIO;
    if (fclose(out) && !r)
        r = -EIO;
    return sink.error ? sink.error : r;
}
