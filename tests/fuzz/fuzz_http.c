/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the head of an HTTP request, as they come in: what is taken is within its bounds,
 * and what is handed on of it is read again as the same request.
 */
#include <errno.h>

#include "fuzz.h"

#include "monitor/head.h"
#include "monitor/host.h"

static void check_same(const char *a, const char *b)
{
    check(!a == !b);
    check(!a || strcmp(a, b) == 0);
}

static void check_head(const struct head *head)
{
    struct host_names names = {1, {"monitor.example"}};

    check(head->method && head->target && head->target[0] == '/');
    check(head->minor <= 1);
    for (const char *at = head->target; *at; at++)
        check(*at > ' ' && *at <= '~');
    if (head->host)
        host_check(&names, head->host);
    head_has_body(head);
}

static void check_written(const struct head *head)
{
    char text[HEAD_WRITTEN_MAX];
    size_t size = head_write(head, text);
    struct head again;

    check(size > 0 && size < HEAD_WRITTEN_MAX);
    check(!head_parse(text, size, &again));
    check_same(head->target, again.target);
    check_same(head->accept, again.accept);
    check_same(head->accept_encoding, again.accept_encoding);
    check_same(head->if_none_match, again.if_none_match);
    check(!head_has_body(&again));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct head head;
    char *bytes;

    if (size > HEAD_MAX)
        size = HEAD_MAX;
    bytes = take_text(&input);
    switch (head_parse(bytes, size, &head)) {
    case -EAGAIN:
        check(memcmp(bytes, data, size) == 0);
        break;
    case 0:
        check_head(&head);
        check_written(&head);
        break;
    }
    free(bytes);
    return 0;
}
