/* SPDX-License-Identifier: Apache-2.0 */
/* What clients may ask. */
#include "monitor/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define SINCE_MAX 1e11 /* seconds; the year 5138 */

int query_debug(const char *text, unsigned *ret_debug)
{
    *ret_debug = 0;
    if (!text)
        return 0;
    if (text[0] < '0' || text[0] > '2' || text[1])
        return -EINVAL;
    *ret_debug = (unsigned)(text[0] - '0');
    return 0;
}

int query_since(const char *text, int64_t *ret_ms)
{
    double seconds;
    char *end;

    *ret_ms = 0;
    if (!text)
        return 0;
    /* No sign, exponent, hexadecimal digits, infinity: what else strtod() takes. */
    if (strspn(text, "0123456789.") != strlen(text))
        return -EINVAL;
    seconds = strtod(text, &end);
    if (end == text || *end || seconds > SINCE_MAX)
        return -EINVAL;
    *ret_ms = (int64_t)(seconds * 1000 + 0.5);
    return 0;
}
