/* SPDX-License-Identifier: Apache-2.0 */
/* The messages to a service manager, as a socket of the test's gets them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "user/probe/notify.h"

#define SECOND 1000000000ull

/* A manager's socket with a name that needs no file. */
static int listen_as_manager(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    char name[64];
    int length = snprintf(name, sizeof(name), "@parkwatch-test-%d", getpid());

    memcpy(address.sun_path + 1, name + 1, (size_t)length - 1);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + (size_t)length)),
                     0);
    setenv("NOTIFY_SOCKET", name, 1);
    return fd;
}

/* "" for no message. */
static void assert_told(int fd, const char *expected)
{
    char text[256] = "";
    ssize_t n = recv(fd, text, sizeof(text) - 1, 0);

    if (n < 0)
        assert_int_equal(errno, EAGAIN);
    assert_string_equal(text, expected);
}

static void test_ready_once_for_each_number(void **state)
{
    struct notify notify = NOTIFY_NONE;
    int manager = listen_as_manager();

    (void)state;
    assert_int_equal(notify_open(&notify), 0);
    assert_null(getenv("NOTIFY_SOCKET"));
    notify_ready(&notify, 2);
    assert_told(manager, "READY=1\nSTATUS=Watching 2 processes.");
    notify_ready(&notify, 2);
    assert_told(manager, "");
    notify_ready(&notify, 1);
    assert_told(manager, "READY=1\nSTATUS=Watching 1 process.");
    notify_stopping(&notify);
    assert_told(manager, "STOPPING=1");
    notify_close(&notify);
    close(manager);
}

static void test_signs_of_life(void **state)
{
    struct notify notify = NOTIFY_NONE;
    int manager = listen_as_manager();

    (void)state;
    setenv("WATCHDOG_USEC", "30000000", 1);
    assert_int_equal(notify_open(&notify), 0);
    notify_alive(&notify, SECOND);
    assert_told(manager, "WATCHDOG=1");
    notify_alive(&notify, 10 * SECOND);
    assert_told(manager, "");
    assert_int_equal(notify_timeout_ms(&notify, 10 * SECOND, -1), 1000);
    assert_int_equal(notify_timeout_ms(&notify, 10 * SECOND, 500), 500);
    assert_int_equal(notify_timeout_ms(&notify, 12 * SECOND, -1), 0);
    notify_alive(&notify, 11 * SECOND);
    assert_told(manager, "WATCHDOG=1");
    notify_close(&notify);
    close(manager);
}

static void test_a_watchdog_of_another_process(void **state)
{
    struct notify notify = NOTIFY_NONE;
    int manager = listen_as_manager();

    (void)state;
    setenv("WATCHDOG_USEC", "30000000", 1);
    setenv("WATCHDOG_PID", "1", 1);
    assert_int_equal(notify_open(&notify), 0);
    notify_alive(&notify, SECOND);
    assert_told(manager, "");
    assert_int_equal(notify_timeout_ms(&notify, SECOND, -1), -1);
    notify_close(&notify);
    close(manager);
}

/* A manager that does not read holds nobody up, and one that is gone ends nobody. */
static void test_a_deaf_manager(void **state)
{
    struct notify notify = NOTIFY_NONE;
    int manager = listen_as_manager();

    (void)state;
    assert_int_equal(notify_open(&notify), 0);
    for (size_t i = 0; i < 10000; i++)
        notify_ready(&notify, i);
    close(manager);
    notify_stopping(&notify);
    notify_close(&notify);
}

static void test_without_a_manager(void **state)
{
    struct notify notify = NOTIFY_NONE;

    (void)state;
    unsetenv("NOTIFY_SOCKET");
    assert_int_equal(notify_open(&notify), 0);
    notify_ready(&notify, 1);
    notify_alive(&notify, SECOND);
    assert_int_equal(notify.fd, -1);
}

static void test_bad_addresses(void **state)
{
    struct notify notify = NOTIFY_NONE;
    char name[200];

    (void)state;
    memset(name, '/', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    setenv("NOTIFY_SOCKET", name, 1);
    assert_int_equal(notify_open(&notify), -ENAMETOOLONG);
    setenv("NOTIFY_SOCKET", "relative", 1);
    assert_int_equal(notify_open(&notify), -EINVAL);
    setenv("NOTIFY_SOCKET", "/nowhere/at/all", 1);
    assert_int_equal(notify_open(&notify), -ENOENT);
    assert_int_equal(notify.fd, -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ready_once_for_each_number),
        cmocka_unit_test(test_signs_of_life),
        cmocka_unit_test(test_a_watchdog_of_another_process),
        cmocka_unit_test(test_a_deaf_manager),
        cmocka_unit_test(test_without_a_manager),
        cmocka_unit_test(test_bad_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
