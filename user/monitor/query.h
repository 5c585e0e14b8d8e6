/* SPDX-License-Identifier: Apache-2.0 */
/* Arguments of a URL's query, each a text or NULL where it was not given. -EINVAL: it is not one.
 */
#pragma once

#include <stdint.h>

/* ?debug= of profiles: 0, 1 or 2; none is 0. */
int query_debug(const char *text, unsigned *ret_debug);

/* ?since=: seconds since 1970 that may have a fraction; none is 0. */
int query_since(const char *text, int64_t *ret_ms);
