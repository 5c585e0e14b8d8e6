/* SPDX-License-Identifier: Apache-2.0 */
/* The store: from messages to the report that views print. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <time.h>

#include "feed.h"
#include "monitor/group.h"

#define MAX_STACKS 2

static int set_up(void **state)
{
    struct store *store = NULL;

    assert_int_equal(
        store_new(&(struct store_options){.threshold_ns = FEED_SECOND, .max_stacks = MAX_STACKS},
                  &store),
        0);
    assert_int_equal(feed_target(store, 0, 4121, "app", true), 0);
    assert_int_equal(feed_names(store, 0), 0);
    *state = store;
    return 0;
}

static int tear_down(void **state)
{
    store_free((struct store **)state);
    return 0;
}

static struct store *store_of(void **state)
{
    return *state;
}

static const struct target_report *report_of(struct store *store, size_t index)
{
    const struct store_clocks now = {FEED_START + 60 * FEED_SECOND, 2000 * FEED_SECOND, 2000.0};
    static struct report report;

    store_report(store, &now, &report);
    assert_true(index < report.n_targets);
    return &report.targets[index];
}

static uint64_t loss_of(struct store *store, enum loss loss)
{
    return report_of(store, 0)->losses.count[loss];
}

static void test_report_of_a_scan(void **state)
{
    struct store *store = store_of(state);
    const struct target_report *target;

    assert_false(report_of(store, 0)->scanned);
    assert_int_equal(feed_threads(store, 0, 1, 100, 3, FEED_START - 10 * FEED_SECOND), 0);
    assert_int_equal(feed_threads(store, 0, 2, 200, 5, FEED_START - 20 * FEED_SECOND), 0);
    assert_int_equal(feed_threads(store, 0, 2, 300, 7, FEED_START - FEED_SECOND / 2), 0);
    assert_int_equal(report_of(store, 0)->n_groups, 0);
    assert_int_equal(feed_scan(store, 0, 1, FEED_START), 0);

    target = report_of(store, 0);
    assert_true(target->scanned);
    assert_string_equal(target->name, "app");
    assert_string_equal(target->exe, "/bin/app");
    assert_string_equal(target->runtime, "native");
    assert_int_equal(target->pid, 4121);
    assert_int_equal(target->observed_ns, 61 * FEED_SECOND);
    assert_int_equal(target->uptime_ns, 1999 * FEED_SECOND);
    assert_int_equal(target->threads_parked, 8);
    assert_int_equal(target->n_groups, 2);
    assert_int_equal(target->groups[0].count, 5);
    assert_string_equal(target->groups[0].site, "beta");
    assert_int_equal(target->groups[0].oldest_ns, 20 * FEED_SECOND);
    assert_int_equal(target->groups[1].count, 3);
    assert_int_equal(target->groups[1].memory_bytes, 3 * 4096);
    assert_int_equal(target->scans[SAMPLE_THREAD].sum_ns, 1000000);
    assert_int_equal(target->scans[SAMPLE_GOROUTINE].sum_ns, 0);
}

/* Somebody sets the clock: how long a process has been up is no matter of that. */
static void test_clock_that_jumps(void **state)
{
    const double years = 10 * 365.0 * 86400;
    struct store_clocks now = feed_clocks(2000 * FEED_SECOND);
    struct store *store = store_of(state);
    struct report report;

    store_report(store, &now, &report);
    assert_true(report.targets[0].start_time == 1.0);
    assert_int_equal(report.targets[0].uptime_ns, 1999 * FEED_SECOND);
    now.realtime += 0.25; /* the clocks are not read at once */
    store_report(store, &now, &report);
    assert_true(report.targets[0].start_time == 1.0);
    now.realtime = 2000 + years;
    store_report(store, &now, &report);
    assert_true(report.targets[0].start_time == 1.0 + years);
    assert_int_equal(report.targets[0].uptime_ns, 1999 * FEED_SECOND);
}

/* An analyst takes a scan once: to group anew is work. */
static void test_scan_that_is_told_again(void **state)
{
    struct store *store = store_of(state);

    feed_threads(store, 0, 1, 100, 3, FEED_START - 10 * FEED_SECOND);
    assert_int_equal(feed_scan(store, 0, 7, FEED_START), 0);
    assert_int_equal(feed_scan(store, 0, 7, FEED_START), -EBADMSG);
    assert_int_equal(feed_scan(store, 0, 6, FEED_START + FEED_SECOND), -EBADMSG);
    assert_int_equal(loss_of(store, LOSS_message_invalid), 2);
    /* It was asked for once more, of another analyst. */
    store_analyst_reset(store, 0);
    assert_int_equal(feed_scan(store, 0, 7, FEED_START + FEED_SECOND), 0);
    assert_int_equal(feed_scan(store, 0, 7, FEED_START + FEED_SECOND), -EBADMSG);
    assert_int_equal(feed_scan(store, 0, 8, FEED_START + 2 * FEED_SECOND), 0);
}

