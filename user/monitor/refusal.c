/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/refusal.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "monitor/strict.h"

/* `more`: headers, each with the end of its line. */
static const struct {
    unsigned status;
    const char *reason;
    const char *body;
    const char *more;
} answers[REFUSAL_MAX_] = {
    [REFUSAL_MALFORMED] = {400, "Bad Request", "not an HTTP request\n", ""},
    [REFUSAL_VERSION] = {505, "HTTP Version Not Supported", "only HTTP/1.0 and 1.1\n", ""},
    [REFUSAL_TOO_LARGE] = {431, "Request Header Fields Too Large", "too large a request\n", ""},
    [REFUSAL_NO_HOST] = {400, "Bad Request", "no Host, or not a valid one\n", ""},
    [REFUSAL_HOST] = {421, "Misdirected Request",
                      "not a name of this server; see --web.allowed-host\n", ""},
    [REFUSAL_CROSS_SITE] = {403, "Forbidden", "not for pages of other sites\n", ""},
    [REFUSAL_METHOD] = {405, "Method Not Allowed", "only GET and HEAD\n", "Allow: GET, HEAD\r\n"},
    [REFUSAL_BODY] = {413, "Content Too Large", "no bodies\n", ""},
    [REFUSAL_PASSWORD] = {401, "Unauthorized", "user and password, please\n",
                          "WWW-Authenticate: Basic realm=\"parkwatch\", charset=\"UTF-8\"\r\n"},
    [REFUSAL_LATE] = {408, "Request Timeout", "too slow a request\n", ""},
    [REFUSAL_BUSY_PASSWORDS] = {429, "Too Many Requests", "too many passwords to check\n",
                                "Retry-After: 1\r\n"},
    [REFUSAL_BUSY] = {503, "Service Unavailable", "too many requests\n", "Retry-After: 1\r\n"},
    [REFUSAL_INTERNAL] = {500, "Internal Server Error", "internal error\n", ""},
};

enum refusal refusal_of_error(int error)
{
    switch (error) {
    case 0:
        return REFUSAL_NONE;
    case -EMSGSIZE:
        return REFUSAL_TOO_LARGE;
    case -EPROTONOSUPPORT:
        return REFUSAL_VERSION;
    default:
        return REFUSAL_MALFORMED;
    }
}

/* HTTP/1.0 needs no Host: no browser that could be tricked speaks it. */
static enum refusal refusal_of_host(const struct head *head, const struct host_names *names)
{
    int r;

    if (!head->host)
        return head->minor ? REFUSAL_NO_HOST : REFUSAL_NONE;
    r = host_check(names, head->host);
    if (r)
        return r == -ENOENT ? REFUSAL_HOST : REFUSAL_NO_HOST;
    return REFUSAL_NONE;
}

/* Does a page of another site have its visitor's browser ask? A link that the visitor follows, as
 * one of a Grafana dashboard, is no harm: that page sees nothing of the answer, which is shown on
 * its own and in no frame. */
static bool is_from_elsewhere(const struct head *head)
{
    if (!head->sec_fetch_site || strcasecmp(head->sec_fetch_site, "cross-site"))
        return false;
    return !head->sec_fetch_mode || strcasecmp(head->sec_fetch_mode, "navigate") ||
           !head->sec_fetch_dest || strcasecmp(head->sec_fetch_dest, "document");
}

enum refusal refusal_of(const struct head *head, const struct host_names *names)
{
    const enum refusal refusal = refusal_of_host(head, names);

    if (refusal)
        return refusal;
    if (is_from_elsewhere(head))
        return REFUSAL_CROSS_SITE;
    if (strcmp(head->method, "GET") && strcmp(head->method, "HEAD"))
        return REFUSAL_METHOD;
    return head_has_body(head) ? REFUSAL_BODY : REFUSAL_NONE;
}

static void write_headers(const struct webconfig *config, FILE *out)
{
    for (size_t i = 0; i < STRICT_HEADERS; i++)
        if (!webconfig_header(config, strict_headers[i].name))
            fprintf(out, "%s: %s\r\n", strict_headers[i].name, strict_headers[i].value);
    for (size_t i = 0; config && i < config->n_headers; i++)
        fprintf(out, "%s: %s\r\n", config->headers[i].name, config->headers[i].value);
}

size_t refusal_write(enum refusal refusal, bool with_body, const struct webconfig *config,
                     char ret_text[static REFUSAL_MAX])
{
    FILE *out = fmemopen(ret_text, REFUSAL_MAX, "w");
    long length;

    if (!out)
        return 0;
    fprintf(out, "HTTP/1.1 %u %s\r\n", answers[refusal].status, answers[refusal].reason);
    fprintf(out, "Content-Type: text/plain; charset=utf-8\r\nContent-Length: %zu\r\n",
            strlen(answers[refusal].body));
    write_headers(config, out);
    fprintf(out, "%sConnection: close\r\n\r\n%s", answers[refusal].more,
            with_body ? answers[refusal].body : "");
    length = ftell(out);
    fclose(out);
    return length > 0 ? (size_t)length : 0;
}
