/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/assets.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

static void finds_files_by_path(void **state)
{
    const struct asset *page = asset_find("/");

    (void)state;
    assert_non_null(page);
    assert_string_equal(page->name, "index.html");
    assert_ptr_equal(asset_find("/assets/index.html"), page);
    assert_null(asset_find(""));
    assert_null(asset_find("index.html"));
    assert_null(asset_find("/index.html"));
    assert_null(asset_find("/assets"));
    assert_null(asset_find("/assets/"));
    assert_null(asset_find("/assets//index.html"));
    assert_null(asset_find("/assets/vendor"));
}

/* Tests run in the top directory, as the build does. */
static void has_the_bytes_of_its_file(void **state)
{
    const struct asset *page = asset_find("/");
    size_t size = (size_t)(page->end - page->bytes);
    char *text = malloc(size + 1);
    FILE *file = fopen("user/monitor/assets/index.html", "r");

    (void)state;
    assert_non_null(text);
    assert_non_null(file);
    assert_int_equal(fread(text, 1, size + 1, file), size);
    assert_memory_equal(page->bytes, text, size);
    fclose(file);
    free(text);
}

static void has_the_same_bytes_packed(void **state)
{
    const struct asset *page = asset_find("/");
    size_t size = (size_t)(page->end - page->bytes);
    char *text = malloc(size + 1);
    z_stream stream = {
        .next_in = (z_const Bytef *)page->packed,
        .avail_in = (uInt)(page->packed_end - page->packed),
        .next_out = (Bytef *)text,
        .avail_out = (uInt)size + 1,
    };

    (void)state;
    assert_non_null(text);
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.avail_in, 0);
    assert_int_equal(stream.total_out, size);
    assert_memory_equal(text, page->bytes, size);
    inflateEnd(&stream);
    free(text);
}

static void types_go_by_names(void **state)
{
    static const char *const types[][2] = {
        {"index.html", "text/html; charset=utf-8"},
        {"page.css", "text/css; charset=utf-8"},
        {"vendor/uPlot.iife.min.js", "text/javascript; charset=utf-8"},
        {"icon.svg", "image/svg+xml"},
        {"vendor/LICENSE", "text/plain; charset=utf-8"},
        {"html", "text/plain; charset=utf-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        assert_string_equal(asset_type(&(struct asset){.name = types[i][0]}), types[i][1]);
}

static void etags_differ_with_the_bytes(void **state)
{
    static const char text[] = "ab";
    const struct asset a = {.bytes = text, .end = text + 1};
    const struct asset ab = {.bytes = text, .end = text + 2};
    char first[ASSET_ETAG_SIZE], second[ASSET_ETAG_SIZE], packed[ASSET_ETAG_SIZE];

    (void)state;
    asset_etag(&a, false, first);
    asset_etag(&ab, false, second);
    asset_etag(&a, true, packed);
    assert_string_not_equal(first, second);
    assert_string_not_equal(first, packed);
    assert_true(first[0] == '"' && first[strlen(first) - 1] == '"' && strlen(first) > 16);
    assert_true(packed[0] == '"' && packed[strlen(packed) - 1] == '"');
    asset_etag(&a, false, second);
    assert_string_equal(first, second);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_files_by_path),         cmocka_unit_test(has_the_bytes_of_its_file),
        cmocka_unit_test(has_the_same_bytes_packed),   cmocka_unit_test(types_go_by_names),
        cmocka_unit_test(etags_differ_with_the_bytes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
