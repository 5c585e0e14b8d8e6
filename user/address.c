/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes HOST:PORT apart.
 */
#include "address.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PORT_LAST 65535

static bool is_port(const char *text)
{
    const size_t length = strlen(text);

    if (!length || length >= ADDRESS_PORT_MAX || strspn(text, "0123456789") != length)
        return false;
    return atoi(text) <= PORT_LAST;
}

/* Finds the host in `text`, whose last colon is at `colon`: inside of brackets, if it has colons of
 * its own. */
static int find_host(const char *text, const char *colon, const char **ret_host, size_t *ret_length)
{
    const char *host = text;
    size_t length = (size_t)(colon - text);

    if (length >= 2 && host[0] == '[' && host[length - 1] == ']') {
        host++;
        length -= 2;
        if (!length)
            return -EINVAL;
    } else if (memchr(host, ':', length)) {
        return -EINVAL;
    }
    for (size_t i = 0; i < length; i++) {
        if (!isgraph((unsigned char)host[i]) || strchr("[]/", host[i]))
            return -EINVAL;
    }
    *ret_host = host;
    *ret_length = length;
    return 0;
}

int address_parse(const char *text, struct address *ret_address)
{
    const char *colon = strrchr(text, ':');
    const char *host;
    size_t length;
    int r;

    if (!colon || !is_port(colon + 1))
        return -EINVAL;
    r = find_host(text, colon, &host, &length);
    if (r < 0)
        return r;
    if (length >= ADDRESS_HOST_MAX)
        return -EINVAL;

    *ret_address = (struct address){0};
    memcpy(ret_address->host, host, length);
    memcpy(ret_address->port, colon + 1, strlen(colon + 1));
    return 0;
}
