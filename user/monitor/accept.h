/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client accepts: the headers Accept and Accept-Encoding (RFC 9110, 12.4 and 12.5).
 */
#pragma once

#include <stdbool.h>

/* True if an Accept header asks for OpenMetrics 1.0 by name, and wants it no less than text format
 * 0.0.4. NULL: no such header. */
bool accept_openmetrics(const char *header);

/* True if an Accept-Encoding header allows gzip. NULL: no such header. */
bool accept_gzip(const char *header);
