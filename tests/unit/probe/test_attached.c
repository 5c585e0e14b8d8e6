/* SPDX-License-Identifier: Apache-2.0 */
/* What a reader says, as the probe takes it: the reader is the test, and so is the monitor. Crews
 * that are really started are left to the live tests. */
#include "probe/child.h"

#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include "probe/fake_bpf.h"
#include "user/cleanup.h"
#include "user/clock.h"
#include "user/monitor/intake.h"
#include "user/probe/attached.h"

#define INDEX 3
#define PID   4711
#define START 99 /* of the target, and of its attach */

struct fixture {
    struct attached attached;
    int reader;  /* its end of the control socket */
    int monitor; /* its end of the probe's socket */
};

static int start(void **state)
{
    static struct fixture fixture;
    int control[2], wire[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire), 0);
    fake_bpf_followed = fake_bpf_others = 0;
    attached_init(&fixture.attached);
    fixture.attached.index = INDEX;
    fixture.attached.target.pid = PID;
    fixture.attached.up = true;
    fixture.attached.monitor = wire[0];
    fixture.attached.crew.control = control[0];
    fixture.attached.described = (struct wire_target){.index = INDEX,
                                                      .pid = PID,
                                                      .up = 1,
                                                      .start_ns = START,
                                                      .attach_ns = START,
                                                      .comm = "before",
                                                      .exe = "/before"};
    fixture.reader = control[1];
    fixture.monitor = wire[1];
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    cleanup_close(&fixture->attached.crew.control);
    close(fixture->attached.monitor);
    close(fixture->reader);
    close(fixture->monitor);
    return 0;
}

/* A scan is asked for; what it is told is of no interest. */
static void begin_scan(struct fixture *fixture)
{
    struct reader_order order;

    assert_int_equal(attached_tick(&fixture->attached), 0);
    assert_int_equal(recv(fixture->reader, &order, sizeof(order), MSG_DONTWAIT), sizeof(order));
}

static void say_raw(struct fixture *fixture, const void *news, size_t size)
{
    assert_int_equal(send(fixture->reader, news, size, 0), size);
    assert_int_equal(attached_answer(&fixture->attached), 0);
}

static void say(struct fixture *fixture, const struct reader_news *news)
{
    say_raw(fixture, news, sizeof(*news));
}

/* Takes what the monitor was sent, which the monitor has to be able to take. */
static void hear(struct fixture *fixture, enum wire_type type, void *ret_payload, size_t size)
{
    struct wire_header header;

    assert_int_equal(recv(fixture->monitor, &header, sizeof(header), MSG_DONTWAIT), sizeof(header));
    assert_int_equal(header.type, type);
    assert_int_equal(header.length, size);
    assert_int_equal(recv(fixture->monitor, ret_payload, size, MSG_DONTWAIT), size);
    assert_int_equal(intake_check(INTAKE_PROBE, &header, ret_payload), 0);
}

static void expect_silence(struct fixture *fixture)
{
    char byte;

    assert_int_equal(recv(fixture->monitor, &byte, 1, MSG_DONTWAIT), -1);
}

/* The crew is given up, and nothing else happens. */
static void expect_disbelief(struct fixture *fixture)
{
    expect_silence(fixture);
    assert_true(fixture->attached.leaving);
    assert_int_equal(fixture->attached.crew.control, -1);
    assert_int_equal(fixture->attached.losses.count[LOSS_reader_restarts], 1);
    assert_int_equal(fixture->attached.refused, 0);
}

static void test_names_are_passed_on(void **state)
{
    struct fixture *fixture = *state;
    struct reader_news news = {.type = READER_TARGET,
                               .target = {.index = INDEX, .comm = "after", .exe = "/after"}};
    struct wire_target told;

    begin_scan(fixture);
    say(fixture, &news);
    hear(fixture, WIRE_TARGET, &told, sizeof(told));
    assert_string_equal(told.comm, "after");
    assert_string_equal(told.exe, "/after");
    assert_int_equal(told.pid, PID);
    assert_false(fixture->attached.leaving);
}

/* That of another target is not touched by what a reader says it is. */
static void test_only_names_are_believed(void **state)
{
    struct fixture *fixture = *state;
    struct reader_news news = {.type = READER_TARGET,
                               .target = {.index = INDEX + 1,
                                          .pid = PID + 1,
                                          .up = 77,
                                          .analyst = 77,
                                          .start_ns = 1,
                                          .attach_ns = 1}};
    struct wire_target told;

    begin_scan(fixture);
    say(fixture, &news);
    hear(fixture, WIRE_TARGET, &told, sizeof(told));
    assert_int_equal(told.index, INDEX);
    assert_int_equal(told.pid, PID);
    assert_int_equal(told.up, 1);
    assert_int_equal(told.analyst, 0);
    assert_int_equal(told.start_ns, START);
    assert_int_equal(told.attach_ns, START);
}

