/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The bodies of answers, in memory until they are sent. What is put into one comes from targets,
 * who decide how long their names are, and how long it stays is up to clients: the bytes of one are
 * bounded, and so is the memory of all.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "budget.h"

#define BODY_MAX  ((size_t)64 << 20)  /* bytes of one, before they are compressed */
#define BODY_POOL ((size_t)256 << 20) /* bytes of all, beyond the BUDGET_OWN of each (budget.h) */

struct body {
    char *bytes;
    size_t size;
    struct budget budget; /* what it takes of the pool */
    FILE *sink;           /* while it is written: where the bytes go, compressed or not */
    size_t written;       /* before they are compressed */
    bool is_full;         /* there were more */
};

/* An empty body, which takes of `*pool`, borrowed; NULL: no memory. */
struct body *body_new(size_t *pool);

/* Frees it and gives back what it took. NULL-safe. */
void body_free(struct body **body);

/* Opens it for writing. Beyond BODY_MAX the stream fails. -ENOMEM. */
int body_open(struct body *body, bool gzip, FILE **ret_out);

/* Closes the stream; it is the body's bytes from now on. -EFBIG: more than BODY_MAX was written;
 * -ENOSPC: the others leave it no room; -ENOMEM. */
int body_close(struct body *body, FILE *out);