/* A scan of the future does not make those of others older. */
static void test_scan_of_the_future(void **state)
{
    const struct store_clocks now = feed_clocks(FEED_START + 5 * FEED_SECOND);
    struct store *store = store_of(state);
    struct report report;

    feed_target(store, 1, 4122, "other", true);
    assert_int_equal(feed_scan(store, 0, 1, FEED_START), 0);
    assert_int_equal(feed_scan(store, 1, 1, INT64_MAX), 0);
    store_report(store, &now, &report);
    assert_true(report.time == now.realtime - 5);
}

/* What is shown is what was there when the scan ended. */
static void test_groups_stand_between_scans(void **state)
{
    struct store *store = store_of(state);

    feed_threads(store, 0, 1, 100, 3, FEED_START - 10 * FEED_SECOND);
    feed_scan(store, 0, 1, FEED_START);
    feed_threads(store, 0, 1, 200, 3, FEED_START - 10 * FEED_SECOND);
    assert_int_equal(feed_drop(store, 0, SAMPLE_THREAD, 100), 0);
    assert_int_equal(feed_drop(store, 0, SAMPLE_THREAD, 999), 0);
    assert_int_equal(report_of(store, 0)->groups[0].count, 3);
    feed_scan(store, 0, 2, FEED_START + 5 * FEED_SECOND);
    assert_int_equal(report_of(store, 0)->groups[0].count, 5);
    assert_int_equal(report_of(store, 0)->groups[0].oldest_ns, 15 * FEED_SECOND);
}

/* A sample that is put again takes the place of what was known of that waiter. */
static void test_put_again(void **state)
{
    struct store *store = store_of(state);

    feed_threads(store, 0, 1, 100, 3, FEED_START - 10 * FEED_SECOND);
    feed_threads(store, 0, 2, 100, 1, FEED_START - 10 * FEED_SECOND);
    feed_scan(store, 0, 1, FEED_START);
    assert_int_equal(report_of(store, 0)->threads_parked, 3);
    assert_int_equal(report_of(store, 0)->groups[0].count, 2);
    assert_int_equal(report_of(store, 0)->groups[1].count, 1);
}

static void test_unknown_ids_are_refused(void **state)
{
    struct store *store = store_of(state);
    struct sample samples[2] = {{.id = 1, .stack_id = 1}, {.id = 2, .stack_id = 77}};

    assert_int_equal(feed_analyst(store, 0, WIRE_PUT, samples, sizeof(samples)), -EBADMSG);
    samples[1] = (struct sample){.id = 2, .stack_id = 1, .detail = 50};
    assert_int_equal(feed_analyst(store, 0, WIRE_PUT, samples, sizeof(samples)), -EBADMSG);
    assert_int_equal(feed_stack(store, 0, 9, SAMPLE_THREAD, 60, 3), -EBADMSG);
    assert_int_equal(feed_stack(store, 0, 9, SAMPLE_THREAD, 1, 60), -EBADMSG);
    assert_int_equal(feed_stack(store, 0, 1, SAMPLE_THREAD, 1, 3), -EBADMSG);
    assert_int_equal(feed_string(store, 0, 1, "again"), -EBADMSG);
    assert_int_equal(feed_scan(store, 0, 1, FEED_START), 0);
    assert_int_equal(report_of(store, 0)->threads_parked, 0);
    assert_int_equal(feed_scan(store, 0, 2, FEED_START - 1), -EBADMSG);
    assert_int_equal(loss_of(store, LOSS_message_invalid), 7);
}

/* Samples of a stack that was left out are left out too, and counted: it is nobody's fault. */
static void test_note(void **state)
{
    struct store *store = store_of(state);
    struct wire_scan scan = feed_scan_of(1, FEED_START);

    scan.note = 50;
    assert_int_equal(feed_analyst(store, 0, WIRE_SCAN, &scan, sizeof(scan)), -EBADMSG);
    scan.note = 3;
    assert_int_equal(feed_analyst(store, 0, WIRE_SCAN, &scan, sizeof(scan)), 0);
    assert_string_equal(report_of(store, 0)->note, "alpha");
    scan.note = 0;
    scan.number = 2;
    assert_int_equal(feed_analyst(store, 0, WIRE_SCAN, &scan, sizeof(scan)), 0);
    assert_string_equal(report_of(store, 0)->note, "");
}

