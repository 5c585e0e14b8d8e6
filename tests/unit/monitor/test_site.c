/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of frames and sites, in full and cut. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "monitor/site.h"

static void check_site(const struct frame *frames, uint32_t n, uint32_t site, size_t size,
                       const char *expected)
{
    const struct stack stack = {.frames = frames, .n_frames = n, .site = site};
    char text[256];

    memset(text, 'x', sizeof(text));
    site_text(&stack, text, size);
    assert_string_equal(text, expected);
    assert_true(strlen(text) < size);
}

static void test_site(void **state)
{
    const struct frame frames[] = {
        {.function = "main.getRecommend", .file = "/src/app/main.go", .line = 18},
        {.function = "start_thread", .module = "libc.so.6"},
        {.module = "libx.so", .offset = 0x1f0, .address = 0x7f0000001f0},
        {.address = 0x1000},
        {.function = "f", .file = "f.c"},
    };

    (void)state;
    check_site(NULL, 0, 0, 256, "[unknown]");
    check_site(frames, 5, 0, 256, "main.getRecommend main.go:18");
    check_site(frames, 5, 1, 256, "start_thread");
    check_site(frames, 5, 2, 256, "libx.so+0x1f0");
    check_site(frames, 5, 3, 256, "[unknown]");
    check_site(frames, 5, 4, 256, "f");
}

/* The place is what a reader needs most: the function gives way. */
static void test_site_cut(void **state)
{
    const struct frame frames[] = {
        {.function = "std::map<\xc3\xa9\xc3\xa9>::at", .file = "m.h", .line = 7},
        {.module = "a-long-name.so", .offset = 0x10},
    };

    (void)state;
    check_site(frames, 2, 0, 17, "std::map< m.h:7");
    check_site(frames, 2, 0, 18, "std::map<\xc3\xa9 m.h:7");
    check_site(frames, 2, 0, 19, "std::map<\xc3\xa9 m.h:7");
    check_site(frames, 2, 0, 20, "std::map<\xc3\xa9\xc3\xa9 m.h:7");
    check_site(frames, 2, 1, 12, "a-long+0x10");
}

static void test_frame(void **state)
{
    const struct frame unnamed = {.address = 0xabc};
    char text[16];

    (void)state;
    assert_int_equal(site_frame(&unnamed, text, sizeof(text)), 5);
    assert_string_equal(text, "0xabc");
    assert_int_equal(site_frame(&(struct frame){.function = "main"}, text, 3), 2);
    assert_string_equal(text, "ma");
    assert_int_equal(site_frame(&unnamed, text, 1), 0);
    assert_string_equal(text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_site),
        cmocka_unit_test(test_site_cut),
        cmocka_unit_test(test_frame),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
