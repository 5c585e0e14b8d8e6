/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BULK  (8ul * 1024 * 1024)
#define PIECE (1024ul * 1024)

static void assert_filled(const uint8_t *piece, uint8_t value)
{
    for (size_t i = 0; i < PIECE; i++)
        assert_int_equal(piece[i], value);
}

static void fill_beyond(uint8_t *ret_pieces[static 2 * BULK / PIECE])
{
    for (size_t i = 0; i < 2 * BULK / PIECE; i++) {
        ret_pieces[i] = malloc(PIECE);
        assert_non_null(ret_pieces[i]);
        memset(ret_pieces[i], (int)i, PIECE);
    }
}

/* Of more than what was announced the rest is memory like any other. */
static void what_is_kept_stays(void **state)
{
    uint8_t *pieces[2 * BULK / PIECE];

    (void)state;
    heap_begin_bulk(BULK);
    fill_beyond(pieces);
    for (size_t i = 0; i < 2 * BULK / PIECE; i += 2)
        free(pieces[i]);
    heap_end_bulk();
    for (size_t i = 1; i < 2 * BULK / PIECE; i += 2) {
        assert_filled(pieces[i], (uint8_t)i);
        free(pieces[i]);
    }
}

static void less_than_a_huge_page_is_no_error(void **state)
{
    (void)state;
    heap_begin_bulk(1);
    heap_end_bulk();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_kept_stays),
        cmocka_unit_test(less_than_a_huge_page_is_no_error),
    };

    heap_set_bounds();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