static void test_samples_of_stacks_left_out(void **state)
{
    struct store *store = store_of(state);

    assert_int_equal(feed_threads(store, 0, 1, 100, 2, FEED_START - 10 * FEED_SECOND), 0);
    for (uint64_t id = 4; id <= WIRE_STACKS_MAX + 1; id++)
        assert_int_equal(feed_stack(store, 0, id, SAMPLE_THREAD, 1, 0), 0);
    assert_int_equal(
        feed_threads(store, 0, WIRE_STACKS_MAX + 1, 100, 1, FEED_START - 10 * FEED_SECOND), 0);
    assert_int_equal(feed_scan(store, 0, 1, FEED_START), 0);
    assert_int_equal(report_of(store, 0)->threads_parked, 1);
    assert_int_equal(loss_of(store, LOSS_stacks_capped), 1);
    assert_int_equal(loss_of(store, LOSS_samples_capped), 1);
    assert_int_equal(loss_of(store, LOSS_message_invalid), 0);
}

static void test_unknown_targets_are_refused(void **state)
{
    struct store *store = store_of(state);
    const struct wire_resources resources = {.index = 1};
    const struct wire_counters counters = {.index = 1};

    assert_int_equal(feed_scan(store, 1, 1, FEED_START), -EBADMSG);
    assert_int_equal(feed_scan(store, RECORD_TARGETS_MAX, 1, FEED_START), -EBADMSG);
    assert_int_equal(feed_probe(store, WIRE_RESOURCES, &resources, sizeof(resources)), -EBADMSG);
    assert_int_equal(feed_probe(store, WIRE_COUNTERS, &counters, sizeof(counters)), -EBADMSG);
    store_analyst_reset(store, RECORD_TARGETS_MAX);
}

static void test_target_that_ended(void **state)
{
    struct store *store = store_of(state);

    feed_threads(store, 0, 1, 100, 3, FEED_START - 10 * FEED_SECOND);
    feed_scan(store, 0, 1, FEED_START);
    feed_target(store, 0, 4121, "app", false);
    assert_false(report_of(store, 0)->up);
    assert_false(report_of(store, 0)->scanned);
    assert_int_equal(report_of(store, 0)->n_groups, 0);
    assert_int_equal(report_of(store, 0)->threads_parked, 0);
    assert_int_equal(feed_scan(store, 0, 2, FEED_START), 0);
    assert_false(report_of(store, 0)->scanned);
}

static void test_analyst_replaced(void **state)
{
    struct store *store = store_of(state);
    struct wire_scan scan = feed_scan_of(1, FEED_START);

    scan.losses.count[LOSS_unwind_cut] = 5;
    feed_threads(store, 0, 1, 100, 3, FEED_START - 10 * FEED_SECOND);
    feed_analyst(store, 0, WIRE_SCAN, &scan, sizeof(scan));
    store_analyst_reset(store, 0);
    /* The next one ends before its first scan. */
    assert_int_equal(feed_names(store, 0), 0);
    store_analyst_reset(store, 0);
    store_analyst_reset(store, 0);
    assert_int_equal(report_of(store, 0)->n_groups, 1);
    assert_string_equal(report_of(store, 0)->groups[0].stack->frames[0].function, "alpha");

    assert_int_equal(feed_names(store, 0), 0);
    feed_threads(store, 0, 1, 100, 4, FEED_START - 10 * FEED_SECOND);
    assert_int_equal(report_of(store, 0)->groups[0].count, 3);
    scan = feed_scan_of(2, FEED_START + 5 * FEED_SECOND);
    scan.losses.count[LOSS_unwind_cut] = 2;
    assert_int_equal(feed_analyst(store, 0, WIRE_SCAN, &scan, sizeof(scan)), 0);
    assert_int_equal(report_of(store, 0)->groups[0].count, 4);
    assert_int_equal(report_of(store, 0)->groups[0].first_count, 3);
    assert_int_equal(loss_of(store, LOSS_unwind_cut), 7);
    /* Within one analyst they don't go back either. */
    scan.number++;
    scan.losses.count[LOSS_unwind_cut] = 1;
    assert_int_equal(feed_analyst(store, 0, WIRE_SCAN, &scan, sizeof(scan)), 0);
    assert_int_equal(loss_of(store, LOSS_unwind_cut), 7);
}

static void test_growth(void **state)
{
    struct store *store = store_of(state);

    for (uint64_t i = 0; i < 3; i++) {
        feed_threads(store, 0, 1, 100 + 10 * i, 10, FEED_START - 10 * FEED_SECOND);
        feed_scan(store, 0, i + 1, FEED_START + i * FEED_SECOND);
        assert_int_equal(report_of(store, 0)->groups[0].growing, i == 2);
    }
    assert_int_equal(report_of(store, 0)->groups[0].observed_ns, 2 * FEED_SECOND);
    feed_drop(store, 0, SAMPLE_THREAD, 100);
    feed_scan(store, 0, 4, FEED_START + 4 * FEED_SECOND);
    assert_false(report_of(store, 0)->groups[0].growing);
    assert_int_equal(report_of(store, 0)->groups[0].max_count, 30);
}

static void feed_locked(struct store *store, uint32_t tid, uint32_t owner)
{
    const struct sample sample = {
        .id = tid,
        .owner = owner,
        .stack_id = 2,
        .object_kind = OBJECT_FUTEX,
        .object = 0x1000 + tid,
        .since_ns = FEED_START,
        .seen_ns = FEED_START,
    };

    assert_int_equal(feed_sample(store, 0, &sample), 0);
}

