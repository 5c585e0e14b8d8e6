/* SPDX-License-Identifier: Apache-2.0 */
/* TIDs in the target's memory, many at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <linux/futex.h>

#include "analyst/owners.h"
#include "fake_probe.h"

struct fixture {
    struct fake_probe probe;
    struct remote *remote;
};

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fake_probe_start(&fixture->probe);
    *state = fixture;
    return remote_new(fixture->probe.sockets[0], fixture->probe.area, &fixture->remote);
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    remote_free(&fixture->remote);
    fake_probe_stop(&fixture->probe);
    free(fixture);
    return 0;
}

static uint64_t at(const uint32_t *word)
{
    return (uint64_t)(uintptr_t)word;
}

/* Words behind one that cannot be read are those of their own places. */
static void test_words_by_their_masks(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t memory[] = {11, FUTEX_WAITERS | FUTEX_OWNER_DIED | 12, 0};
    const struct owner_word words[] = {
        {at(&memory[0]), UINT32_MAX},     {8, UINT32_MAX},
        {at(&memory[1]), FUTEX_TID_MASK}, {UINT64_MAX - 1, UINT32_MAX},
        {at(&memory[2]), UINT32_MAX},     {at(&memory[0]), UINT32_MAX},
    };
    uint32_t ns_tids[] = {9, 9, 9, 9, 9, 9};

    assert_int_equal(owners_read(fixture->remote, words, 6, ns_tids), 0);
    assert_int_equal(ns_tids[0], 11);
    assert_int_equal(ns_tids[1], 0);
    assert_int_equal(ns_tids[2], 12);
    assert_int_equal(ns_tids[3], 0);
    assert_int_equal(ns_tids[4], 0);
    assert_int_equal(ns_tids[5], 11);
    assert_int_equal(fixture->probe.n_requests[RPC_READ], 1);
}

static void test_as_many_as_one_request_takes(void **state)
{
    struct fixture *fixture = *state;
    uint32_t memory[RPC_RANGES_MAX], ns_tids[RPC_RANGES_MAX];
    struct owner_word words[RPC_RANGES_MAX];

    for (uint32_t i = 0; i < RPC_RANGES_MAX; i++) {
        memory[i] = i;
        words[i] = (struct owner_word){at(&memory[i]), UINT32_MAX};
    }
    assert_int_equal(owners_read(fixture->remote, words, RPC_RANGES_MAX, ns_tids), 0);
    assert_memory_equal(ns_tids, memory, sizeof(memory));
}

static void test_errors_of_the_probe(void **state)
{
    struct fixture *fixture = *state;
    const uint32_t memory = 11;
    const struct owner_word word = {at(&memory), UINT32_MAX};
    uint32_t ns_tid;

    fixture->probe.fail_type = RPC_READ;
    fixture->probe.fail_error = -ESRCH;
    assert_int_equal(owners_read(fixture->remote, &word, 1, &ns_tid), -ESRCH);
    fake_probe_leave(&fixture->probe);
    assert_int_equal(owners_read(fixture->remote, &word, 1, &ns_tid), -ECONNRESET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_words_by_their_masks),
        TEST(test_as_many_as_one_request_takes),
        TEST(test_errors_of_the_probe),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
