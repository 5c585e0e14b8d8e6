/* SPDX-License-Identifier: Apache-2.0 */
#include "buckets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void assert_ascending(const uint64_t *bounds, size_t n)
{
    for (size_t i = 1; i < n; i++)
        assert_true(bounds[i - 1] < bounds[i]);
}

static void bounds_ascend(void **state)
{
    (void)state;
    assert_ascending(park_bucket_ns, RECORD_BUCKETS - 1);
    assert_ascending(scan_bucket_ns, SCAN_BUCKETS - 1);
}

static void bound_belongs_to_its_bucket(void **state)
{
    struct scan_histogram histogram = {0};

    (void)state;
    scan_histogram_add(&histogram, 0);
    scan_histogram_add(&histogram, scan_bucket_ns[0]);
    scan_histogram_add(&histogram, scan_bucket_ns[0] + 1);
    scan_histogram_add(&histogram, scan_bucket_ns[SCAN_BUCKETS - 2] + 1);
    assert_int_equal(histogram.scans[0], 2);
    assert_int_equal(histogram.scans[1], 1);
    assert_int_equal(histogram.scans[SCAN_BUCKETS - 1], 1);
    assert_int_equal(histogram.sum_ns,
                     2 * scan_bucket_ns[0] + scan_bucket_ns[SCAN_BUCKETS - 2] + 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bounds_ascend),
        cmocka_unit_test(bound_belongs_to_its_bucket),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
