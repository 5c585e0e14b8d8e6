/* SPDX-License-Identifier: Apache-2.0 */
/* The monitor's loop, in a process of its own, against an analyst that does not stop: the test is
 * the probe, the analyst and a client. */
#include "monitor/monitor.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "clock.h"
#include "monitor/http.h"
#include "sandbox.h"
#include "wire_send.h"

#define SAMPLES     50000 /* that each scan has to group */
#define PATIENCE_MS 30000

struct fixture {
    pid_t monitor;
    int probe;    /* the probe's end */
    int analyst;  /* the analyst's end; the flood ends with it */
    int listener; /* of the monitor */
    pthread_t flood;
};

/* A test does not lock itself in: the sanitizers would need more than is allowed. */
int sandbox_monitor(void)
{
    return 0;
}

int sandbox_screen(void)
{
    return 0;
}

static void start_monitor(struct fixture *fixture)
{
    static struct options options = {.telemetry_path = "/metrics", .interval_ns = 1000000000};
    char why[HTTP_WHY_MAX];
    struct monitor_options monitor = {.options = &options, .watch = true, .verifier_socket = -1};
    int pair[2];

    if (!options.n_ignores)
        assert_int_equal(ere_new("a.*b", &options.ignores[options.n_ignores++]), 0);
    assert_int_equal(http_listen("127.0.0.1:0", &fixture->listener, why), 0);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    monitor.probe_socket = pair[1];
    monitor.listen_fds = &fixture->listener;
    monitor.n_listen_fds = 1;
    fixture->monitor = fork();
    assert_true(fixture->monitor >= 0);
    if (!fixture->monitor) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pair[0]);
        _exit(monitor_run(&monitor));
    }
    close(pair[1]);
    fixture->probe = pair[0];
}

static void send_analyst(const struct fixture *fixture, enum wire_type type, const void *payload,
                         size_t length)
{
    assert_int_equal(wire_send(fixture->analyst, type, payload, length, -1), 0);
}

static void send_samples(const struct fixture *fixture)
{
    const size_t step = WIRE_PAYLOAD_MAX / sizeof(struct sample);
    struct sample *samples = calloc(SAMPLES, sizeof(*samples));

    send_analyst(fixture, WIRE_STRING, "\1\0\0\0sleep", 9);
    send_analyst(fixture, WIRE_STACK, &(struct wire_stack){.id = 1, .reason = 1},
                 sizeof(struct wire_stack));
    for (size_t i = 0; i < SAMPLES; i++)
        samples[i] = (struct sample){.id = 1 + i, .stack_id = 1};
    for (size_t i = 0; i < SAMPLES; i += step)
        send_analyst(fixture, WIRE_PUT, &samples[i],
                     (SAMPLES - i < step ? SAMPLES - i : step) * sizeof(*samples));
    free(samples);
}

/* Scans that never were, each a next one with something new, as fast as they are taken. */
static void *flood(void *context)
{
    const struct fixture *fixture = context;
    struct wire_scan scan = {.runtime = "native"};
    struct sample sample = {.id = 1, .stack_id = 1};
    int r = 0;

    while (!r) {
        scan.number++;
        scan.time_ns++;
        sample.rewaits++;
        r = wire_send(fixture->analyst, WIRE_PUT, &sample, sizeof(sample), -1);
        if (!r)
            r = wire_send(fixture->analyst, WIRE_SCAN, &scan, sizeof(scan), -1);
    }
    return NULL;
}

/* Stacks with names that --ignore's pattern takes long to be matched against. */
static void *flood_of_names(void *context)
{
    const struct fixture *fixture = context;
    struct {
        uint32_t id;
        char bytes[WIRE_STRING_MAX];
    } name = {.id = 1};
    struct {
        struct wire_stack stack;
        struct wire_frame frames[2];
    } message = {.stack = {.reason = 1, .n_frames = 2},
                 .frames = {{.function = 1}, {.function = 1}}};
    int r;

    memset(name.bytes, 'a', sizeof(name.bytes));
    r = wire_send(fixture->analyst, WIRE_STRING, &name, sizeof(name), -1);
    while (!r) {
        message.stack.id++;
        r = wire_send(fixture->analyst, WIRE_STACK, &message, sizeof(message), -1);
    }
    return NULL;
}

static void start_analyst(struct fixture *fixture)
{
    const struct wire_target target = {.pid = 4121, .up = 1, .analyst = 1, .comm = "app"};
    int pair[2];

    start_monitor(fixture);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
    assert_int_equal(wire_send(fixture->probe, WIRE_TARGET, &target, sizeof(target), pair[1]), 0);
    close(pair[1]);
    fixture->analyst = pair[0];
}

static int start_names(void **state)
{
    static struct fixture fixture;

    start_analyst(&fixture);
    assert_int_equal(pthread_create(&fixture.flood, NULL, flood_of_names, &fixture), 0);
    *state = &fixture;
    return 0;
}

static int start(void **state)
{
    static struct fixture fixture;

    start_analyst(&fixture);
    send_samples(&fixture);
    assert_int_equal(pthread_create(&fixture.flood, NULL, flood, &fixture), 0);
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    kill(fixture->monitor, SIGKILL);
    waitpid(fixture->monitor, NULL, 0);
    pthread_join(fixture->flood, NULL);
    close(fixture->analyst);
    close(fixture->probe);
    close(fixture->listener);
    return 0;
}

/* The whole answer to a request for that path. */
static void ask(const struct fixture *fixture, const char *path, char *ret_text, size_t size)
{
    const uint64_t end_ns = clock_now() + PATIENCE_MS * 1000000ull;
    struct sockaddr_in address;
    socklen_t length = sizeof(address);
    char request[128];
    size_t at = 0;
    ssize_t n = 1;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(getsockname(fixture->listener, (struct sockaddr *)&address, &length), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&address, length), 0);
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n", path);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    while (n > 0 && at < size - 1) {
        struct pollfd poller = {.fd = fd, .events = POLLIN};

        assert_true(clock_now() < end_ns);
        if (poll(&poller, 1, 100) == 1) {
            n = recv(fd, ret_text + at, size - 1 - at, 0);
            at += n > 0 ? (size_t)n : 0;
        }
    }
    ret_text[at] = '\0';
    close(fd);
}

/* What the probe says is heard, and clients are answered, in the middle of the flood. */
static void test_flood(void **state)
{
    struct wire_resources resources = {.index = 0, .resident_bytes = 123456789};
    const uint64_t end_ns = clock_now() + PATIENCE_MS * 1000000ull;
    struct fixture *fixture = *state;
    static char text[1 << 20];

    assert_int_equal(wire_send(fixture->probe, WIRE_RESOURCES, &resources, sizeof(resources), -1),
                     0);
    do {
        ask(fixture, "/metrics", text, sizeof(text));
        assert_non_null(strstr(text, "parkwatch_target_up"));
        assert_true(clock_now() < end_ns);
    } while (!strstr(text, " 123456789\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"flood_of_scans", test_flood, start, end, NULL},
        {"flood_of_names", test_flood, start_names, end, NULL},
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
