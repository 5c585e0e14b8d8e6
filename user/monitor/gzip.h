/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression to gzip's format, whole buffers at once.
 */
#pragma once

#include <stddef.h>

/* Compresses `size` bytes to a gzip member; *ret_data is to be freed with free(). -ENOMEM, or
 * -EFBIG for 4 GiB and more. */
int gzip_compress(const void *data, size_t size, void **ret_data, size_t *ret_size);
