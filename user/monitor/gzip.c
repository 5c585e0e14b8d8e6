/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression to gzip's format, by zlib.
 */
#include "monitor/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>

#include <zlib.h>

#include "cleanup.h"

#define GZIP_WINDOW (15 + 16) /* the largest window; + 16: a gzip header instead of zlib's */
#define GZIP_MEMORY 8         /* zlib's default */
#define GZIP_BUFFER (64 * 1024)

/* The fastest level: the monitor does nothing else meanwhile, and reports of repeated words shrink
 * well at any level. */
static bool begin(z_stream *stream)
{
    return deflateInit2(stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                        Z_DEFAULT_STRATEGY) == Z_OK;
}

int gzip_compress(const void *data, size_t size, void **ret_data, size_t *ret_size)
{
    z_stream stream = {0};
    AUTO_FREE void *out = NULL;
    uLong bound;
    int r;

    if (size > UINT_MAX)
        return -EFBIG;
    if (!begin(&stream))
        return -ENOMEM;

    bound = deflateBound(&stream, size);
    out = bound <= UINT_MAX ? malloc(bound) : NULL;
    if (!out) {
        deflateEnd(&stream);
        return bound <= UINT_MAX ? -ENOMEM : -EFBIG;
    }
    stream.next_in = (z_const Bytef *)data;
    stream.avail_in = (uInt)size;
    stream.next_out = out;
    stream.avail_out = (uInt)bound;
    r = deflate(&stream, Z_FINISH);
    deflateEnd(&stream);
    if (r != Z_STREAM_END)
        return -EIO;

    *ret_size = stream.total_out;
    *ret_data = TAKE_PTR(out);
    return 0;
}

/* What stands behind a stream of gzip_open(). */
struct packer {
    z_stream stream;
    FILE *out; /* a memory stream */
    unsigned char buffer[GZIP_BUFFER];
};

/* Compresses what there is; at the end (Z_FINISH) all of it. */
static bool pack(struct packer *packer, int flush)
{
    z_stream *stream = &packer->stream;

    do {
        size_t n;

        stream->next_out = packer->buffer;
        stream->avail_out = sizeof(packer->buffer);
        if (deflate(stream, flush) == Z_STREAM_ERROR)
            return false;
        n = sizeof(packer->buffer) - stream->avail_out;
        if (fwrite(packer->buffer, 1, n, packer->out) != n)
            return false;
    } while (!stream->avail_out);
    return true;
}

static ssize_t packer_write(void *cookie, const char *bytes, size_t size)
{
    struct packer *packer = cookie;
    uInt n = size < UINT_MAX ? (uInt)size : UINT_MAX;

    packer->stream.next_in = (z_const Bytef *)bytes;
    packer->stream.avail_in = n;
    return pack(packer, Z_NO_FLUSH) ? (ssize_t)n : 0;
}

static int packer_close(void *cookie)
{
    struct packer *packer = cookie;
    bool packed;

    packer->stream.avail_in = 0;
    packed = pack(packer, Z_FINISH);
    deflateEnd(&packer->stream);
    if (fclose(packer->out))
        packed = false;
    free(packer);
    return packed ? 0 : EOF;
}

int gzip_open(char **ret_data, size_t *ret_size, FILE **ret_out)
{
    static const cookie_io_functions_t functions = {.write = packer_write, .close = packer_close};
    AUTO_FREE struct packer *packer = calloc(1, sizeof(*packer));
    FILE *out;

    if (!packer || !begin(&packer->stream))
        return -ENOMEM;
    packer->out = open_memstream(ret_data, ret_size);
    out = packer->out ? fopencookie(packer, "w", functions) : NULL;
    if (!out) {
        deflateEnd(&packer->stream);
        cleanup_fclose(&packer->out);
        return -ENOMEM;
    }
    packer = NULL; /* the stream's now */
    *ret_out = out;
    return 0;
}
