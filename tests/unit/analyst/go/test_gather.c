/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/gather.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "analyst/go/asked.h"

#define BASE 0x10000u
#define SIZE (8u * 1024 * 1024) /* readable from BASE on; the byte at an address is its low one */

static uint8_t packed[RPC_DATA_SIZE];
static uint32_t lengths[RPC_RANGES_MAX];
static size_t n_requests, n_ranges;
static int error;

static int read_ranges(void *context, const struct rpc_range *ranges, size_t n,
                       const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    size_t used = 0;

    (void)context;
    n_requests++;
    n_ranges += n;
    assert_in_range(n, 1, RPC_RANGES_MAX);
    for (size_t i = 0; i < n; i++) {
        assert_true(ranges[i].length <= RPC_DATA_SIZE - used);
        lengths[i] = 0;
        for (uint64_t k = 0; k < ranges[i].length; k++) {
            uint64_t address = ranges[i].address + k;

            if (address < BASE || address >= BASE + SIZE)
                break;
            packed[used++] = (uint8_t)(address * 7);
            lengths[i]++;
        }
    }
    *ret_bytes = packed;
    *ret_lengths = lengths;
    return error;
}

static struct asked asked;
static const struct go_memory memory;

static int ask(void *context, const struct rpc_range *ranges, size_t n)
{
    (void)context;
    return asked_ask(&asked, ranges, n);
}

static int answer(void *context, const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    (void)context;
    return asked_take(&asked, &memory, ret_bytes, ret_lengths);
}

static const struct go_memory memory = {.read_ranges = read_ranges, .ask = ask, .take = answer};

struct taken {
    size_t n;
    size_t got; /* bytes of all */
    uint32_t next;
};

static void take(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct taken *taken = context;

    assert_int_equal(piece->index, taken->next++);
    assert_true(got <= piece->size);
    for (size_t i = 0; i < got; i++)
        assert_int_equal(bytes[i], (uint8_t)((piece->address + i) * 7));
    taken->n++;
    taken->got += got;
}

static struct taken run(const struct piece *pieces, size_t n, uint32_t gap)
{
    struct taken taken = {0};

    n_requests = n_ranges = 0;
    assert_int_equal(gather(&memory, pieces, n, gap, take, &taken), 0);
    return taken;
}

static void neighbours_are_one_range(void **state)
{
    const struct piece pieces[] = {
        {BASE, 100, 0}, {BASE + 150, 100, 1}, {BASE + 200, 10, 2}, {BASE + 301, 8, 3}};

    (void)state;
    assert_int_equal(run(pieces, 4, 50).got, 218);
    assert_int_equal(n_ranges, 2);
    assert_int_equal(run(pieces, 4, 51).got, 218);
    assert_int_equal(n_ranges, 1);
}

static void disorder_costs_ranges_only(void **state)
{
    const struct piece pieces[] = {
        {BASE + 4000, 8, 0}, {BASE, 8, 1}, {BASE + 4000, 8, 2}, {BASE + 4, 8, 3}};

    (void)state;
    assert_int_equal(run(pieces, 4, 8).got, 32);
    assert_int_equal(n_ranges, 4);
}

static void many_take_many_requests(void **state)
{
    static struct piece pieces[5000];

    (void)state;
    for (uint32_t i = 0; i < 5000; i++)
        pieces[i] = (struct piece){BASE + i * 1000, 16, i};
    assert_int_equal(run(pieces, 5000, 100).got, 5000 * 16);
    assert_int_equal(n_requests, (5000 + RPC_RANGES_MAX - 1) / RPC_RANGES_MAX);
}

static void a_request_is_bounded_by_its_bytes(void **state)
{
    static struct piece pieces[100];

    (void)state;
    for (uint32_t i = 0; i < 100; i++)
        pieces[i] = (struct piece){BASE + i * 80000, 70000, i};
    assert_int_equal(run(pieces, 100, 20000).got, 7000000);
    assert_true(n_requests >= 2);
}

