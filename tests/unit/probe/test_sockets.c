/* SPDX-License-Identifier: Apache-2.0 */
/* Lines of the kernel's socket tables, and what is said of them. */
#include "user/probe/sockets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define TAIL " 00000000:00000000 00:00000000 00000000     0        0 4711 1 0000 100 0 0 10 0"

static void test_inet(void **state)
{
    static const struct {
        const char *protocol, *line, *text;
    } cases[] = {
        {"tcp", "   0: 0100007F:18EB 00000000:0000 0A" TAIL, "tcp 127.0.0.1:6379 listening"},
        {"tcp", "  12: 0100000A:1092 0200000A:01BB 01" TAIL, "tcp 10.0.0.1:4242 -> 10.0.0.2:443"},
        {"tcp", "  12: 0100000A:1092 0200000A:01BB 08" TAIL,
         "tcp 10.0.0.1:4242 -> 10.0.0.2:443 close-wait"},
        {"tcp", "1234: 0100000A:1092 0200000A:01BB FF" TAIL, "tcp 10.0.0.1:4242 -> 10.0.0.2:443"},
        {"udp", "   0: 00000000:0035 00000000:0000 07" TAIL, "udp 0.0.0.0:53"},
        {"tcp",
         "   0: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A" TAIL,
         "tcp [::1]:8080 listening"},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_true(sockets_parse_inet(cases[i].protocol, cases[i].line, 4711, text, sizeof(text)));
        assert_string_equal(text, cases[i].text);
        assert_false(sockets_parse_inet(cases[i].protocol, cases[i].line, 471, text, sizeof(text)));
    }
}

static void test_inet_malformed(void **state)
{
    static const char *const lines[] = {
        "",
        "   0: 4711 4711 4711 4711 4711 4711 4711 4711 4711",
        "   0: 0100007F 00000000:0000 0A" TAIL,
        "   0: 0100007:18EB 00000000:0000 0A" TAIL,
        "   0: 0100007F0100007F:18EB 00000000:0000 0A" TAIL,
        "   0: 0100007F:18EB xxxxxxxx:0000 0A" TAIL,
        "   0: 0100007F:18EB 00000000:0000 zz" TAIL,
    };
    char text[256] = "untouched";

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
        assert_false(sockets_parse_inet("tcp", lines[i], 4711, text, sizeof(text)));
    assert_string_equal(text, "untouched");
}

static void test_unix(void **state)
{
    static const struct {
        const char *line, *text;
    } cases[] = {
        {"000000007f27cc80: 00000002 00000000 00010000 0001 01 4711 /run/x y.sock",
         "unix /run/x y.sock listening"},
        {"000000007f27cc80: 00000003 00000000 00000000 0001 03  4711 @name", "unix @name"},
        {"000000007f27cc80: 00000003 00000000 00000000 0001 03  4711", "unix unnamed"},
    };
    char text[256];

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        assert_true(sockets_parse_unix("unix", cases[i].line, 4711, text, sizeof(text)));
        assert_string_equal(text, cases[i].text);
    }
    assert_false(sockets_parse_unix("unix", cases[0].line, 2, text, sizeof(text)));
    assert_false(sockets_parse_unix("unix", "Num RefCount Protocol Flags", 0, text, sizeof(text)));
}

static void test_cut(void **state)
{
    char text[8];

    (void)state;
    assert_true(sockets_parse_unix("unix", "0: 2 0 0 1 1 4711 /run/x.sock", 4711, text, 8));
    assert_string_equal(text, "unix /r");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_inet),
        cmocka_unit_test(test_inet_malformed),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests_name("sockets", tests, NULL, NULL);
}
