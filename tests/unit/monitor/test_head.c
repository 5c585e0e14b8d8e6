/* SPDX-License-Identifier: Apache-2.0 */
/* Heads of requests at their bounds; what is refused, and how, is in test_gate.c. */
#include "monitor/head.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

/* "GET /aaa... HTTP/1.0" and `fields`, HEAD_MAX bytes in all. */
static size_t make_longest(char text[static HEAD_MAX + 1], const char *fields)
{
    const size_t rest = strlen("GET / HTTP/1.0\r\n\r\n") + strlen(fields);
    char path[HEAD_MAX];

    memset(path, 'a', sizeof(path));
    return (size_t)snprintf(text, HEAD_MAX + 1, "GET /%.*s HTTP/1.0\r\n%s\r\n",
                            (int)(HEAD_MAX - rest), path, fields);
}

/* What is handed on has fields that the client did not send, and blanks behind its colons. */
static void test_the_longest_is_handed_on(void **state)
{
    static const char *const fields[] = {
        "",
        "Accept:a\r\nAccept-Encoding:b\r\nIf-None-Match:c\r\nAuthorization:d\r\n",
    };
    char text[HEAD_MAX + 1], written[HEAD_WRITTEN_MAX];
    struct head head;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(make_longest(text, fields[i]), HEAD_MAX);
        assert_int_equal(head_parse(text, HEAD_MAX, &head), 0);
        assert_in_range(head_write(&head, written), HEAD_MAX, HEAD_WRITTEN_MAX - 1);
        assert_non_null(strstr(written, "Connection: close\r\n\r\n"));
    }
}

static void test_one_without_an_end(void **state)
{
    char text[HEAD_MAX];
    struct head head;

    (void)state;
    memset(text, 'a', sizeof(text));
    assert_int_equal(head_parse(text, HEAD_MAX - 1, &head), -EAGAIN);
    assert_int_equal(head_parse(text, HEAD_MAX, &head), -EMSGSIZE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_longest_is_handed_on),
        cmocka_unit_test(test_one_without_an_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