static void what_is_unreadable_comes_short(void **state)
{
    const struct piece pieces[] = {{BASE - 8, 16, 0},
                                   {BASE, 16, 1},
                                   {BASE + SIZE - 8, 16, 2},
                                   {UINT64_MAX - 4, 16, 3},
                                   {UINT64_MAX - 4, 0, 4}};

    (void)state;
    assert_int_equal(run(pieces, 5, 0).got, 8);
    assert_int_equal(run(pieces + 0, 0, 0).n, 0);
}

static void what_no_request_can_hold_is_refused(void **state)
{
    const struct piece piece = {BASE, RPC_AHEAD_SIZE + 1, 0};
    struct taken taken = {0};

    (void)state;
    assert_int_equal(gather(&memory, &piece, 1, 0, take, &taken), -E2BIG);
}

static void errors_are_passed_on(void **state)
{
    const struct piece piece = {BASE, 8, 0};
    struct taken taken = {0};

    (void)state;
    error = -ECONNRESET;
    assert_int_equal(gather(&memory, &piece, 1, 0, take, &taken), -ECONNRESET);
    assert_int_equal(taken.n, 0);
    error = 0;
}

static void take_first(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    (void)bytes, (void)got;
    if (piece->index == 0)
        *(size_t *)context = asked.n_asked - asked.n_taken;
}

static void the_next_is_asked_for_while_one_is_handed_out(void **state)
{
    static struct piece pieces[2 * RPC_RANGES_MAX];
    size_t waiting = 0;

    (void)state;
    for (uint32_t i = 0; i < 2 * RPC_RANGES_MAX; i++)
        pieces[i] = (struct piece){BASE + i * 1000, 16, i};
    assert_int_equal(gather(&memory, pieces, 2 * RPC_RANGES_MAX, 0, take_first, &waiting), 0);
    assert_int_equal(waiting, 1);
}

/* Or the answers of the next would be those of the last. */
static void nothing_stays_asked_for(void **state)
{
    static struct piece pieces[3 * RPC_RANGES_MAX];
    struct taken taken = {0};

    (void)state;
    for (uint32_t i = 0; i < 3 * RPC_RANGES_MAX; i++)
        pieces[i] = (struct piece){BASE + i * 1000, 16, i};
    error = -EFAULT;
    assert_int_equal(gather(&memory, pieces, 3 * RPC_RANGES_MAX, 0, take, &taken), -EFAULT);
    assert_int_equal(asked.n_asked, asked.n_taken);
    error = 0;
}

/* Work that there is, and for how many looks an answer is late. */
struct worker {
    unsigned left, late;
    size_t done, done_before_first;
};

static bool is_late(void *context)
{
    struct worker *worker = context;

    return worker->late && worker->late--;
}

static bool work(void *context)
{
    struct worker *worker = context;

    if (!worker->left)
        return false;
    worker->left--;
    worker->done++;
    return true;
}

static void note_work(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct worker *worker = context;

    (void)bytes, (void)got;
    if (piece->index == 0)
        worker->done_before_first = worker->done;
}

static size_t done_meanwhile(unsigned left, unsigned late)
{
    static struct piece pieces[2 * RPC_RANGES_MAX];
    struct worker worker = {.left = left, .late = late};
    struct go_memory busy = memory;

    busy.context = busy.worker = &worker;
    busy.is_late = is_late;
    busy.work = work;
    for (uint32_t i = 0; i < 2 * RPC_RANGES_MAX; i++)
        pieces[i] = (struct piece){BASE + i * 1000, 16, i};
    assert_int_equal(gather(&busy, pieces, 2 * RPC_RANGES_MAX, 0, note_work, &worker), 0);
    assert_int_equal(worker.done_before_first, worker.done);
    return worker.done;
}

static void work_is_done_while_an_answer_is_late(void **state)
{
    (void)state;
    assert_int_equal(done_meanwhile(10, 0), 0);
    assert_int_equal(done_meanwhile(10, 3), 3);
    assert_int_equal(done_meanwhile(3, 10), 3); /* and then it is waited for */
}

/* Two lists of as many pieces, each of more requests than one. */
#define EACH (2 * RPC_RANGES_MAX)
static struct piece lists[2][EACH];

struct order {
    size_t n; /* pieces that were taken, of either */
    size_t n_of_first;
};

