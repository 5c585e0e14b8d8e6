/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of user/monitor/accept.c.
 */
#include "monitor/accept.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

#define OM "application/openmetrics-text"

struct accept_case {
    const char *header;
    bool accepted;
};

static void negotiates_openmetrics(void **state)
{
    static const struct accept_case cases[] = {
        {NULL, false},
        {"", false},
        {"*/*", false},
        {"text/plain", false},
        {"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", false},
        {OM, true},
        {OM ";version=1.0.0", true},
        {OM ";version=0.0.1", false},
        {OM ";version=\"1.0.0\"", true},
        {"Application/OpenMetrics-Text ; Version=1.0.0", true},
        {OM ";q=0", false},
        {OM ";q=0.5,text/plain;q=0.5", true},
        {OM ";q=0.499,text/plain;q=0.5", false},
        {OM ";q=0.5,*/*;q=0.6", false},
        {OM ";q=0.5,text/*;q=0.4,*/*;q=0.6", true},
        {OM ";q=0.5,text/plain;q=0.1,text/*;q=0.9", true},
        {OM ";q=0.5,text/plain;version=1.0.0", true},
        {OM ";q=0.5,text/plain;version=0.0.4", false},
        {"text/plain;q=0.5," OM ";version=0.0.1;q=0.9", false},
        {OM ";q=nonsense,text/plain;q=0.1", false},
        {OM ";q=2", false},
        {OM ";q=1.001", false},
        {OM ";q=", false},
        {OM ";q", false},
        {OM "x", false},
        {",, ," OM " ,", true},
        {"a/b;c=\"x," OM "\"", false},
        {"a/b;c=\"\\\"," OM, false},
        {";;;=;,=,;", false},
        /* Prometheus 2.x */
        {OM ";version=1.0.0," OM ";version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,"
            "*/*;q=0.1",
         true},
        /* Prometheus 3.x, and with PrometheusText0.0.4 preferred */
        {OM ";version=1.0.0;escaping=allow-utf-8;q=0.5," OM ";version=0.0.1;q=0.4,"
            "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,"
            "*/*;q=0.1",
         true},
        {"text/plain;version=0.0.4;escaping=allow-utf-8;q=0.5," OM
         ";version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.1",
         false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (accept_openmetrics(cases[i].header) != cases[i].accepted)
            fail_msg("%s", cases[i].header);
    }
}

static void negotiates_gzip(void **state)
{
    static const struct accept_case cases[] = {
        {NULL, false},
        {"", false},
        {"gzip", true},
        {"GZIP", true},
        {"x-gzip", true},
        {"deflate, gzip;q=1.0, *;q=0.5", true},
        {"gzip, deflate, br, zstd", true},
        {"gzip;q=0", false},
        {"gzip;q=0.000", false},
        {"gzip;q=0.001", true},
        {"*", true},
        {"*;q=0", false},
        {"gzip;q=0,*", false},
        {"*;q=0,gzip", true},
        {"identity", false},
        {"gzipped", false},
        {"br;gzip", false},
    };

    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        if (accept_gzip(cases[i].header) != cases[i].accepted)
            fail_msg("%s", cases[i].header);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(negotiates_openmetrics),
        cmocka_unit_test(negotiates_gzip),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