/* Below the threshold already, but not before the second scan. */
static void test_deadlock(void **state)
{
    struct store *store = store_of(state);
    const struct deadlock *deadlock;

    feed_locked(store, 11, 10);
    feed_locked(store, 10, 11);
    feed_locked(store, 12, 10);
    feed_scan(store, 0, 1, FEED_START);
    assert_int_equal(report_of(store, 0)->n_deadlocks, 0);
    feed_scan(store, 0, 2, FEED_START + 1);
    assert_int_equal(report_of(store, 0)->n_deadlocks, 1);
    deadlock = report_of(store, 0)->deadlocks;
    assert_int_equal(deadlock->n_members, 2);
    assert_int_equal(deadlock->members[0].tid, 10);
    assert_int_equal(deadlock->members[0].owner_tid, 11);
    assert_int_equal(deadlock->members[0].address, 0x100a);
    assert_int_equal(deadlock->members[0].stack_id, 2);
    assert_int_equal(report_of(store, 0)->threads_parked, 0);
}

/* In a single look a goroutine counts that stayed parked since the first scan, by its upper bound.
 */
static void test_goroutines_of_a_single_look(void **state)
{
    struct store *store = store_of(state);
    struct sample sample = {.kind = SAMPLE_GOROUTINE, .stack_id = 3};
    struct wire_scan scan = feed_scan_of(2, FEED_START + FEED_SECOND / 2);

    scan.has_goroutines = 1;
    sample.since_ns = sample.seen_ns = FEED_START;
    sample.id = 1;
    feed_sample(store, 0, &sample); /* may be old */
    sample.id = 2;
    sample.not_before_ns = FEED_START - FEED_SECOND / 4;
    feed_sample(store, 0, &sample); /* too young */
    feed_scan(store, 0, 1, FEED_START);
    sample.id = 3;
    sample.seen_ns = sample.since_ns = scan.time_ns;
    sample.not_before_ns = 0;
    feed_sample(store, 0, &sample); /* not seen from the start */
    feed_analyst(store, 0, WIRE_SCAN, &scan, sizeof(scan));
    assert_int_equal(report_of(store, 0)->goroutines_parked, 1);
    assert_int_equal(report_of(store, 0)->groups[0].count, 1);
    assert_int_equal(report_of(store, 0)->groups[0].at_most_ns, -1);
}

static struct sample told(uint64_t id)
{
    return (struct sample){
        .kind = SAMPLE_GOROUTINE,
        .stack_id = 3,
        .id = id,
        .object_kind = OBJECT_CHANNEL,
        .object = 0x1000 + id % 4,
        .since_ns = FEED_START - (2 + id % 7) * FEED_SECOND,
        .seen_ns = FEED_START - FEED_SECOND,
        .not_before_ns = FEED_START - (3 + id % 7) * FEED_SECOND,
        .memory_bytes = 2048,
    };
}

static void assert_same_groups(const struct target_report *a, const struct target_report *b)
{
    assert_int_equal(a->threads_parked, b->threads_parked);
    assert_int_equal(a->goroutines_parked, b->goroutines_parked);
    assert_int_equal(a->n_groups, b->n_groups);
    for (size_t i = 0; i < a->n_groups; i++) {
        const struct group *x = &a->groups[i], *y = &b->groups[i];

        assert_int_equal(x->stack->id, y->stack->id);
        assert_string_equal(x->site, y->site);
        assert_int_equal(x->count, y->count);
        assert_int_equal(x->oldest_ns, y->oldest_ns);
        assert_int_equal(x->newest_ns, y->newest_ns);
        assert_int_equal(x->at_least_ns, y->at_least_ns);
        assert_int_equal(x->at_most_ns, y->at_most_ns);
        assert_int_equal(x->memory_bytes, y->memory_bytes);
        assert_int_equal(x->n_waiters, y->n_waiters);
        for (size_t j = 0; j < x->n_waiters; j++)
            assert_int_equal(x->waiters[j].id, y->waiters[j].id);
        assert_int_equal(x->n_objects, y->n_objects);
        assert_int_equal(x->n_waits, y->n_waits);
        for (size_t j = 0; j < x->n_waits; j++) {
            assert_int_equal(x->waits[j].object, y->waits[j].object);
            assert_int_equal(x->waits[j].count, y->waits[j].count);
        }
    }
}

