/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of user/address.c.
 */
#include "address.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void takes_addresses_apart(void **state)
{
    static const struct {
        const char *text;
        const char *host;
        const char *port;
    } cases[] = {
        {"127.0.0.1:17275", "127.0.0.1", "17275"},
        {":9100", "", "9100"},
        {"[::1]:9100", "::1", "9100"},
        {"[fe80::1%eth0]:1", "fe80::1%eth0", "1"},
        {"localhost:0", "localhost", "0"},
        {"host.example:65535", "host.example", "65535"},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address;

        assert_int_equal(address_parse(cases[i].text, &address), 0);
        assert_string_equal(address.host, cases[i].host);
        assert_string_equal(address.port, cases[i].port);
    }
}

static void refuses_other_texts(void **state)
{
    static const char *const cases[] = {
        "",       "9100",   "localhost", "localhost:", "::1:9100", "[::1]",   "[]:1",
        "[::1:1", "::1]:1", "h:65536",   "h:-1",       "h:+1",     "h: 1",    "h:0x1",
        "a b:1",  "a\n:1",  "h:123456",  "http://h:1", "h:80/x",   "[a]b]:1", ":http",
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct address address;

        if (address_parse(cases[i], &address) != -EINVAL)
            fail_msg("'%s' was not refused", cases[i]);
    }
}

static void bounds_the_host(void **state)
{
    char text[ADDRESS_HOST_MAX + 8];
    struct address address;

    (void)state;
    memset(text, 'a', sizeof(text));
    memcpy(text + ADDRESS_HOST_MAX - 1, ":80", 4);
    assert_int_equal(address_parse(text, &address), 0);
    assert_int_equal(strlen(address.host), ADDRESS_HOST_MAX - 1);
    memcpy(text + ADDRESS_HOST_MAX - 1, "a:80", 5);
    assert_int_equal(address_parse(text, &address), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_addresses_apart),
        cmocka_unit_test(refuses_other_texts),
        cmocka_unit_test(bounds_the_host),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
