/* SPDX-License-Identifier: Apache-2.0 */
/* The files of the built-in page, which are part of the program: those in user/monitor/assets/. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct asset {
    const char *name; /* its path in that directory */
    const char *bytes;
    const char *end;
    const char *packed; /* the same as gzip's format */
    const char *packed_end;
};

#define ASSET_ETAG_SIZE 32

/* The file that a path of a URL stands for: "/" for index.html, "/assets/NAME" for each. NULL:
 * none.
 */
const struct asset *asset_find(const char *path);

/* Its media type, from its name. */
const char *asset_type(const struct asset *asset);

/* A strong ETag, quoted: differs for different bytes, and so for the packed ones. */
void asset_etag(const struct asset *asset, bool packed, char ret_etag[static ASSET_ETAG_SIZE]);