/* Goroutines that are counted as they come make the groups of those that are kept. */
static void test_told_once(void **state)
{
    struct store *store = store_of(state);
    const uint64_t n = 1000;
    struct sample late = told(n + 1);

    late.since_ns = late.seen_ns = FEED_START; /* does not count */
    late.not_before_ns = FEED_START;
    feed_target(store, 1, 4122, "kept", true);
    feed_names(store, 1);
    for (uint32_t i = 0; i < 2; i++) {
        assert_int_equal(feed_threads(store, i, 1, 100, 3, FEED_START - 10 * FEED_SECOND), 0);
        if (!i)
            assert_int_equal(feed_look(store, i, FEED_START), 0);
        for (uint64_t id = 1; id <= n; id++) {
            const struct sample sample = told(id);

            assert_int_equal(feed_sample(store, i, &sample), 0);
        }
        assert_int_equal(feed_sample(store, i, &late), 0);
        assert_int_equal(feed_threads(store, i, 2, 200, 4, FEED_START - 10 * FEED_SECOND), 0);
        assert_int_equal(feed_scan(store, i, 1, FEED_START), 0);
    }
    assert_int_equal(report_of(store, 0)->goroutines_parked, n);
    assert_same_groups(report_of(store, 0), report_of(store, 1));

    /* The threads stay, the goroutines were of that scan alone. */
    assert_int_equal(feed_look(store, 0, FEED_START + FEED_SECOND), 0);
    assert_int_equal(feed_sample(store, 0, &late), 0);
    assert_int_equal(feed_scan(store, 0, 2, FEED_START + FEED_SECOND), 0);
    assert_int_equal(report_of(store, 0)->goroutines_parked, 1);
    assert_int_equal(report_of(store, 0)->threads_parked, 7);
    assert_int_equal(report_of(store, 0)->n_groups, 3);
}

static void test_told_once_of_another_scan(void **state)
{
    struct store *store = store_of(state);
    struct sample sample = told(1);

    assert_int_equal(feed_look(store, 0, FEED_START), 0);
    assert_int_equal(feed_look(store, 0, FEED_START), -EBADMSG);
    assert_int_equal(feed_sample(store, 0, &sample), 0);
    assert_int_equal(feed_scan(store, 0, 1, FEED_START + 1), -EBADMSG);
    assert_int_equal(feed_scan(store, 0, 1, FEED_START), 0);
    assert_int_equal(report_of(store, 0)->goroutines_parked, 1);
    assert_int_equal(loss_of(store, LOSS_message_invalid), 2);
}

/* What was counted up to then is forgotten. */
static void test_told_once_in_part(void **state)
{
    struct store *store = store_of(state);
    struct sample sample = told(1);

    feed_look(store, 0, FEED_START);
    feed_sample(store, 0, &sample);
    store_analyst_reset(store, 0);
    assert_int_equal(feed_names(store, 0), 0);
    assert_int_equal(feed_scan(store, 0, 1, FEED_START), 0);
    assert_int_equal(report_of(store, 0)->goroutines_parked, 0);

    feed_look(store, 0, FEED_START + FEED_SECOND);
    feed_sample(store, 0, &sample);
    store_hold(store, true);
    assert_int_equal(feed_scan(store, 0, 2, FEED_START + FEED_SECOND), 0);
    assert_int_equal(store_hold(store, false), 0);
    assert_int_equal(report_of(store, 0)->goroutines_parked, 0);

    feed_look(store, 0, FEED_START + 2 * FEED_SECOND);
    feed_sample(store, 0, &sample);
    assert_int_equal(feed_target(store, 0, 4121, "app", false), 0);
    assert_int_equal(report_of(store, 0)->n_groups, 0);
}

static void test_names_are_distinct(void **state)
{
    struct store *store = store_of(state);

    feed_target(store, 2, 7, "solo", true);
    assert_string_equal(report_of(store, 0)->name, "app");
    assert_string_equal(report_of(store, 1)->name, "solo");
    feed_target(store, 1, 9, "app", true);
    assert_string_equal(report_of(store, 0)->name, "app:4121");
    assert_string_equal(report_of(store, 1)->name, "app:9");
    /* One that calls itself what another is called now. */
    feed_target(store, 2, 7, "app:9", true);
    assert_string_equal(report_of(store, 1)->name, "app:9");
    assert_string_equal(report_of(store, 2)->name, "app:9:7");
    feed_target(store, 1, 9, "", true);
    assert_string_equal(report_of(store, 1)->name, ":9");
    assert_string_equal(report_of(store, 0)->name, "app");
    assert_string_equal(report_of(store, 2)->name, "app:9");
}

/* Each name is another set of series. */
static void test_names_are_bounded(void **state)
{
    struct store *store = store_of(state);
    char name[16], last[96];

    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof(name), "n%d", i);
        feed_target(store, 0, 4121, name, true);
        if (!report_of(store, 0)->losses.count[LOSS_renames_capped])
            snprintf(last, sizeof(last), "%s", name);
    }
    assert_true(report_of(store, 0)->losses.count[LOSS_renames_capped] > 900);
    assert_string_equal(report_of(store, 0)->name, last);
    assert_string_equal(report_of(store, 0)->comm, last);
}

