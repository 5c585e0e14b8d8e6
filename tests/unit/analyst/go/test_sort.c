/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/sort.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define N 1000

static const size_t sizes[] = {0, 1, 2, 3, 332, N};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Some that are near to each other and some that are far, a few of them twice. */
static uint64_t address_of(uint32_t i)
{
    uint64_t address = (i % (N - 10) + 1) * 6364136223846793005u;

    return i % 3 ? address : address >> 40;
}

static void pieces_keep_what_is_theirs(void **state)
{
    static struct piece pieces[N], spare[N];

    (void)state;
    for (size_t k = 0; k < LENGTH(sizes); k++) {
        size_t n = sizes[k], sum = 0;

        for (uint32_t i = 0; i < n; i++)
            pieces[i] = (struct piece){address_of(i), i % 7, i};
        sort_pieces(pieces, spare, n);
        for (size_t i = 0; i < n; i++) {
            assert_int_equal(pieces[i].address, address_of(pieces[i].index));
            assert_int_equal(pieces[i].size, pieces[i].index % 7);
            sum += pieces[i].index;
        }
        assert_int_equal(sum, n ? n * (n - 1) / 2 : 0);
        for (size_t i = 1; i < n; i++)
            assert_true(pieces[i - 1].address < pieces[i].address ||
                        (pieces[i - 1].address == pieces[i].address &&
                         pieces[i - 1].index < pieces[i].index));
    }
}

static void addresses_are_all_still_there(void **state)
{
    static uint64_t addresses[N], spare[N];

    (void)state;
    for (size_t k = 0; k < LENGTH(sizes); k++) {
        size_t n = sizes[k];
        uint64_t sum = 0;

        for (uint32_t i = 0; i < n; i++) {
            addresses[i] = address_of(i);
            sum += addresses[i];
        }
        sort_addresses(addresses, spare, n);
        for (size_t i = 0; i < n; i++)
            sum -= addresses[i];
        assert_int_equal(sum, 0);
        for (size_t i = 1; i < n; i++)
            assert_true(addresses[i - 1] <= addresses[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_keep_what_is_theirs),
        cmocka_unit_test(addresses_are_all_still_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
