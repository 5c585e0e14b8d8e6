/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/body.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"
#include "monitor/gzip.h"

struct body *body_new(size_t *pool)
{
    struct body *body = calloc(1, sizeof(*body));

    if (body)
        body->budget.pool = pool;
    return body;
}

void body_free(struct body **body)
{
    if (!*body)
        return;
    budget_give(&(*body)->budget, (*body)->budget.used);
    free((*body)->bytes);
    free(*body);
    *body = NULL;
}

static ssize_t body_write(void *cookie, const char *bytes, size_t size)
{
    struct body *body = cookie;

    if (size > BODY_MAX - body->written) {
        body->is_full = true;
        return 0;
    }
    body->written += size;
    return (ssize_t)fwrite(bytes, 1, size, body->sink);
}

int body_open(struct body *body, bool gzip, FILE **ret_out)
{
    static const cookie_io_functions_t functions = {.write = body_write};
    FILE *out;

    if (!gzip)
        body->sink = open_memstream(&body->bytes, &body->size);
    else if (gzip_open(&body->bytes, &body->size, &body->sink))
        return -ENOMEM;
    if (!body->sink)
        return -ENOMEM;
    out = fopencookie(body, "w", functions);
    if (!out) {
        fclose(TAKE_PTR(body->sink));
        return -ENOMEM;
    }
    *ret_out = out;
    return 0;
}

int body_close(struct body *body, FILE *out)
{
    bool failed = ferror(out);

    failed |= fclose(out) != 0;
    failed |= ferror(body->sink) != 0;
    failed |= fclose(TAKE_PTR(body->sink)) != 0;
    if (body->is_full)
        return -EFBIG;
    /* glibc's fclose() is silent when its last realloc() fails, and the bytes are gone. */
    if (failed || !body->bytes)
        return -ENOMEM;
    return budget_take(&body->budget, body->size) ? 0 : -ENOSPC;
}