static void test_a_name_is_not_taken_from_another(void **state)
{
    struct store *store = store_of(state);

    feed_target(store, 1, 9, "other", true);
    feed_target(store, 1, 9, "app", true);
    assert_string_equal(report_of(store, 0)->name, "app");
    assert_string_equal(report_of(store, 1)->name, "app:9");
    feed_target(store, 1, 9, "other", true);
    assert_string_equal(report_of(store, 1)->name, "other");
}

static void test_resources(void **state)
{
    struct store *store = store_of(state);
    struct wire_resources resources = {
        .n_net = 3,
        .time_ns = FEED_START,
        .cpu_user_us = 1000000,
        .net = {{"lo", 5000, 5000}, {"eth0", 1000, 2000}, {"eth0", 1, 1}},
    };

    feed_probe(store, WIRE_RESOURCES, &resources, sizeof(resources));
    assert_true(report_of(store, 0)->has_resources);
    assert_true(report_of(store, 0)->cpu_ratio < 0);
    assert_int_equal(report_of(store, 0)->resources.n_net, 2);
    resources.time_ns += 2 * FEED_SECOND;
    resources.cpu_system_us += 1000000;
    resources.net[0].receive_bytes += 100000;
    resources.net[1].receive_bytes += 3000;
    resources.net[1].transmit_bytes -= 1;
    feed_probe(store, WIRE_RESOURCES, &resources, sizeof(resources));
    assert_true(report_of(store, 0)->cpu_ratio == 0.5);
    assert_true(report_of(store, 0)->receive_rate == 1500);
    assert_true(report_of(store, 0)->transmit_rate < 0);
    resources.cpu_user_us = 0;
    resources.time_ns += FEED_SECOND;
    feed_probe(store, WIRE_RESOURCES, &resources, sizeof(resources));
    assert_int_equal(report_of(store, 0)->resources.cpu_user_us, 1000000);
}

static struct wire_usage usage_of(struct store *store)
{
    const struct store_clocks now = {.monotonic_ns = FEED_START};
    struct report report;

    store_report(store, &now, &report);
    return report.usage;
}

static void test_usage_of_roles(void **state)
{
    struct store *store = store_of(state);
    struct wire_usage usage = {.roles = {
                                   [ROLE_PROBE] = {WIRE_UNKNOWN, WIRE_UNKNOWN},
                                   [ROLE_ANALYST] = {100, 4096},
                                   [ROLE_VERIFIER] = {WIRE_UNKNOWN, WIRE_UNKNOWN},
                               }};

    assert_true(usage_of(store).roles[ROLE_ANALYST].cpu_us == WIRE_UNKNOWN);
    assert_int_equal(feed_probe(store, WIRE_USAGE, &usage, sizeof(usage)), 0);
    assert_int_equal(usage_of(store).roles[ROLE_ANALYST].cpu_us, 100);
    assert_true(usage_of(store).roles[ROLE_VERIFIER].cpu_us == WIRE_UNKNOWN);
    usage.roles[ROLE_PROBE] = (struct wire_role_usage){7, 8};
    usage.roles[ROLE_ANALYST] = (struct wire_role_usage){90, 2048};
    assert_int_equal(feed_probe(store, WIRE_USAGE, &usage, sizeof(usage)), 0);
    assert_int_equal(usage_of(store).roles[ROLE_PROBE].cpu_us, 7);
    assert_int_equal(usage_of(store).roles[ROLE_ANALYST].cpu_us, 100); /* a counter */
    assert_int_equal(usage_of(store).roles[ROLE_ANALYST].resident_bytes, 2048);
    usage.roles[ROLE_ANALYST] = (struct wire_role_usage){WIRE_UNKNOWN, WIRE_UNKNOWN};
    assert_int_equal(feed_probe(store, WIRE_USAGE, &usage, sizeof(usage)), 0);
    assert_int_equal(usage_of(store).roles[ROLE_ANALYST].cpu_us, 100);
    assert_true(usage_of(store).roles[ROLE_ANALYST].resident_bytes == WIRE_UNKNOWN);
}

static void test_counters_never_go_back(void **state)
{
    struct store *store = store_of(state);
    struct wire_counters counters = {
        .n_programs = 1,
        .interval_ns = 7,
        .parks.long_parks = 10,
        .losses.count[LOSS_scan_late] = 4,
        .programs = {{"switch", 100, 10}},
    };

    feed_probe(store, WIRE_COUNTERS, &counters, sizeof(counters));
    counters.interval_ns = 5;
    counters.parks.long_parks = 3;
    counters.parks.futex_waits[FUTEX_WOKEN] = 8;
    counters.losses.count[LOSS_scan_late] = 1;
    counters.programs[0].runs = 1;
    feed_probe(store, WIRE_COUNTERS, &counters, sizeof(counters));
    assert_int_equal(report_of(store, 0)->counters.interval_ns, 5); /* which is no counter */
    assert_int_equal(report_of(store, 0)->counters.parks.long_parks, 10);
    assert_int_equal(report_of(store, 0)->counters.parks.futex_waits[FUTEX_WOKEN], 8);
    assert_int_equal(report_of(store, 0)->counters.programs[0].runs, 10);
    assert_string_equal(report_of(store, 0)->counters.programs[0].name, "switch");
    assert_int_equal(loss_of(store, LOSS_scan_late), 4);
}

