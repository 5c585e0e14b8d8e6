/* SPDX-License-Identifier: Apache-2.0 */
/* The test process's own numbers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "user/monitor/self.h"

static struct metrics_self look(const struct self *self)
{
    struct metrics_self metrics;

    self_read(self, &metrics);
    return metrics;
}

static void test_numbers_of_this_process(void **state)
{
    struct rlimit files;
    struct metrics_self metrics;
    struct self self;

    (void)state;
    self_open(&self);
    metrics = look(&self);
    getrlimit(RLIMIT_NOFILE, &files);
    assert_true(metrics.max_fds == (double)files.rlim_cur);
    assert_true(metrics.threads == 1);
    assert_true(metrics.resident_bytes > 100e3);
    assert_true(metrics.virtual_bytes > metrics.resident_bytes);
    assert_true(metrics.cpu_seconds >= 0 && metrics.cpu_seconds < 300);
    assert_true(metrics.start_time > (double)time(NULL) - 300);
    assert_true(metrics.start_time < (double)time(NULL) + 2);
    self_close(&self);
}

static void test_readings_follow(void **state)
{
    struct metrics_self before, after;
    struct self self;
    int fd;

    (void)state;
    self_open(&self);
    before = look(&self);
    assert_true(before.open_fds >= 3); /* those of struct self at least */
    fd = dup(self.fds_fd);
    while (look(&self).cpu_seconds <= before.cpu_seconds)
        ;
    after = look(&self);
    assert_true(after.open_fds == before.open_fds + 1);
    assert_true(after.resident_bytes > 100e3);
    assert_true(after.virtual_bytes > after.resident_bytes);
    assert_true(after.threads == 1);
    close(fd);
    assert_true(look(&self).open_fds == before.open_fds);
    self_close(&self);
}

/* As where /proc is not mounted. */
static void test_what_cannot_be_read_is_unknown(void **state)
{
    const struct self self = {
        .stat_fd = -1, .status_fd = -1, .fds_fd = -1, .max_fds = -1, .start_time = -1};
    struct metrics_self metrics = look(&self);

    (void)state;
    assert_true(metrics.resident_bytes < 0);
    assert_true(metrics.virtual_bytes < 0);
    assert_true(metrics.open_fds < 0);
    assert_true(metrics.max_fds < 0);
    assert_true(metrics.start_time < 0);
    assert_true(metrics.cpu_seconds >= 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_of_this_process),
        cmocka_unit_test(test_readings_follow),
        cmocka_unit_test(test_what_cannot_be_read_is_unknown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
