/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/host.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define PORT_DIGITS_MAX 5

int host_names_add(struct host_names *names, const char *name)
{
    const size_t length = strlen(name);

    if (names->n == HOST_NAMES_MAX || length >= HOST_NAME_MAX_)
        return -E2BIG;
    memcpy(names->names[names->n++], name, length + 1);
    return 0;
}

void host_names_add_own(struct host_names *names)
{
    char name[HOST_NAME_MAX_];

    if (gethostname(name, sizeof(name)) || !memchr(name, '\0', sizeof(name)) || !name[0])
        return;
    host_names_add(names, name);
    if (!strchr(name, '.'))
        return;
    *strchr(name, '.') = '\0';
    host_names_add(names, name);
}

/* "" or ":" and at most five digits. */
static bool is_port(const char *text)
{
    const size_t digits = strspn(text + (text[0] == ':'), "0123456789");

    return text[0] == ':' ? digits <= PORT_DIGITS_MAX && !text[1 + digits] : !text[0];
}

/* Cuts the host off its port: "[::1]:80" gives "::1". */
static int take_host(const char *text, char ret_name[static HOST_NAME_MAX_], bool *ret_bracketed)
{
    const char *end;

    *ret_bracketed = text[0] == '[';
    if (*ret_bracketed) {
        end = strchr(++text, ']');
        if (!end || !is_port(end + 1))
            return -EBADMSG;
    } else {
        end = text + strcspn(text, ":");
        if (!is_port(end))
            return -EBADMSG;
    }
    if (end == text || end - text >= HOST_NAME_MAX_)
        return -EBADMSG;
    memcpy(ret_name, text, (size_t)(end - text));
    ret_name[end - text] = '\0';
    return 0;
}

static bool is_name(const char *name)
{
    const char *allowed = "-._0123456789"
                          "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

    return name[strspn(name, allowed)] == '\0';
}

int host_check(const struct host_names *names, const char *host)
{
    char name[HOST_NAME_MAX_];
    struct in6_addr address;
    bool bracketed;
    int r;

    r = take_host(host, name, &bracketed);
    if (r)
        return r;
    if (bracketed)
        return inet_pton(AF_INET6, name, &address) == 1 ? 0 : -EBADMSG;
    if (!is_name(name))
        return -EBADMSG;
    if (inet_pton(AF_INET, name, &address) == 1 || !strcasecmp(name, "localhost"))
        return 0;
    for (size_t i = 0; names && i < names->n; i++)
        if (!strcasecmp(name, names->names[i]))
            return 0;
    return -ENOENT;
}