static void test_many_samples(void **state)
{
    struct store *store = store_of(state);
    const uint64_t n = 200000;
    clock_t start = clock();

    assert_int_equal(feed_threads(store, 0, 1, 1, n, FEED_START - 10 * FEED_SECOND), 0);
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(feed_scan(store, 0, i + 1, FEED_START + i), 0);
    assert_int_equal(report_of(store, 0)->groups[0].count, n);
    for (uint64_t i = 0; i < n; i++)
        assert_int_equal(feed_drop(store, 0, SAMPLE_THREAD, 1 + i), 0);
    assert_int_equal(feed_scan(store, 0, 11, FEED_START + FEED_SECOND), 0);
    assert_int_equal(report_of(store, 0)->n_groups, 0);
    /* Far from what a quadratic step anywhere would take, sanitizers and a busy machine included.
     */
    assert_true((clock() - start) / CLOCKS_PER_SEC < 20);
}

#define CROWD (3 * GROUPING_STEP) /* samples: of as many steps, and some more for what is left */

/* A scan of so many, not grouped yet, after one that shows three. */
static void feed_crowd(struct store *store)
{
    feed_threads(store, 0, 1, 1, 3, FEED_START - 10 * FEED_SECOND);
    feed_scan(store, 0, 1, FEED_START);
    assert_false(store_is_grouping(store, 0));
    assert_int_equal(feed_threads(store, 0, 1, 1, CROWD, FEED_START - 10 * FEED_SECOND), 0);
    assert_int_equal(feed_scan(store, 0, 2, FEED_START + FEED_SECOND), 0);
    assert_true(store_is_grouping(store, 0));
}

static void assert_shows(struct store *store, uint64_t scan, uint64_t parked)
{
    const struct target_report *target = report_of(store, 0);

    assert_int_equal(target->scan.number, scan);
    assert_int_equal(target->threads_parked, parked);
    assert_int_equal(target->groups[0].count, parked);
}

/* Until the last step the report is that of the scan before, in all its parts. */
static void test_many_in_steps(void **state)
{
    struct store *store = store_of(state);
    unsigned steps = 0;

    assert_int_equal(store_group_on(store, 0), 0);
    feed_crowd(store);
    do {
        assert_shows(store, 1, 3);
        steps++;
    } while (store_group_on(store, 0) == 1);
    assert_true(steps >= CROWD / GROUPING_STEP);
    assert_false(store_is_grouping(store, 0));
    assert_shows(store, 2, CROWD);
}

/* What is left of their grouping is what they wait on. */
static void test_many_told_once_in_steps(void **state)
{
    struct store *store = store_of(state);
    int r;

    assert_int_equal(feed_look(store, 0, FEED_START), 0);
    for (uint64_t id = 1; id <= GROUPING_STEP + 1; id++) {
        const struct sample sample = told(id);

        assert_int_equal(feed_sample(store, 0, &sample), 0);
    }
    assert_int_equal(feed_scan(store, 0, 1, FEED_START), 0);
    assert_true(store_is_grouping(store, 0));
    while ((r = store_group_on(store, 0)) > 0)
        ;
    assert_int_equal(r, 0);
    assert_int_equal(report_of(store, 0)->goroutines_parked, GROUPING_STEP + 1);
}

/* Samples are those of the scan when it is grouped, whatever comes next. */
static void test_message_before_last_step(void **state)
{
    struct store *store = store_of(state);

    feed_crowd(store);
    assert_int_equal(store_group_on(store, 0), 1);
    assert_int_equal(feed_drop(store, 0, SAMPLE_THREAD, 1), 0);
    assert_false(store_is_grouping(store, 0));
    assert_shows(store, 2, CROWD);
}

static void test_analyst_replaced_before_last_step(void **state)
{
    struct store *store = store_of(state);

    feed_crowd(store);
    store_analyst_reset(store, 0);
    assert_false(store_is_grouping(store, 0));
    assert_shows(store, 2, CROWD);
}

static void test_end_before_last_step(void **state)
{
    struct store *store = store_of(state);

    feed_crowd(store);
    assert_int_equal(feed_target(store, 0, 4130, "app", false), 0);
    assert_false(store_is_grouping(store, 0));
    assert_int_equal(store_group_on(store, 0), 0);
    assert_int_equal(report_of(store, 0)->n_groups, 0);
}

