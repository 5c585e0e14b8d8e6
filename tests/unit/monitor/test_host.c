/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of user/monitor/host.c: which Host fields are this server's. */
#include "monitor/host.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void takes_addresses_and_localhost(void **state)
{
    static const char *const hosts[] = {
        "localhost", "LocalHost:17275", "localhost:",      "127.0.0.1",  "127.0.0.1:80",
        "127.9.9.9", "192.0.2.7:9",     "[::1]",           "[::1]:9100", "[2001:db8::1]:65535",
        "0.0.0.0",   "10.0.0.1",        "[::ffff:1.2.3.4]"};

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        if (host_check(NULL, hosts[i]))
            fail_msg("%s is refused", hosts[i]);
}

static void refuses_names_of_others(void **state)
{
    static const char *const hosts[] = {"rebound.example",   "localhost.example",   "localhost.",
                                        "127.0.0.1.example", "evil-localhost:1234", "127.1",
                                        "2130706433",        "0x7f.0.0.1",          "127.0.0.1.",
                                        "0177.0.0.1",        "127.0.0.256:80",      "1.2.3"};

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        if (host_check(NULL, hosts[i]) != -ENOENT)
            fail_msg("%s is not refused as a name", hosts[i]);
}

static void refuses_what_is_no_host(void **state)
{
    static const char *const hosts[] = {"",
                                        ":80",
                                        "localhost:x",
                                        "localhost:123456",
                                        "[::1",
                                        "[]",
                                        "[::1]x",
                                        "[localhost]",
                                        "[127.0.0.1]",
                                        "::1",
                                        "a b",
                                        "a@localhost",
                                        "a/b",
                                        "localhost:1:2",
                                        "[fe80::1%eth0]",
                                        "localhost,evil",
                                        "<script>",
                                        "localhost:-1"};

    (void)state;
    for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++)
        if (host_check(NULL, hosts[i]) != -EBADMSG)
            fail_msg("%s is not refused as no host", hosts[i]);
}

static void takes_the_names_that_it_was_given(void **state)
{
    struct host_names names = {};
    char longest[300];

    (void)state;
    assert_int_equal(host_names_add(&names, "Monitor.example"), 0);
    assert_int_equal(host_check(&names, "monitor.EXAMPLE:9100"), 0);
    assert_int_equal(host_check(&names, "example"), -ENOENT);
    assert_int_equal(host_check(&names, "a.monitor.example"), -ENOENT);
    memset(longest, 'a', sizeof(longest) - 1);
    longest[sizeof(longest) - 1] = '\0';
    assert_int_equal(host_names_add(&names, longest), -E2BIG);
    assert_int_equal(host_check(&names, longest), -EBADMSG);
    while (names.n < HOST_NAMES_MAX)
        assert_int_equal(host_names_add(&names, "x"), 0);
    assert_int_equal(host_names_add(&names, "y"), -E2BIG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_addresses_and_localhost),
        cmocka_unit_test(refuses_names_of_others),
        cmocka_unit_test(refuses_what_is_no_host),
        cmocka_unit_test(takes_the_names_that_it_was_given),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
