/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/body.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define PIECE ((size_t)1 << 20)

/* A body of so many bytes, which hardly compress; `expected`: what body_close() says. */
static struct body *make(size_t *pool, size_t size, bool gzip, int expected)
{
    static char piece[PIECE];
    struct body *body = body_new(pool);
    FILE *out;

    for (size_t i = 0; i < PIECE; i++)
        piece[i] = (char)random();
    assert_non_null(body);
    assert_int_equal(body_open(body, gzip, &out), 0);
    for (size_t done = 0; done < size; done += PIECE)
        fwrite(piece, 1, size - done < PIECE ? size - done : PIECE, out);
    assert_int_equal(body_close(body, out), expected);
    return body;
}

static void holds_what_is_written(void **state)
{
    size_t pool = 0;
    struct body *body = body_new(&pool);
    FILE *out;

    (void)state;
    assert_non_null(body);
    assert_int_equal(body_open(body, false, &out), 0);
    fputs("one ", out);
    fputs("two", out);
    assert_int_equal(body_close(body, out), 0);
    assert_int_equal(body->size, 7);
    assert_memory_equal(body->bytes, "one two", 7);
    body_free(&body);
    assert_null(body);
    body_free(&body);
}

/* By what was written, whatever it shrinks to. */
static void is_bounded(void **state)
{
    (void)state;
    for (int gzip = 0; gzip < 2; gzip++) {
        size_t pool = BODY_POOL;
        struct body *body = make(&pool, BODY_MAX, gzip, 0);

        body_free(&body);
        body = make(&pool, BODY_MAX + 1, gzip, -EFBIG);
        body_free(&body);
        assert_int_equal(pool, BODY_POOL);
    }
}

static void shares_the_pool(void **state)
{
    struct body *bodies[3];
    size_t pool = 2 * PIECE;

    (void)state;
    bodies[0] = make(&pool, BUDGET_OWN + 2 * PIECE, false, 0);
    assert_int_equal(pool, 0);
    /* Its own is left to each, and no more. */
    bodies[1] = make(&pool, BUDGET_OWN, false, 0);
    bodies[2] = make(&pool, BUDGET_OWN + 1, false, -ENOSPC);
    body_free(&bodies[2]);
    body_free(&bodies[0]);
    assert_int_equal(pool, 2 * PIECE);
    bodies[0] = make(&pool, BUDGET_OWN + PIECE, true, 0);
    assert_in_range(pool, 1, 2 * PIECE);
    body_free(&bodies[0]);
    body_free(&bodies[1]);
    assert_int_equal(pool, 2 * PIECE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(holds_what_is_written),
        cmocka_unit_test(is_bounded),
        cmocka_unit_test(shares_the_pool),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