static void test_resources_are_of_this_target(void **state)
{
    struct fixture *fixture = *state;
    struct reader_news news = {.type = READER_RESOURCES,
                               .resources = {.index = UINT32_MAX, .resident_bytes = 5}};
    struct wire_resources told;

    begin_scan(fixture);
    say(fixture, &news);
    hear(fixture, WIRE_RESOURCES, &told, sizeof(told));
    assert_int_equal(told.index, INDEX);
    assert_int_equal(told.resident_bytes, 5);
}

/* More than a scan has would keep the monitor from everybody else. */
static void test_each_is_told_once_a_scan(void **state)
{
    const enum reader_news_type types[] = {READER_TARGET, READER_RESOURCES};
    struct fixture *fixture = *state;
    struct wire_target target;
    struct wire_resources resources;

    for (size_t i = 0; i < 2; i++) {
        struct reader_news news = {.type = types[i]};

        begin_scan(fixture);
        say(fixture, &news);
        if (types[i] == READER_TARGET)
            hear(fixture, WIRE_TARGET, &target, sizeof(target));
        else
            hear(fixture, WIRE_RESOURCES, &resources, sizeof(resources));
        say(fixture, &news);
        expect_disbelief(fixture);
        end(state);
        start(state);
    }
}

static void test_nothing_is_told_without_a_scan(void **state)
{
    struct fixture *fixture = *state;

    say(fixture, &(struct reader_news){.type = READER_TARGET});
    expect_disbelief(fixture);
}

static void test_malformed_news_end_the_crew(void **state)
{
    struct reader_news cases[7] = {
        {.type = READER_TARGET},    {.type = READER_TARGET},   {.type = READER_RESOURCES},
        {.type = READER_RESOURCES}, {.type = READER_NEWS_MAX}, {.type = UINT32_MAX},
        {.type = READER_IDENTITY},
    };

    memset(cases[0].target.comm, 'x', sizeof(cases[0].target.comm));
    memset(cases[1].target.exe, 'x', sizeof(cases[1].target.exe));
    cases[2].resources.n_net = WIRE_NET_MAX + 1;
    cases[3].resources.n_net = WIRE_NET_MAX;
    memset(cases[3].resources.net[WIRE_NET_MAX - 1].device, 'x', 16);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        begin_scan(*state);
        say(*state, &cases[i]);
        expect_disbelief(*state);
        end(state);
        start(state);
    }
}

static void test_other_lengths_end_the_crew(void **state)
{
    static const size_t sizes[] = {1, sizeof(struct reader_news) - 1,
                                   sizeof(struct reader_news) + 1};
    const char bytes[sizeof(struct reader_news) + 1] = {0};

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        say_raw(*state, bytes, sizes[i]);
        expect_disbelief(*state);
        end(state);
        start(state);
    }
}

static void test_refused_at_first(void **state)
{
    struct fixture *fixture = *state;

    begin_scan(fixture);
    say(fixture, &(struct reader_news){.type = READER_REFUSED, .error = -EACCES});
    assert_int_equal(fixture->attached.refused, -EACCES);
    assert_true(attached_is_idle(&fixture->attached));
}

/* That would end the whole daemon. */
static void test_not_refused_any_more(void **state)
{
    struct fixture *fixture = *state;

    begin_scan(fixture);
    say(fixture, &(struct reader_news){.type = READER_TAKEN});
    say(fixture, &(struct reader_news){.type = READER_REFUSED, .error = -EACCES});
    expect_disbelief(fixture);
}

static void test_refused_for_no_reason(void **state)
{
    static const int errors[] = {0, 1, INT32_MIN, -4096};

    for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
        say(*state, &(struct reader_news){.type = READER_REFUSED, .error = errors[i]});
        expect_disbelief(*state);
        end(state);
        start(state);
    }
}

/* As if another crew had been started for the scan that is under way. */
static void replace_crew(struct fixture *fixture)
{
    int control[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control), 0);
    close(fixture->reader);
    fixture->attached.leaving = false;
    fixture->attached.crew.control = control[0];
    fixture->reader = control[1];
}

static void finish_scan(struct fixture *fixture)
{
    say(fixture, &(struct reader_news){.type = READER_DONE, .number = fixture->attached.number});
    assert_true(attached_is_idle(&fixture->attached));
}

/* The scan that its analyst died of is asked for again, of one that does without debug information;
 * and the longer this goes on, the more scans do so. One that goes well is the end of it. */
static void test_who_follows_a_dead_analyst_is_careful(void **state)
{
    struct fixture *fixture = *state;
    struct attached *attached = &fixture->attached;

    begin_scan(fixture);
    for (unsigned deaths = 1; deaths < 9; deaths++) {
        unsigned expected = 1u << (deaths < 6 ? deaths : 6);

        assert_int_equal(attached->careful, 0);
        say(fixture, &(struct reader_news){.type = READER_ANALYST_GONE});
        assert_false(attached_is_idle(attached));
        for (unsigned scans = 0; scans < expected; scans++) {
            if (scans)
                begin_scan(fixture);
            else
                replace_crew(fixture);
            assert_int_equal(attached->careful, expected - scans);
            finish_scan(fixture);
        }
        assert_int_equal(attached_tick(attached), 0);
        assert_true(attached->leaving);
        replace_crew(fixture);
    }
    finish_scan(fixture);
    begin_scan(fixture);
    say(fixture, &(struct reader_news){.type = READER_ANALYST_GONE});
    assert_int_equal(attached->careful, 2);
}

