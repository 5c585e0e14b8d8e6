/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/maps.h"

static void parse(const char *text, struct maps *maps)
{
    assert_int_equal(maps_parse(text, strlen(text), maps), 0);
}

static void test_fields(void **state)
{
    struct maps maps;
    const struct mapping *m;

    (void)state;
    parse("55d4a000-55d4b000 r-xp 0000a000 fe:01 1234567        /usr/bin/my program\n"
          "7ffe0000-7ffe1000 rw-p 00000000 00:00 0\n"
          "7fff0000-7fff2000 r-xs 00000000 00:00 0                          [vdso]\n"
          "ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0    [vsyscall]\n",
          &maps);
    assert_int_equal(maps.n, 4);
    m = &maps.mappings[0];
    assert_int_equal(m->start, 0x55d4a000);
    assert_int_equal(m->end, 0x55d4b000);
    assert_int_equal(m->offset, 0xa000);
    assert_int_equal(m->device, (uint64_t)0xfe << 32 | 1);
    assert_int_equal(m->inode, 1234567);
    assert_true(m->readable && !m->writable && m->executable);
    assert_string_equal(m->path, "/usr/bin/my program");
    assert_false(m->deleted);
    assert_true(maps.mappings[1].writable);
    assert_string_equal(maps.mappings[1].path, "");
    assert_string_equal(maps.mappings[2].path, "[vdso]");
    assert_int_equal(maps.mappings[3].end, 0xffffffffff601000u);
    maps_free(&maps);
}

static void test_paths(void **state)
{
    struct maps maps;

    (void)state;
    parse("1000-2000 r-xp 0 08:01 5 /tmp/a (deleted)\n"
          "2000-3000 r-xp 0 08:01 6 /tmp/new\\012line\n"
          "3000-4000 r-xp 0 08:01 7 /tmp/\xff\x01\n"
          "4000-5000 r-xp 0 08:01 8  (deleted)\n",
          &maps);
    assert_int_equal(maps.n, 4);
    assert_string_equal(maps.mappings[0].path, "/tmp/a");
    assert_true(maps.mappings[0].deleted);
    assert_string_equal(maps.mappings[1].path, "/tmp/new\nline");
    assert_string_equal(maps.mappings[2].path, "/tmp/\xff\x01");
    maps_free(&maps);
}

static void test_malformed_lines_are_skipped(void **state)
{
    static const char *const lines[] = {
        "\n",
        "-\n",
        "1000\n",
        "1000-2000\n",
        "1000-2000 r-x\n",
        "1000-2000 r-xp 0 08:01\n",
        "1000-2000 r-xp 0 08:01 x /a\n",
        "1000-2000 r-xp 0 08 1 /a\n",
        "2000-1000 r-xp 0 08:01 1 /a\n",
        "1000-1000 r-xp 0 08:01 1 /a\n",
        "11111111111111111-2000 r-xp 0 08:01 1 /a\n",
        "1000-2000 r-xp 0 100000000:01 1 /a\n",
        "1000-2000 r-xp 0 08:01 99999999999999999999 /a\n",
        "G000-2000 r-xp 0 08:01 1 /a\n",
        "1000-2000 r-xp 0 08:01 1 /cut of",
    };

    (void)state;
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
        struct maps maps;
        char text[256];

        strcpy(text, "800-900 r-xp 0 08:01 1 /first\n");
        strcat(text, lines[i]);
        parse(text, &maps);
        assert_int_equal(maps.n, 1);
        assert_string_equal(maps.mappings[0].path, "/first");
        maps_free(&maps);
    }
}

static void test_overlapping_lines_are_skipped(void **state)
{
    struct maps maps;

    (void)state;
    parse("2000-4000 r-xp 0 08:01 1 /a\n"
          "3000-5000 r-xp 0 08:01 1 /b\n"
          "1000-1800 r-xp 0 08:01 1 /c\n"
          "4000-5000 r-xp 0 08:01 1 /d\n",
          &maps);
    assert_int_equal(maps.n, 2);
    assert_string_equal(maps.mappings[1].path, "/d");
    maps_free(&maps);
}

static void test_every_cut_is_survived(void **state)
{
    static const char text[] = "1000-2000 r-xp 00000000 08:01 5 /tmp/a\\012 (deleted)\n"
                               "2000-3000 rw-p 00000000 00:00 0 \n";

    (void)state;
    for (size_t length = 0; length < sizeof(text); length++) {
        char *copy = malloc(length + 1);
        struct maps maps;

        memcpy(copy, text, length);
        assert_int_equal(maps_parse(copy, length, &maps), 0);
        assert_true(maps.n <= 2);
        maps_free(&maps);
        free(copy);
    }
}

static void test_find(void **state)
{
    struct maps maps;

    (void)state;
    parse("1000-2000 r-xp 0 08:01 1 /a\n2000-3000 r-xp 0 08:01 1 /b\n5000-6000 r-xp 0 08:01 1 /c\n",
          &maps);
    assert_null(maps_find(&maps, 0));
    assert_null(maps_find(&maps, 0xfff));
    assert_string_equal(maps_find(&maps, 0x1000)->path, "/a");
    assert_string_equal(maps_find(&maps, 0x1fff)->path, "/a");
    assert_string_equal(maps_find(&maps, 0x2000)->path, "/b");
    assert_null(maps_find(&maps, 0x3000));
    assert_string_equal(maps_find(&maps, 0x5abc)->path, "/c");
    assert_null(maps_find(&maps, UINT64_MAX));
    maps_free(&maps);
}

static void test_names(void **state)
{
    static const char *const cases[][2] = {
        {"/usr/lib/libc.so.6", "libc.so.6"},
        {"/a", "a"},
        {"[vdso]", "[vdso]"},
        {"[anon:a/b]", "[anon:a/b]"},
        {"socket:[1]/x", "socket:[1]/x"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(mapping_name(&(struct mapping){.path = cases[i][0]}), cases[i][1]);
}

static void test_too_many(void **state)
{
    size_t length = (size_t)MAPS_MAX + 1;
    char *text = malloc(length);
    struct maps maps;

    (void)state;
    memset(text, '\n', length);
    assert_int_equal(maps_parse(text, length, &maps), -E2BIG);
    assert_int_equal(maps_parse(text, length - 1, &maps), 0);
    assert_int_equal(maps.n, 0);
    assert_null(maps_find(&maps, 0x1000));
    maps_free(&maps);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_malformed_lines_are_skipped),
        cmocka_unit_test(test_overlapping_lines_are_skipped),
        cmocka_unit_test(test_every_cut_is_survived),
        cmocka_unit_test(test_find),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_too_many),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
