/* SPDX-License-Identifier: Apache-2.0 */
/* Mappings of the test process: asked for one by one, or read whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>

#include "analyst/mappings.h"
#include "fake_probe.h"

struct fixture {
    struct fake_probe probe;
    struct remote *remote;
    struct mappings *mappings;
    const struct maps *maps; /* answered last */
};

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fake_probe_start(&fixture->probe);
    assert_int_equal(remote_new(fixture->probe.sockets[0], fixture->probe.area, &fixture->remote),
                     0);
    assert_int_equal(mappings_new(fixture->remote, &fixture->mappings), 0);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    mappings_free(&fixture->mappings);
    remote_free(&fixture->remote);
    fake_probe_stop(&fixture->probe);
    free(fixture);
    return 0;
}

/* Of code, a stack, and nothing, in no order. */
static void ask(struct fixture *fixture)
{
    uint64_t addresses[] = {(uintptr_t)&fixture, (uintptr_t)ask, 8};

    assert_int_equal(mappings_at(fixture->mappings, addresses, 3, &fixture->maps), 0);
    assert_true(maps_find(fixture->maps, (uintptr_t)ask)->executable);
    assert_string_equal(maps_find(fixture->maps, (uintptr_t)&fixture)->path, "[stack]");
    assert_null(maps_find(fixture->maps, 8));
}

static void test_some_do_not_take_all(void **state)
{
    struct fixture *fixture = *state;

    for (unsigned int i = 1; i <= 3; i++) {
        ask(fixture);
        assert_int_equal(fixture->maps->n, 2);
        assert_int_equal(fixture->probe.n_requests[RPC_MAPPED], i);
    }
    assert_int_equal(fixture->probe.n_maps, 0);
    assert_int_equal(mappings_code(fixture->mappings), 0);
}

static void test_all_are_read_once_a_scan(void **state)
{
    struct fixture *fixture = *state;
    uint64_t code;

    for (unsigned int scan = 1; scan <= 2; scan++) {
        mappings_begin(fixture->mappings);
        for (int i = 0; i < 3; i++)
            assert_int_equal(mappings_all(fixture->mappings, &fixture->maps), 0);
        assert_int_equal(fixture->probe.n_maps, scan);
        /* They have the answer to what is asked for then. */
        ask(fixture);
        assert_true(fixture->maps->n > 2);
    }
    assert_int_equal(fixture->probe.n_requests[RPC_MAPPED], 0);
    code = mappings_code(fixture->mappings);
    assert_int_equal(code, maps_hash_code(fixture->maps));
    mappings_rest(fixture->mappings);
    assert_int_equal(mappings_code(fixture->mappings), code);
    ask(fixture);
    assert_int_equal(fixture->probe.n_requests[RPC_MAPPED], 1);
}

/* As before Linux 6.11. */
static void test_all_where_some_cannot_be_asked_for(void **state)
{
    struct fixture *fixture = *state;

    fixture->probe.only_all = true;
    for (unsigned int scan = 1; scan <= 3; scan++) {
        mappings_begin(fixture->mappings);
        ask(fixture);
        ask(fixture);
        assert_int_equal(fixture->probe.n_maps, scan);
    }
    assert_int_equal(fixture->probe.n_requests[RPC_MAPPED], 1); /* it will not learn to */
}

/* First what was read anyway, then anew: there is something else at an address than it says. */
static void test_renewed(void **state)
{
    struct fixture *fixture = *state;

    mappings_begin(fixture->mappings);
    assert_int_equal(mappings_all(fixture->mappings, &fixture->maps), 0);
    assert_int_equal(mappings_renew(fixture->mappings, &fixture->maps), 0);
    assert_int_equal(fixture->probe.n_maps, 1);
    for (unsigned int i = 2; i <= MAPPINGS_READINGS_MAX; i++) {
        assert_int_equal(mappings_renew(fixture->mappings, &fixture->maps), 0);
        assert_int_equal(fixture->probe.n_maps, i);
    }
    assert_int_equal(mappings_renew(fixture->mappings, &fixture->maps), -EBUSY);
    mappings_doubt(fixture->mappings);
    assert_int_equal(mappings_renew(fixture->mappings, &fixture->maps), -EBUSY);
    assert_int_equal(fixture->probe.n_maps, MAPPINGS_READINGS_MAX);
    mappings_begin(fixture->mappings);
    assert_int_equal(mappings_renew(fixture->mappings, &fixture->maps), 0);
    assert_int_equal(fixture->probe.n_maps, MAPPINGS_READINGS_MAX + 1);
}

/* What is asked of one address comes from the same text: it will not say anything else. */
static void test_nothing_to_renew(void **state)
{
    struct fixture *fixture = *state;
    const struct mapping *mapping;

    fixture->probe.only_all = true;
    for (unsigned int sweep = 1; sweep <= 2; sweep++) {
        mappings_doubt(fixture->mappings);
        assert_int_equal(mappings_find(fixture->mappings, (uintptr_t)ask, &mapping), 0);
        assert_true(mapping->executable);
        assert_int_equal(mappings_renew(fixture->mappings, &fixture->maps), 0);
        assert_int_equal(mappings_renew(fixture->mappings, &fixture->maps), -EBUSY);
        assert_int_equal(fixture->probe.n_maps, sweep);
    }
}

/* Where another mapping is now, however lately all were read. */
static void test_one_as_it_is_now(void **state)
{
    struct fixture *fixture = *state;
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    uint64_t address = (uintptr_t)page;
    const struct mapping *mapping;

    assert_int_equal(mappings_all(fixture->mappings, &fixture->maps), 0);
    assert_int_equal(mappings_find(fixture->mappings, address, &mapping), 0);
    assert_false(mapping->executable);
    assert_int_equal(mprotect(page, 4096, PROT_READ | PROT_EXEC), 0);
    assert_int_equal(mappings_find(fixture->mappings, address, &mapping), 0);
    assert_true(mapping->executable);
    munmap(page, 4096);
    assert_int_equal(mappings_find(fixture->mappings, address, &mapping), 0);
    assert_null(mapping);
}

static void test_errors(void **state)
{
    struct fixture *fixture = *state;
    uint64_t addresses[RPC_RANGES_MAX + 1] = {8};

    fixture->probe.fail_type = RPC_MAPPED;
    fixture->probe.fail_error = -EPERM;
    assert_int_equal(mappings_at(fixture->mappings, addresses, 1, &fixture->maps), -EPERM);
    assert_int_equal(fixture->probe.n_maps, 0);
    assert_int_equal(mappings_at(fixture->mappings, addresses, RPC_RANGES_MAX + 1, &fixture->maps),
                     -E2BIG);
    fixture->probe.fail_type = RPC_MAPS;
    assert_int_equal(mappings_all(fixture->mappings, &fixture->maps), -EPERM);
    fixture->probe.fail_error = 0;
    ask(fixture);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_some_do_not_take_all),
        TEST(test_all_are_read_once_a_scan),
        TEST(test_all_where_some_cannot_be_asked_for),
        TEST(test_renewed),
        TEST(test_nothing_to_renew),
        TEST(test_one_as_it_is_now),
        TEST(test_errors),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
