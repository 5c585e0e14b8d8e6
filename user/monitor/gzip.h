/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compression to gzip's format: of whole buffers, and of what is written bit by bit.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

/* Compresses `size` bytes to a gzip member; *ret_data is to be freed with free(). -ENOMEM, or
 * -EFBIG for 4 GiB and more. */
int gzip_compress(const void *data, size_t size, void **ret_data, size_t *ret_size);

/* As open_memstream(): what is written to *ret_out goes compressed into memory, which is *ret_data
 * and *ret_size once fclose() has returned 0, and to be freed with free() even if it has not. What
 * is written takes no memory itself. -ENOMEM. */
int gzip_open(char **ret_data, size_t *ret_size, FILE **ret_out);
