/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression to gzip's format, by zlib.
 */
#include "monitor/gzip.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>

#include <zlib.h>

#include "cleanup.h"

#define GZIP_WINDOW (15 + 16) /* the largest window; + 16: a gzip header instead of zlib's */
#define GZIP_MEMORY 8         /* zlib's default */

int gzip_compress(const void *data, size_t size, void **ret_data, size_t *ret_size)
{
    z_stream stream = {0};
    AUTO_FREE void *out = NULL;
    uLong bound;
    int r;

    if (size > UINT_MAX)
        return -EFBIG;
    /* The fastest level: the monitor does nothing else meanwhile, and reports of repeated words
     * shrink well at any level. */
    if (deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, GZIP_WINDOW, GZIP_MEMORY,
                     Z_DEFAULT_STRATEGY) != Z_OK)
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
