/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyst/go/process.h"

#include "analyst/go/waitqs.h"

#define CHANNEL UINT64_C(0xc000123000)
#define APART   128 /* bytes between two sudogs */

static struct process *target;
static const struct g_layout *layout;
static struct waitqs *waitqs;

static int begin(void **state)
{
    (void)state;
    target = process_new(126, 0);
    layout = g_layout_of(126);
    return waitqs_new(layout, &target->memory, &waitqs);
}

static int end(void **state)
{
    (void)state;
    waitqs_free(&waitqs);
    free(target);
    return 0;
}

static uint64_t sudog(uint64_t index)
{
    return THINGS_AT + index * APART;
}

/* A list of `n` sudogs of the channel, from sudog `start` on. */
static struct channel senders(uint64_t start, uint64_t n)
{
    for (uint64_t i = start; i < start + n; i++) {
        put64(target, sudog(i) + 8, i + 1 < start + n ? sudog(i + 1) : 0);
        put64(target, sudog(i) + target->offsets->sudog_channel, CHANNEL);
    }
    return (struct channel){.senders = {sudog(start), sudog(start + n - 1), n > 1 ? 2 : 1, n > 1}};
}

static void assert_counted(const struct waitq *waitq, uint32_t n, bool more)
{
    assert_int_equal(waitq->n, n);
    assert_int_equal(waitq->more, more);
}

static void lists_are_counted(void **state)
{
    (void)state;
    for (uint64_t n = 1; n <= 40; n++) {
        struct channel channel = senders(100 * n % 900, n);

        waitqs_begin(waitqs);
        waitqs_count(waitqs, CHANNEL, &channel);
        assert_counted(&channel.senders, (uint32_t)n, false);
        assert_counted(&channel.receivers, 0, false);
    }
}

/* The rule, in an incident: it costs nothing. */
static void one_alone_is_not_read(void **state)
{
    struct channel channel = senders(0, 1);
    unsigned before = target->n_reads;

    (void)state;
    waitqs_begin(waitqs);
    waitqs_count(waitqs, CHANNEL, &channel);
    assert_counted(&channel.senders, 1, false);
    assert_int_equal(target->n_reads, before);
}

/* Of many on one channel, each would follow the same list. */
static void a_list_is_followed_once_a_scan(void **state)
{
    struct channel channel = senders(0, 500), again = channel;
    unsigned before = target->n_reads, first;

    (void)state;
    waitqs_begin(waitqs);
    waitqs_count(waitqs, CHANNEL, &channel);
    first = target->n_reads - before;
    assert_in_range(first, 1, 10);
    for (int i = 0; i < 100000; i++) {
        channel = again;
        waitqs_count(waitqs, CHANNEL, &channel);
        assert_counted(&channel.senders, 500, false);
    }
    assert_int_equal(target->n_reads, before + first);
    channel = senders(0, 400);
    waitqs_begin(waitqs);
    waitqs_count(waitqs, CHANNEL, &channel);
    assert_counted(&channel.senders, 400, false);
}

static void long_lists_are_cut(void **state)
{
    struct channel channel = senders(0, WAITQ_MAX);

    (void)state;
    waitqs_begin(waitqs);
    waitqs_count(waitqs, CHANNEL, &channel);
    assert_counted(&channel.senders, WAITQ_MAX, false);
    channel = senders(0, WAITQ_MAX + 1);
    waitqs_begin(waitqs);
    waitqs_count(waitqs, CHANNEL, &channel);
    assert_counted(&channel.senders, WAITQ_MAX, true);
}

/* What another channel's sudog would add is not counted, a list that changed not believed. */
static void lists_that_change_say_less(void **state)
{
    struct channel channel = senders(0, 10);

    (void)state;
    put64(target, sudog(6) + target->offsets->sudog_channel, CHANNEL + 8);
    waitqs_begin(waitqs);
    waitqs_count(waitqs, CHANNEL, &channel);
    assert_counted(&channel.senders, 6, true);

    channel = senders(0, 10);
    put64(target, sudog(3) + 8, 0);
    waitqs_begin(waitqs);
    waitqs_count(waitqs, CHANNEL, &channel);
    assert_counted(&channel.senders, 4, true);

    channel = senders(0, 10);
    put64(target, sudog(0) + 8, 12345);
    waitqs_begin(waitqs);
    waitqs_count(waitqs, CHANNEL, &channel);
    assert_counted(&channel.senders, 2, true);
}

static void hostile_lists_end(void **state)
{
    struct channel channel = senders(0, 10);

    (void)state;
    put64(target, sudog(9) + 8, sudog(0));
    channel.senders.last = 1;
    waitqs_begin(waitqs);
    waitqs_count(waitqs, CHANNEL, &channel);
    assert_counted(&channel.senders, WAITQ_MAX, true);
    for (uint64_t at = 1; at; at <<= 1) {
        channel.senders = (struct waitq){at, UINT64_MAX, 2, true};
        channel.receivers = (struct waitq){UINT64_MAX - at, at, 2, true};
        waitqs_count(waitqs, CHANNEL, &channel);
        assert_true(channel.senders.more && channel.receivers.more);
    }
}

/* Lists whose sudogs are so far apart that each takes a read of its own. */
static void reads_of_a_scan_are_bounded(void **state)
{
    const uint64_t far = THINGS_AT + 16 * UINT64_C(8192);
    unsigned before = target->n_reads;
    struct channel channel = {0};

    (void)state;
    waitqs_begin(waitqs);
    for (uint64_t i = 0; i < WAITQS_READS_MAX / WAITQ_MAX + 1; i++) {
        uint64_t here = sudog(i), there = far + i * APART;

        put64(target, here + 8, there);
        put64(target, there + 8, here);
        put64(target, here + target->offsets->sudog_channel, CHANNEL);
        put64(target, there + target->offsets->sudog_channel, CHANNEL);
        channel.senders = (struct waitq){here, 1, 2, true};
        waitqs_count(waitqs, CHANNEL, &channel);
    }
    assert_counted(&channel.senders, WAITQS_READS_MAX % WAITQ_MAX, true);
    assert_int_equal(target->n_reads - before, WAITQS_READS_MAX);
    channel.senders = (struct waitq){sudog(20), 1, 2, true};
    waitqs_count(waitqs, CHANNEL, &channel);
    assert_counted(&channel.senders, 2, true);
    assert_int_equal(target->n_reads - before, WAITQS_READS_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(lists_are_counted, begin, end),
        cmocka_unit_test_setup_teardown(one_alone_is_not_read, begin, end),
        cmocka_unit_test_setup_teardown(a_list_is_followed_once_a_scan, begin, end),
        cmocka_unit_test_setup_teardown(long_lists_are_cut, begin, end),
        cmocka_unit_test_setup_teardown(lists_that_change_say_less, begin, end),
        cmocka_unit_test_setup_teardown(hostile_lists_end, begin, end),
        cmocka_unit_test_setup_teardown(reads_of_a_scan_are_bounded, begin, end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
