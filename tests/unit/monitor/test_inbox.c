/* SPDX-License-Identifier: Apache-2.0 */
/* Messages put together from whatever pieces arrive, and what is no message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/monitor/inbox.h"

struct fixture {
    int sender;
    struct inbox inbox;
    int n_fds; /* open before anything was received */
};

static int count_fds(void)
{
    int n = 0;

    for (int fd = 0; fd < 256; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

static int start(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    int sockets[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets), 0);
    fixture->sender = sockets[0];
    inbox_init(&fixture->inbox, sockets[1], INTAKE_ANALYST);
    fixture->n_fds = count_fds();
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

static void send_bytes(struct fixture *fixture, const void *bytes, size_t size)
{
    assert_int_equal(send(fixture->sender, bytes, size, MSG_NOSIGNAL), size);
}

/* A message of one string; its size. */
struct text_message {
    struct wire_header header;
    uint32_t id;
    char text[4000];
};

static size_t text_message(struct text_message *message, uint32_t id, size_t length)
{
    *message = (struct text_message){{WIRE_STRING, (uint32_t)(sizeof(id) + length)}, id, {0}};
    memset(message->text, 'a' + (int)(id % 26), length);
    return offsetof(struct text_message, text) + length;
}

static void assert_text(const struct inbox *inbox, uint32_t id, size_t length)
{
    struct text_message expected;

    text_message(&expected, id, length);
    assert_int_equal(inbox->header.type, WIRE_STRING);
    assert_int_equal(inbox->header.length, sizeof(id) + length);
    assert_memory_equal(inbox->payload, &expected.id, sizeof(id) + length);
}

static void test_nothing_yet(void **state)
{
    struct fixture *fixture = *state;

    assert_int_equal(inbox_read(&fixture->inbox), 0);
    assert_int_equal(inbox_read(&fixture->inbox), 0);
}

static void test_message_byte_by_byte(void **state)
{
    struct fixture *fixture = *state;
    struct text_message message;
    size_t size = text_message(&message, 5, 20);

    for (int round = 0; round < 2; round++) {
        for (size_t i = 0; i < size; i++) {
            assert_int_equal(inbox_read(&fixture->inbox), 0);
            send_bytes(fixture, (const char *)&message + i, 1);
        }
        assert_int_equal(inbox_read(&fixture->inbox), 1);
        assert_text(&fixture->inbox, 5, 20);
    }
    assert_int_equal(inbox_read(&fixture->inbox), 0);
}

static void test_messages_that_come_at_once(void **state)
{
    struct fixture *fixture = *state;
    struct text_message message;
    char bytes[3 * sizeof(message)];
    size_t at = 0;

    for (uint32_t id = 1; id <= 3; id++) {
        size_t size = text_message(&message, id, 1000 * (4 - id));

        memcpy(bytes + at, &message, size);
        at += size;
    }
    send_bytes(fixture, bytes, at - 1);
    for (uint32_t id = 1; id <= 2; id++) {
        assert_int_equal(inbox_read(&fixture->inbox), 1);
        assert_text(&fixture->inbox, id, 1000 * (4 - id));
    }
    assert_int_equal(inbox_read(&fixture->inbox), 0);
    send_bytes(fixture, bytes + at - 1, 1);
    assert_int_equal(inbox_read(&fixture->inbox), 1);
    assert_text(&fixture->inbox, 3, 1000);
}

static void test_message_without_payload(void **state)
{
    struct fixture *fixture = *state;
    const struct wire_header headers[2] = {{WIRE_FINISH, 0}, {WIRE_FINISH, 0}};

    fixture->inbox.source = INTAKE_PROBE;
    send_bytes(fixture, headers, sizeof(headers));
    assert_int_equal(inbox_read(&fixture->inbox), 1);
    assert_int_equal(fixture->inbox.header.type, WIRE_FINISH);
    assert_int_equal(inbox_read(&fixture->inbox), 1);
    assert_int_equal(inbox_read(&fixture->inbox), 0);
}

/* Seen by the header alone: no room is made for it. */
static void test_nonsense(void **state)
{
    static const struct wire_header headers[] = {
        {WIRE_TYPE_MAX, 8},
        {UINT32_MAX, UINT32_MAX},
        {WIRE_STRING, WIRE_PAYLOAD_MAX + 1},
        {WIRE_PUT, UINT32_MAX},
        {WIRE_STRING, 0}, /* too short for its number */
        {WIRE_FINISH, 0}, /* not an analyst's to send */
        {WIRE_TARGET, sizeof(struct wire_target)},
    };

    for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
        struct fixture *fixture;

        end(state);
        start(state);
        fixture = *state;
        send_bytes(fixture, &headers[i], sizeof(headers[i]));
        assert_int_equal(inbox_read(&fixture->inbox), -EBADMSG);
        assert_null(fixture->inbox.payload);
    }
}

static void test_other_side_is_gone(void **state)
{
    struct fixture *fixture = *state;
    struct text_message message;
    size_t size = text_message(&message, 1, 10);

    send_bytes(fixture, &message, size);
    send_bytes(fixture, &message, size - 1);
    shutdown(fixture->sender, SHUT_RDWR);
    assert_int_equal(inbox_read(&fixture->inbox), 1); /* what it said before counts */
    assert_int_equal(inbox_read(&fixture->inbox), -ECONNRESET);
    assert_int_equal(inbox_read(&fixture->inbox), -ECONNRESET);
}

static void send_with_fds(struct fixture *fixture, const void *bytes, size_t size, size_t n_fds)
{
    union {
        char bytes[CMSG_SPACE(4 * sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = size};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control.bytes,
                             .msg_controllen = CMSG_SPACE(n_fds * sizeof(int))};

    control.align = (struct cmsghdr){CMSG_LEN(n_fds * sizeof(int)), SOL_SOCKET, SCM_RIGHTS};
    for (size_t i = 0; i < n_fds; i++)
        memcpy(CMSG_DATA(&control.align) + i * sizeof(int), &fixture->sender, sizeof(int));
    assert_int_equal(sendmsg(fixture->sender, &message, MSG_NOSIGNAL), size);
}

static void test_descriptor_comes_with_its_message(void **state)
{
    struct fixture *fixture = *state;
    struct text_message message;
    size_t size = text_message(&message, 1, 10);
    int taken;

    send_with_fds(fixture, &message, size, 1);
    send_bytes(fixture, &message, size);
    assert_int_equal(inbox_read(&fixture->inbox), 1);
    taken = fixture->inbox.fd;
    assert_true(taken >= 0);
    assert_int_equal(fcntl(taken, F_GETFD), FD_CLOEXEC);
    fixture->inbox.fd = -1; /* whoever wants it takes it */
    assert_int_equal(inbox_read(&fixture->inbox), 1);
    assert_int_equal(fixture->inbox.fd, -1);
    assert_int_equal(close(taken), 0);
}

static void test_descriptor_that_nobody_takes_is_closed(void **state)
{
    struct fixture *fixture = *state;
    struct text_message message;
    size_t size = text_message(&message, 1, 10);

    for (int i = 0; i < 3; i++) {
        send_with_fds(fixture, &message, size, 1);
        assert_int_equal(inbox_read(&fixture->inbox), 1);
        assert_true(fixture->inbox.fd >= 0);
    }
    assert_int_equal(inbox_read(&fixture->inbox), 0);
    assert_int_equal(count_fds(), fixture->n_fds);
    send_with_fds(fixture, &message, size, 1);
    assert_int_equal(inbox_read(&fixture->inbox), 1);
    inbox_close(&fixture->inbox);
    assert_int_equal(count_fds(), fixture->n_fds - 1); /* its socket, too */
}

/* An analyst that was taken over cannot use up the monitor's descriptors. */
static void test_more_descriptors_than_one_are_not_kept(void **state)
{
    struct fixture *fixture = *state;
    struct text_message message;
    size_t size = text_message(&message, 1, 10);

    for (size_t n = 2; n <= 4; n++) {
        send_with_fds(fixture, &message, size, n);
        assert_int_equal(inbox_read(&fixture->inbox), 1);
    }
    for (size_t i = 0; i < size; i++) /* one with each byte */
        send_with_fds(fixture, (const char *)&message + i, 1, 2);
    assert_int_equal(inbox_read(&fixture->inbox), 1);
    assert_int_equal(inbox_read(&fixture->inbox), 0);
    assert_int_equal(count_fds(), fixture->n_fds);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_nothing_yet),
        TEST(test_message_byte_by_byte),
        TEST(test_messages_that_come_at_once),
        TEST(test_message_without_payload),
        TEST(test_nonsense),
        TEST(test_other_side_is_gone),
        TEST(test_descriptor_comes_with_its_message),
        TEST(test_descriptor_that_nobody_takes_is_closed),
        TEST(test_more_descriptors_than_one_are_not_kept),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
