/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/memos.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define G_AT   0xc000000000ul
#define STRIDE 448u
#define STEP   7919u /* a prime: the order of making is not that of addresses */

/* The target's list, and how much of it can be read before it moves. */
static uint64_t length, readable;

static uint64_t g_at(uint64_t index)
{
    return G_AT + index * STEP % length * STRIDE;
}

int go_runtime_gs(struct go_runtime *runtime, uint64_t from, size_t max, uint64_t *ret_gs,
                  size_t *ret_n, uint64_t *ret_total)
{
    (void)runtime;
    if (from >= readable && readable < length)
        return -EAGAIN;
    for (*ret_n = 0; *ret_n < max && from + *ret_n < readable; ++*ret_n)
        ret_gs[*ret_n] = g_at(from + *ret_n);
    *ret_total = length;
    return 0;
}

static void assert_sorted(const struct memos *memos)
{
    for (size_t i = 1; i < memos->n; i++)
        assert_true(memos->all[i - 1].g < memos->all[i].g);
}

static size_t count_new(const struct memos *memos)
{
    size_t n = 0;

    for (size_t i = 0; i < memos->n; i++)
        n += !!(memos->all[i].flags & MEMO_NEW);
    return n;
}

static void all_are_there_in_the_order_of_memory(void **state)
{
    static const uint64_t lengths[] = {1, 2, 1000, 131072, 131073, 400000};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        struct memos memos = {.n = 0};

        length = readable = lengths[i];
        assert_int_equal(memos_grow(&memos, NULL), 0);
        assert_int_equal(memos.n, length);
        assert_int_equal(memos.left_out, 0);
        assert_int_equal(count_new(&memos), length);
        assert_sorted(&memos);
        memos_clear(&memos);
    }
}

/* What is known of the others stays with them. */
static void new_ones_come_between_those_that_are_known(void **state)
{
    struct memos memos = {.n = 0};

    (void)state;
    length = 400000;
    for (uint64_t known = 1000; known < length; known *= 3) {
        readable = known;
        assert_int_equal(memos_grow(&memos, NULL), -EAGAIN);
        assert_int_equal(memos.n, known);
        assert_sorted(&memos);
        for (size_t i = 0; i < memos.n; i++) {
            if (!(memos.all[i].flags & MEMO_NEW))
                assert_int_equal(memos.all[i].goid, memos.all[i].g);
            memos.all[i].goid = memos.all[i].g;
            memos.all[i].flags = 0;
        }
    }
    readable = length;
    assert_int_equal(memos_grow(&memos, NULL), 0);
    assert_int_equal(memos.n, length);
    assert_sorted(&memos);
    assert_int_equal(memos_grow(&memos, NULL), 0);
    assert_int_equal(memos.n, length);
    memos_clear(&memos);
}

static void those_beyond_the_bound_are_counted(void **state)
{
    struct memos memos = {.n = 0};

    (void)state;
    length = readable = MEMOS_MAX + 5ul;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(memos_grow(&memos, NULL), 0);
        assert_int_equal(memos.n, MEMOS_MAX);
        assert_int_equal(memos.left_out, 5);
    }
    memos_clear(&memos);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_there_in_the_order_of_memory),
        cmocka_unit_test(new_ones_come_between_those_that_are_known),
        cmocka_unit_test(those_beyond_the_bound_are_counted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
