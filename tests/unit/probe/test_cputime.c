/* SPDX-License-Identifier: Apache-2.0 */
/* CPU time from what threads have run for; sweeps come from a file here. */
#include "probe/child.h"

#include <string.h>
#include <sys/mman.h>

#include "probe/fake_bpf.h"
#include "user/probe/cputime.h"

#define MS   1000000ull
#define MANY 5000 /* records: more than fit into one reading */

static void take(struct cputime *cputime, uint64_t user_ns, uint64_t system_ns, uint64_t run_ns)
{
    cputime_take(cputime, &(struct time_record){user_ns, system_ns, run_ns});
}

static void assert_cputime(const struct cputime *cputime, uint64_t user_ns, uint64_t system_ns)
{
    assert_int_equal(cputime->user_ns, user_ns);
    assert_int_equal(cputime->system_ns, system_ns);
}

/* What it ran for is parted as ticks were, however few these are; without any it is the user's. */
static void test_parted_as_ticks(void **state)
{
    struct cputime none = {0}, user = {0}, system = {0}, both = {0}, long_run = {0};

    (void)state;
    take(&none, 0, 0, 7 * MS);
    assert_cputime(&none, 7 * MS, 0);
    take(&user, 4 * MS, 0, 9 * MS);
    assert_cputime(&user, 9 * MS, 0);
    take(&system, 0, 4 * MS, 9 * MS);
    assert_cputime(&system, 0, 9 * MS);
    take(&both, 30 * MS, 10 * MS, 80 * MS);
    assert_cputime(&both, 60 * MS, 20 * MS);
    take(&long_run, 1ull << 62, 1ull << 62, 1ull << 63);
    assert_cputime(&long_run, 1ull << 62, 1ull << 62);
}

/* Not even where ticks say that there was less of one than was told, or a sweep missed threads. */
static void test_never_falls(void **state)
{
    struct cputime cputime = {0};

    (void)state;
    take(&cputime, 10 * MS, 10 * MS, 20 * MS);
    take(&cputime, 90 * MS, 10 * MS, 30 * MS);
    assert_cputime(&cputime, 20 * MS, 10 * MS);
    take(&cputime, 10 * MS, 90 * MS, 40 * MS);
    assert_cputime(&cputime, 20 * MS, 20 * MS);
    take(&cputime, 10 * MS, 10 * MS, 20 * MS);
    assert_cputime(&cputime, 20 * MS, 20 * MS);
    take(&cputime, 50 * MS, 50 * MS, 60 * MS);
    assert_cputime(&cputime, 30 * MS, 30 * MS);
}

static void test_sum_over_threads(void **state)
{
    struct time_record record = {.user_ns = 2 * MS, .system_ns = MS, .run_ns = 6 * MS};
    struct cputime cputime = {0};

    (void)state;
    fake_bpf_sweep = memfd_create("times", MFD_CLOEXEC);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(write(fake_bpf_sweep, &record, sizeof(record)), sizeof(record));
    assert_int_equal(cputime_read(-1, &cputime), 0);
    assert_cputime(&cputime, 4 * MS * MANY, 2 * MS * MANY);
    close(fake_bpf_sweep);
    fake_bpf_sweep = -1;
}

static void test_no_sweep(void **state)
{
    struct cputime cputime = {.user_ns = 1, .system_ns = 2};

    (void)state;
    assert_int_equal(cputime_read(-1, &cputime), -EBADF);
    assert_cputime(&cputime, 1, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parted_as_ticks),
        cmocka_unit_test(test_never_falls),
        cmocka_unit_test(test_sum_over_threads),
        cmocka_unit_test(test_no_sweep),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
