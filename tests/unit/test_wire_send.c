/* SPDX-License-Identifier: Apache-2.0 */
/* Messages written whole, however little the socket takes at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/monitor/inbox.h"
#include "user/wire_send.h"

struct fixture {
    int sender;
    struct inbox inbox;
};

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    int sockets[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    fixture->sender = sockets[0];
    inbox_init(&fixture->inbox, sockets[1], INTAKE_PROBE);
    *state = fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    inbox_close(&fixture->inbox);
    close(fixture->sender);
    free(fixture);
    return 0;
}

static void test_message_and_descriptor(void **state)
{
    struct fixture *fixture = *state;
    struct wire_target target = {.index = 3, .comm = "server"};

    assert_int_equal(wire_send(fixture->sender, WIRE_TARGET, &target, sizeof(target), 0), 0);
    assert_int_equal(wire_send(fixture->sender, WIRE_FINISH, NULL, 0, -1), 0);
    assert_int_equal(inbox_read(&fixture->inbox), 1);
    assert_int_equal(fixture->inbox.header.type, WIRE_TARGET);
    assert_int_equal(fixture->inbox.header.length, sizeof(target));
    assert_memory_equal(fixture->inbox.payload, &target, sizeof(target));
    assert_true(fixture->inbox.fd > 0);
    assert_int_equal(inbox_read(&fixture->inbox), 1);
    assert_int_equal(fixture->inbox.header.type, WIRE_FINISH);
    assert_int_equal(fixture->inbox.fd, -1);
}

#define MANY 2000 /* together far more than a socket holds */

static void *send_many(void *argument)
{
    struct fixture *fixture = argument;
    struct wire_target target = {.index = 0};

    for (; target.index < MANY; target.index++)
        if (wire_send(fixture->sender, WIRE_TARGET, &target, sizeof(target), -1))
            return "failed";
    return NULL;
}

static void test_socket_that_is_full(void **state)
{
    struct fixture *fixture = *state;
    struct wire_target target;
    pthread_t thread;
    void *failed;

    assert_int_equal(pthread_create(&thread, NULL, send_many, fixture), 0);
    for (uint32_t i = 0; i < MANY; i++) {
        int r = 0;

        while (!r) {
            struct pollfd readable = {.fd = fixture->inbox.socket, .events = POLLIN};

            assert_int_equal(poll(&readable, 1, 10000), 1);
            r = inbox_read(&fixture->inbox);
        }
        assert_int_equal(r, 1);
        memcpy(&target, fixture->inbox.payload, sizeof(target));
        assert_int_equal(target.index, i);
    }
    pthread_join(thread, &failed);
    assert_null(failed);
}

static void ignore(int signal_number)
{
    (void)signal_number;
}

static char large[WIRE_PAYLOAD_MAX]; /* more than a socket holds */

static void *send_large(void *argument)
{
    struct fixture *fixture = argument;

    return wire_send(fixture->sender, WIRE_STRING, large, sizeof(large), -1) ? "failed" : NULL;
}

/* Each ends a send() that waits for room after part of its bytes, or none. */
static void test_signals_cut_nothing(void **state)
{
    struct fixture *fixture = *state;
    static char received[sizeof(struct wire_header) + sizeof(large)];
    size_t size = 0;
    pthread_t thread;
    void *failed;

    for (size_t i = 0; i < sizeof(large); i++)
        large[i] = (char)(i % 251);
    assert_int_equal(sigaction(SIGUSR1, &(struct sigaction){.sa_handler = ignore}, NULL), 0);
    assert_int_equal(pthread_create(&thread, NULL, send_large, fixture), 0);
    while (size < sizeof(received)) {
        struct pollfd readable = {.fd = fixture->inbox.socket, .events = POLLIN};
        size_t piece = sizeof(received) - size < 3000 ? sizeof(received) - size : 3000;
        ssize_t n;

        assert_int_equal(poll(&readable, 1, 10000), 1);
        pthread_kill(thread, SIGUSR1);
        n = recv(readable.fd, received + size, piece, 0);
        assert_true(n > 0);
        size += (size_t)n;
    }
    pthread_join(thread, &failed);
    signal(SIGUSR1, SIG_DFL);
    assert_null(failed);
    assert_memory_equal(received + sizeof(struct wire_header), large, sizeof(large));
}

static void test_monitor_that_is_gone(void **state)
{
    struct fixture *fixture = *state;

    inbox_close(&fixture->inbox);
    assert_int_equal(wire_send(fixture->sender, WIRE_FINISH, NULL, 0, -1), -EPIPE);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_message_and_descriptor),
        TEST(test_socket_that_is_full),
        TEST(test_signals_cut_nothing),
        TEST(test_monitor_that_is_gone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
