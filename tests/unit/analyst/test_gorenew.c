/* SPDX-License-Identifier: Apache-2.0 */
/* The channels of those that the monitor knows, read anew; what gorenew.c calls is made up here. */
#include "analyst/goscan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define BATCH      512   /* channels of one scan */
#define STEPS      16384 /* memos of one scan */
#define MEMOS      40000
#define ON_CHANNEL ((struct memo){.object_kind = OBJECT_CHANNEL, .flags = MEMO_SENT, .detail = 1})

/* The steps of a scan. */
enum step { COPY, CHANNELS, COPY_AGAIN, STEP_MAX };

static struct goroutines *goroutines;
static size_t n_of[STEP_MAX]; /* memos that each was for; SIZE_MAX: it was not made */
static enum step fails;
static int error;
static size_t n_copies;
static uint64_t read_goids[BATCH]; /* whose channels were read */
static size_t n_put;
static uint64_t put_goids[BATCH];
static uint32_t put_detail;

/* What becomes of the goroutine with this goid. */
enum oddity {
    NOTHING,
    UNREADABLE,       /* at the first copy, ... */
    LEFT,             /* its park ended by then; or ... */
    UNREADABLE_AGAIN, /* ... at the second */
    LEFT_AGAIN,
    MOVED,
    NO_CHANNEL, /* it could not be read */
    SAME,       /* there is nothing new of it */
};
static uint64_t odd_goid;
static enum oddity odd;

static bool is_odd(uint64_t goid, enum oddity how)
{
    return goid == odd_goid && odd == how;
}

static int note(enum step step, size_t n)
{
    assert_true(n <= BATCH);
    n_of[step] = n;
    return error && fails == step ? error : 0;
}

int godescribe_copy(struct goroutines *all, struct lot *lot)
{
    enum step step = n_copies++ ? COPY_AGAIN : COPY;

    assert_ptr_equal(all, goroutines);
    for (size_t i = 0; i < lot->n; i++) {
        uint64_t goid = lot->memos[i]->goid;
        bool unreadable = is_odd(goid, step == COPY ? UNREADABLE : UNREADABLE_AGAIN);

        lot->copies[i] = (struct goroutine){
            .goid = unreadable ? 0 : goid,
            .sp = step == COPY_AGAIN && is_odd(goid, MOVED) ? 2 : 1,
        };
        if (is_odd(goid, step == COPY ? LEFT : LEFT_AGAIN))
            lot->memos[i]->flags &= ~MEMO_SENT;
    }
    return note(step, lot->n);
}

int subjects_read_channels(struct subject_reader *reader, struct subject *subjects, size_t n)
{
    assert_null(reader);
    for (size_t i = 0; i < n; i++) {
        read_goids[i] = subjects[i].goroutine.goid;
        subjects[i].has_channel = !is_odd(subjects[i].goroutine.goid, NO_CHANNEL);
    }
    return note(CHANNELS, n);
}

void describe_channel(struct describer *describer, struct subject *subject)
{
    assert_null(describer);
    assert_true(subject->has_channel);
    assert_in_range(subject - goroutines->lots[0].subjects, 0,
                    n_of[CHANNELS] - 1); /* read just now */
    subject->detail = is_odd(subject->goroutine.goid, SAME) ? 1 : 2;
}

void godescribe_put(struct goroutines *all, struct memo *memo)
{
    assert_ptr_equal(all, goroutines);
    assert_true(n_put < BATCH);
    put_goids[n_put++] = memo->goid;
    put_detail = memo->detail;
}

static int begin(void **state)
{
    (void)state;
    goroutines = calloc(1, sizeof(*goroutines));
    goroutines->memos.all = calloc(MEMOS, sizeof(struct memo));
    for (size_t i = 0; i < MEMOS; i++)
        goroutines->memos.all[i].goid = i + 1;
    odd = NOTHING;
    error = 0;
    return 0;
}

static int end(void **state)
{
    (void)state;
    free(goroutines->memos.all);
    free(goroutines);
    return 0;
}

/* The first `n` memos are all there are; those from `from` on wait on channels. */
static void fill(size_t n, size_t from)
{
    goroutines->memos.n = n;
    for (size_t i = from; i < n; i++) {
        goroutines->memos.all[i] = ON_CHANNEL;
        goroutines->memos.all[i].goid = i + 1;
    }
}

static int renew(void)
{
    n_copies = n_put = 0;
    memset(n_of, 0xff, sizeof(n_of));
    return gorenew_channels(goroutines);
}

static void assert_put(size_t n)
{
    assert_int_equal(renew(), 0);
    assert_int_equal(n_put, n);
}