static void take_of_first(void *context, const struct piece *piece, const uint8_t *bytes,
                          size_t got)
{
    struct order *order = context;

    (void)bytes;
    assert_int_equal(got, piece->size);
    assert_int_equal(order->n++, order->n_of_first++); /* none of the second yet */
}

static void take_of_second(void *context, const struct piece *piece, const uint8_t *bytes,
                           size_t got)
{
    struct order *order = context;

    (void)bytes;
    assert_int_equal(got, piece->size);
    assert_int_equal(order->n_of_first, EACH);
    order->n++;
}

static void begin_two(struct gatherer *gatherer, struct gathering *two, struct order *order)
{
    gatherer_init(gatherer, &memory);
    for (uint32_t i = 0; i < 2; i++) {
        for (uint32_t k = 0; k < EACH; k++)
            lists[i][k] = (struct piece){BASE + k * 1000, 16, k};
        two[i] = (struct gathering){.pieces = lists[i],
                                    .n = EACH,
                                    .take = i ? take_of_second : take_of_first,
                                    .context = order};
        gather_begin(gatherer, &two[i]);
    }
}

/* So what is read last is as it was after all that was begun before it. */
static void what_is_begun_first_is_read_first(void **state)
{
    struct order order = {0, 0};
    struct gathering two[2];
    struct gatherer gatherer;

    (void)state;
    begin_two(&gatherer, two, &order);
    assert_int_equal(gather_finish(&gatherer, &two[1]), 0);
    assert_int_equal(order.n, 2 * EACH);
    assert_int_equal(gather_finish(&gatherer, &two[0]), 0);
    assert_int_equal(order.n, 2 * EACH);
    assert_int_equal(gather_with(&gatherer, lists[0], 0, 0, take_of_second, &order), 0);
    assert_int_equal(asked.n_asked, asked.n_taken);
}

static void the_next_one_is_asked_for_while_one_is_finished(void **state)
{
    struct order order = {0, 0};
    struct gathering two[2];
    struct gatherer gatherer;

    (void)state;
    begin_two(&gatherer, two, &order);
    assert_int_equal(gather_finish(&gatherer, &two[0]), 0);
    assert_int_equal(order.n, EACH);
    assert_int_equal(asked.n_asked - asked.n_taken, 2);
    gatherer_clear(&gatherer);
    assert_int_equal(asked.n_asked, asked.n_taken);
    assert_int_equal(order.n, EACH);
}

static void an_error_ends_all_until_they_are_forgotten(void **state)
{
    struct order order = {0, 0};
    struct gathering two[2];
    struct gatherer gatherer;

    (void)state;
    begin_two(&gatherer, two, &order);
    error = -ESRCH;
    assert_int_equal(gather_finish(&gatherer, &two[0]), -ESRCH);
    error = 0;
    assert_int_equal(gather_finish(&gatherer, &two[1]), -ESRCH);
    assert_int_equal(gather_with(&gatherer, lists[0], EACH, 0, take_of_first, &order), -ESRCH);
    assert_int_equal(order.n, 0);
    gatherer_clear(&gatherer);
    assert_int_equal(asked.n_asked, asked.n_taken);
    assert_int_equal(gather_with(&gatherer, lists[0], EACH, 0, take_of_first, &order), 0);
    assert_int_equal(order.n, EACH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_one_range),
        cmocka_unit_test(disorder_costs_ranges_only),
        cmocka_unit_test(many_take_many_requests),
        cmocka_unit_test(a_request_is_bounded_by_its_bytes),
        cmocka_unit_test(what_is_unreadable_comes_short),
        cmocka_unit_test(what_no_request_can_hold_is_refused),
        cmocka_unit_test(errors_are_passed_on),
        cmocka_unit_test(the_next_is_asked_for_while_one_is_handed_out),
        cmocka_unit_test(nothing_stays_asked_for),
        cmocka_unit_test(work_is_done_while_an_answer_is_late),
        cmocka_unit_test(what_is_begun_first_is_read_first),
        cmocka_unit_test(the_next_one_is_asked_for_while_one_is_finished),
        cmocka_unit_test(an_error_ends_all_until_they_are_forgotten),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