static void test_hold_before_last_step(void **state)
{
    struct store *store = store_of(state);

    feed_crowd(store);
    assert_int_equal(store_hold(store, true), 0);
    assert_false(store_is_grouping(store, 0));
    assert_int_equal(report_of(store, 0)->groups[0].count, 3);
    assert_int_equal(store_hold(store, false), 0);
    assert_shows(store, 2, CROWD);
}

/* For a view that stands still: what it borrowed holds, and the newest scan is there at once after.
 */
static void test_hold(void **state)
{
    struct store *store = store_of(state);
    const struct group *groups;
    const struct target_report *target;

    feed_threads(store, 0, 1, 100, 3, FEED_START - 10 * FEED_SECOND);
    feed_scan(store, 0, 1, FEED_START);
    groups = report_of(store, 0)->groups;
    assert_int_equal(store_hold(store, true), 0);
    feed_threads(store, 0, 1, 200, 4, FEED_START - 10 * FEED_SECOND);
    assert_int_equal(feed_scan(store, 0, 2, FEED_START + FEED_SECOND), 0);
    target = report_of(store, 0);
    assert_int_equal(target->scan.number, 2);
    assert_ptr_equal(target->groups, groups);
    assert_int_equal(groups[0].count, 3);
    assert_string_equal(groups[0].site, "alpha");
    assert_int_equal(store_hold(store, false), 0);
    assert_int_equal(report_of(store, 0)->groups[0].count, 7);
    assert_int_equal(report_of(store, 0)->threads_parked, 7);
}

/* Another analyst meanwhile, with names of its own: those that are shown stay. */
static void test_hold_over_another_analyst(void **state)
{
    struct store *store = store_of(state);
    const struct group *groups;

    feed_threads(store, 0, 1, 100, 3, FEED_START - 10 * FEED_SECOND);
    feed_scan(store, 0, 1, FEED_START);
    groups = report_of(store, 0)->groups;
    assert_int_equal(store_hold(store, true), 0);
    store_analyst_reset(store, 0);
    assert_int_equal(feed_names(store, 0), 0);
    assert_string_equal(groups[0].stack->reason, "futex wait");
    assert_int_equal(store_hold(store, false), 0); /* it has not scanned yet */
    assert_int_equal(report_of(store, 0)->groups[0].count, 3);
    assert_int_equal(store_hold(store, true), 0);
    feed_threads(store, 0, 1, 300, 5, FEED_START - 10 * FEED_SECOND);
    feed_scan(store, 0, 3, FEED_START + 2 * FEED_SECOND);
    assert_int_equal(report_of(store, 0)->groups[0].count, 3);
    assert_int_equal(store_hold(store, false), 0);
    assert_int_equal(report_of(store, 0)->groups[0].count, 5);
}

/* A view keeps what it showed of a target that ended. */
static void test_keeps_ended(void **state)
{
    const struct store_options options = {.threshold_ns = FEED_SECOND, .keep_ended = true};
    struct store *store;

    (void)state;
    assert_int_equal(store_new(&options, &store), 0);
    assert_int_equal(feed_target(store, 0, 4121, "app", true), 0);
    assert_int_equal(feed_names(store, 0), 0);
    feed_threads(store, 0, 1, 100, 3, FEED_START - 10 * FEED_SECOND);
    feed_scan(store, 0, 1, FEED_START);
    assert_int_equal(feed_target(store, 0, 4121, "app", false), 0);
    assert_false(report_of(store, 0)->up);
    assert_int_equal(report_of(store, 0)->n_groups, 1);
    assert_int_equal(report_of(store, 0)->groups[0].count, 3);
    store_free(&store);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_report_of_a_scan),
        TEST(test_clock_that_jumps),
        TEST(test_scan_that_is_told_again),
        TEST(test_scan_of_the_future),
        TEST(test_groups_stand_between_scans),
        TEST(test_hold),
        TEST(test_hold_over_another_analyst),
        TEST(test_keeps_ended),
        TEST(test_put_again),
        TEST(test_unknown_ids_are_refused),
        TEST(test_note),
        TEST(test_samples_of_stacks_left_out),
        TEST(test_unknown_targets_are_refused),
        TEST(test_target_that_ended),
        TEST(test_analyst_replaced),
        TEST(test_growth),
        TEST(test_deadlock),
        TEST(test_goroutines_of_a_single_look),
        TEST(test_told_once),
        TEST(test_told_once_of_another_scan),
        TEST(test_told_once_in_part),
        TEST(test_names_are_distinct),
        TEST(test_names_are_bounded),
        TEST(test_a_name_is_not_taken_from_another),
        TEST(test_resources),
        TEST(test_usage_of_roles),
        TEST(test_counters_never_go_back),
        TEST(test_many_samples),
        TEST(test_many_in_steps),
        TEST(test_many_told_once_in_steps),
        TEST(test_message_before_last_step),
        TEST(test_analyst_replaced_before_last_step),
        TEST(test_end_before_last_step),
        TEST(test_hold_before_last_step),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