static void test_identity_stays(void **state)
{
    struct reader_news news = {.type = READER_IDENTITY, .identity = {PID, 0, START}};
    struct fixture *fixture = *state;

    say(fixture, &news);
    say(fixture, &news);
    assert_int_equal(fake_bpf_followed, PID);
    assert_false(fixture->attached.leaving);
    news.identity.tgid++;
    say(fixture, &news);
    expect_disbelief(fixture);
    assert_int_equal(fake_bpf_followed, PID);
    assert_int_equal(fixture->attached.identity.tgid, PID);
}

static void test_identity_of_another(void **state)
{
    struct fixture *fixture = *state;

    fake_bpf_others = PID;
    say(fixture, &(struct reader_news){.type = READER_IDENTITY, .identity = {PID, 0, START}});
    expect_disbelief(fixture);
    assert_int_equal(fixture->attached.identity.tgid, 0);
}

/* A reader that was taken over is not the first to be another target, whose own then were the one
 * to be disbelieved. */
static void test_identity_is_the_number_here(void **state)
{
    struct fixture *fixture = *state;

    fixture->attached.numbers_are_kernels = true;
    say(fixture, &(struct reader_news){.type = READER_IDENTITY, .identity = {PID, 0, START}});
    assert_int_equal(fake_bpf_followed, PID);
    assert_false(fixture->attached.leaving);
    end(state);
    start(state);
    fixture->attached.numbers_are_kernels = true;
    say(fixture, &(struct reader_news){.type = READER_IDENTITY, .identity = {PID + 1, 0, START}});
    expect_disbelief(fixture);
    assert_int_equal(fake_bpf_followed, 0);
    assert_int_equal(fixture->attached.identity.tgid, 0);
}

/* In another PID namespace numbers differ, as those of containers do. */
static void test_identity_has_another_number_elsewhere(void **state)
{
    struct fixture *fixture = *state;

    say(fixture, &(struct reader_news){.type = READER_IDENTITY, .identity = {PID + 1, 0, START}});
    assert_int_equal(fake_bpf_followed, PID + 1);
    assert_false(fixture->attached.leaving);
}

static void test_numbers_of_the_initial_namespace(void **state)
{
    struct attached other;
    char link[64] = "";

    (void)state;
    attached_init(&other);
    assert_true(readlink("/proc/self/ns/pid", link, sizeof(link) - 1) > 0);
    assert_int_equal(attached_open(&other, INDEX, getpid()), 0);
    assert_int_equal(other.numbers_are_kernels, !strcmp(link, "pid:[4026531836]"));
    target_close(&other.target);
}

/* Without descriptors for another crew a scan is lost, and the daemon goes on. */
static void test_no_descriptors_for_a_crew(void **state)
{
    struct fixture *fixture = *state;
    struct attached *attached = &fixture->attached;
    struct rlimit before;

    begin_scan(fixture);
    close(fixture->reader);
    fixture->reader = -1;
    assert_int_equal(attached_answer(attached), 0);
    assert_false(attached_is_idle(attached));
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &(struct rlimit){3, before.rlim_max}), 0);
    assert_int_equal(attached_check(attached, clock_now()), 0);
    assert_true(attached_is_idle(attached));
    assert_int_equal(attached->losses.count[LOSS_scan_failed], 1);
    assert_int_equal(attached_check(attached, clock_now()), 0); /* who was started is gone */
    assert_false(attached->leaving);
    assert_int_equal(attached_tick(attached), 0);
    assert_true(attached_is_idle(attached));
    assert_int_equal(attached->losses.count[LOSS_scan_failed], 2);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    expect_silence(fixture);
}

static void test_missed_runs_are_a_loss(void **state)
{
    struct fixture *fixture = *state;
    struct wire_counters counters;

    assert_int_equal(attached_count(&fixture->attached), 0);
    hear(fixture, WIRE_COUNTERS, &counters, sizeof(counters));
    assert_int_equal(counters.n_programs, 2);
    assert_int_equal(counters.losses.count[LOSS_bpf_missed], 5);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_names_are_passed_on),
        TEST(test_only_names_are_believed),
        TEST(test_resources_are_of_this_target),
        TEST(test_each_is_told_once_a_scan),
        TEST(test_nothing_is_told_without_a_scan),
        TEST(test_malformed_news_end_the_crew),
        TEST(test_other_lengths_end_the_crew),
        TEST(test_refused_at_first),
        TEST(test_not_refused_any_more),
        TEST(test_refused_for_no_reason),
        TEST(test_who_follows_a_dead_analyst_is_careful),
        TEST(test_identity_stays),
        TEST(test_identity_of_another),
        TEST(test_identity_is_the_number_here),
        TEST(test_identity_has_another_number_elsewhere),
        TEST(test_numbers_of_the_initial_namespace),
        TEST(test_no_descriptors_for_a_crew),
        TEST(test_missed_runs_are_a_loss),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
