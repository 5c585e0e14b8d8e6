/* SPDX-License-Identifier: Apache-2.0 */
#include "room.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void fill(unsigned char *room, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        room[i] = (unsigned char)(i * 31 % 251);
}

static void assert_filled(const unsigned char *room, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (room[i] != i * 31 % 251)
            fail_msg("byte %zu of %zu is %u", i, n, room[i]);
}

/* From small to large, within both, and by less than a page. */
static void what_was_in_it_stays(void **state)
{
    static const size_t sizes[] = {
        1, 100, ROOM_LARGE - 1, ROOM_LARGE, ROOM_LARGE + 1, 2 * ROOM_LARGE + 5, 9 * ROOM_LARGE,
    };
    unsigned char *room = NULL;
    size_t bytes = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        room = room_grow(room, bytes, sizes[i]);
        assert_non_null(room);
        assert_filled(room, bytes);
        fill(room, bytes, sizes[i]);
        bytes = sizes[i];
    }
    room_free(room, bytes);
}

static void a_new_one_is_zero(void **state)
{
    static const size_t sizes[] = {1, ROOM_LARGE - 1, ROOM_LARGE, 3 * ROOM_LARGE - 1};

    (void)state;
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        unsigned char *room = room_new(sizes[i]);

        assert_non_null(room);
        for (size_t k = 0; k < sizes[i]; k++)
            if (room[k])
                fail_msg("byte %zu of %zu is %u", k, sizes[i], room[k]);
        room_free(room, sizes[i]);
    }
}

static void none_is_given_back_too(void **state)
{
    (void)state;
    room_free(NULL, 0);
    room_free(NULL, ROOM_LARGE);
}

/* What no machine has: the old one is as it was. */
static void without_memory_there_is_none(void **state)
{
    const size_t too_much = (size_t)1 << 60;
    unsigned char *small = room_new(100), *large = room_new(2 * ROOM_LARGE);

    (void)state;
    fill(small, 0, 100);
    fill(large, 0, 2 * ROOM_LARGE);
    assert_null(room_new(too_much));
    assert_null(room_grow(NULL, 0, too_much));
    assert_null(room_grow(small, 100, too_much));
    assert_null(room_grow(large, 2 * ROOM_LARGE, too_much));
    assert_filled(small, 100);
    assert_filled(large, 2 * ROOM_LARGE);
    room_free(small, 100);
    room_free(large, 2 * ROOM_LARGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_in_it_stays),
        cmocka_unit_test(a_new_one_is_zero),
        cmocka_unit_test(none_is_given_back_too),
        cmocka_unit_test(without_memory_there_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
