/* SPDX-License-Identifier: Apache-2.0 */
/* What the test process runs, looked at ahead of the first scan. It is no Go program: whether it is
 * looked at anew shows in the generation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/mman.h>

#include "../fake_probe.h"
#include "analyst/go/program.h"

struct fixture {
    struct fake_probe probe;
    struct remote *remote;
    struct losses losses;
    struct program *program;
};

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fake_probe_start(&fixture->probe);
    assert_int_equal(remote_new(fixture->probe.sockets[0], fixture->probe.area, &fixture->remote),
                     0);
    assert_int_equal(program_new(fixture->remote, &fixture->losses, &fixture->program), 0);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    program_free(&fixture->program);
    remote_free(&fixture->remote);
    fake_probe_stop(&fixture->probe);
    free(fixture);
    return 0;
}

static uint64_t prepared(struct fixture *fixture)
{
    assert_int_equal(program_prepare(fixture->program), 0);
    return program_generation(fixture->program);
}

static void test_what_is_prepared_is_taken_once(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t generation = prepared(fixture);

    assert_int_equal(program_update(fixture->program, 1, 5), 0);
    assert_int_equal(program_generation(fixture->program), generation);
    assert_int_equal(program_update(fixture->program, 2, 6), 0);
    assert_int_not_equal(program_generation(fixture->program), generation);
}

/* No thread was met: no exec was counted. */
static void test_what_is_prepared_is_checked_in_any_case(void **state)
{
    struct fixture *fixture = *state;
    const unsigned n_maps = (prepared(fixture), fixture->probe.n_maps);

    assert_int_equal(program_update(fixture->program, 1, 0), 0);
    assert_int_equal(fixture->probe.n_maps, n_maps + 1);
}

static void test_other_code_is_another_program(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t generation = prepared(fixture);
    void *code = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    assert_ptr_not_equal(code, MAP_FAILED);
    assert_int_equal(program_update(fixture->program, 1, 5), 0);
    assert_int_not_equal(program_generation(fixture->program), generation);
    munmap(code, 4096);
}

/* The first scan may meet it, too, and says so; the next one looks anew. */
static void test_mappings_that_cannot_be_read(void **state)
{
    struct fixture *fixture = *state;
    const uint64_t generation = prepared(fixture);

    fixture->probe.fail_type = RPC_MAPS;
    fixture->probe.fail_error = -EIO;
    assert_int_equal(program_update(fixture->program, 1, 5), -EIO);
    assert_int_not_equal(program_generation(fixture->program), generation);
    assert_int_equal(program_prepare(fixture->program), 0);
    fixture->probe.fail_error = 0;
    assert_int_equal(program_update(fixture->program, 2, 5), 0);
}

static void test_nobody_answers(void **state)
{
    struct fixture *fixture = *state;

    shutdown(fixture->probe.sockets[0], SHUT_RDWR);
    assert_int_equal(program_prepare(fixture->program), -ECONNRESET);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_what_is_prepared_is_taken_once),
        TEST(test_what_is_prepared_is_checked_in_any_case),
        TEST(test_other_code_is_another_program),
        TEST(test_mappings_that_cannot_be_read),
        TEST(test_nobody_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