static void without_channels_nothing_is_read(void **state)
{
    (void)state;
    fill(0, 0);
    assert_put(0);
    goroutines->memos.n = 10;
    goroutines->memos.all[3] = ON_CHANNEL;
    goroutines->memos.all[3].object_kind = OBJECT_CHANNEL + 1;
    goroutines->memos.all[4] = ON_CHANNEL;
    goroutines->memos.all[4].flags = MEMO_DESCRIBED;
    assert_put(0);
    assert_int_equal(n_copies, 0);
    assert_int_equal(n_of[CHANNELS], SIZE_MAX);
}

static void what_is_new_is_told(void **state)
{
    (void)state;
    fill(10, 5);
    assert_put(5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(put_goids[i], 6 + i);
    assert_int_equal(put_detail, 2);
    assert_int_equal(n_of[COPY], 5);
    assert_int_equal(n_of[CHANNELS], 5);
    assert_int_equal(n_of[COPY_AGAIN], 5);
    /* Now it is known. */
    assert_put(0);
    assert_int_equal(n_of[COPY_AGAIN], 5);
}

/* Those behind it are not taken for it. */
static void who_says_nothing_falls_out(void **state)
{
    static const struct {
        enum oddity how;
        size_t n_channels; /* that are read */
    } ways[] = {
        {SAME, 5},       {UNREADABLE, 4}, {LEFT, 4},       {UNREADABLE_AGAIN, 5},
        {LEFT_AGAIN, 5}, {MOVED, 5},      {NO_CHANNEL, 5},
    };

    (void)state;
    for (size_t way = 0; way < sizeof(ways) / sizeof(ways[0]); way++)
        for (odd_goid = 1; odd_goid <= 5; odd_goid++) {
            size_t n = 0;

            odd = ways[way].how;
            fill(5, 0);
            goroutines->renewed_at = 0;
            assert_put(4);
            assert_int_equal(n_of[CHANNELS], ways[way].n_channels);
            assert_int_equal(n_of[COPY_AGAIN], ways[way].n_channels);
            for (uint64_t goid = 1; goid <= 5; goid++) {
                uint32_t detail = goroutines->memos.all[goid - 1].detail;

                assert_int_equal(detail, goid == odd_goid ? 1 : 2);
                if (goid != odd_goid)
                    assert_int_equal(put_goids[n++], goid);
            }
        }
}

static void errors_are_passed_on(void **state)
{
    (void)state;
    error = -ECONNRESET;
    for (fails = COPY; fails < STEP_MAX; fails++) {
        fill(5, 0);
        assert_int_equal(renew(), -ECONNRESET);
        assert_int_equal(n_put, 0);
        for (enum step step = fails + 1; step < STEP_MAX; step++)
            assert_int_equal(n_of[step], SIZE_MAX);
        assert_int_equal(goroutines->memos.all[0].detail, 1);
    }
}

/* Some in each scan, from where the last one ended. */
static void all_have_their_turn(void **state)
{
    const size_t n = 2 * BATCH + 100;

    (void)state;
    fill(n, 0);
    assert_put(BATCH);
    assert_int_equal(put_goids[0], 1);
    assert_put(BATCH);
    assert_int_equal(put_goids[0], BATCH + 1);
    assert_put(100); /* and then from the first on, of which all is known */
    assert_int_equal(n_of[COPY], BATCH);
    assert_int_equal(put_goids[0], 2 * BATCH + 1);
    assert_int_equal(read_goids[99], n);
    assert_int_equal(read_goids[100], 1);
}

static void none_has_two_turns(void **state)
{
    static const struct {
        size_t from;
        uint64_t first;
    } cases[] = {
        {7, 8},
        {9, 10},
        {10, 1}, /* of another program, which has fewer, as the next one */
        {SIZE_MAX, 1},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        fill(10, 0);
        goroutines->renewed_at = cases[i].from;
        assert_put(10);
        assert_int_equal(n_of[COPY], 10);
        for (uint64_t j = 0; j < 10; j++)
            assert_int_equal(put_goids[j], (cases[i].first - 1 + j) % 10 + 1);
    }
}

static void a_scan_goes_through_so_many(void **state)
{
    (void)state;
    fill(MEMOS, STEPS);
    assert_put(0);
    assert_int_equal(goroutines->renewed_at, STEPS);
    assert_put(BATCH);
    assert_int_equal(put_goids[0], STEPS + 1);
    assert_int_equal(goroutines->renewed_at, STEPS + BATCH);
}

#define WITH_MEMOS(test) cmocka_unit_test_setup_teardown(test, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_MEMOS(without_channels_nothing_is_read),
        WITH_MEMOS(what_is_new_is_told),
        WITH_MEMOS(who_says_nothing_falls_out),
        WITH_MEMOS(errors_are_passed_on),
        WITH_MEMOS(all_have_their_turn),
        WITH_MEMOS(none_has_two_turns),
        WITH_MEMOS(a_scan_goes_through_so_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
