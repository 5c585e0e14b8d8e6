/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/jsontext.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

struct page {
    struct jsontext to;
    char *text;
    size_t size;
    FILE *out;
};

static int set_up(void **state)
{
    struct page *page = calloc(1, sizeof(*page));

    page->out = open_memstream(&page->text, &page->size);
    jsontext_init(&page->to, page->out);
    *state = page;
    return 0;
}

static int tear_down(void **state)
{
    struct page *page = *state;

    fclose(page->out);
    free(page->text);
    free(page);
    return 0;
}

static const char *finish(struct page *page)
{
    assert_int_equal(jsontext_finish(&page->to), 0);
    fflush(page->out);
    return page->text;
}

static void puts_commas_where_they_belong(void **state)
{
    struct page *page = *state;
    struct jsontext *to = &page->to;

    jsontext_begin(to, '{');
    jsontext_key(to, "empty");
    jsontext_begin(to, '[');
    jsontext_end(to, ']');
    jsontext_key(to, "list");
    jsontext_begin(to, '[');
    jsontext_number(to, 1);
    jsontext_begin(to, '{');
    jsontext_end(to, '}');
    jsontext_line(to);
    jsontext_null(to);
    jsontext_bool(to, true);
    jsontext_end(to, ']');
    jsontext_key(to, "last");
    jsontext_bool(to, false);
    jsontext_end(to, '}');
    assert_string_equal(finish(page), "{\"empty\":[],\"list\":[1,{},\nnull,true],\"last\":false}");
}

static void writes_numbers(void **state)
{
    struct page *page = *state;
    struct jsontext *to = &page->to;

    jsontext_begin(to, '[');
    jsontext_number(to, 0);
    jsontext_number(to, UINT64_MAX);
    jsontext_hex(to, 0, 0);
    jsontext_hex(to, UINT64_MAX, 0);
    jsontext_hex(to, 0xabc, 16);
    jsontext_end(to, ']');
    assert_string_equal(finish(page), "[0,18446744073709551615,\"0x0\",\"0xffffffffffffffff\","
                                      "\"0000000000000abc\"]");
}

static void writes_decimals(void **state)
{
    static const struct {
        int64_t number;
        unsigned digits;
    } decimals[] = {
        {0, 3},     {1, 3},  {10, 3}, {100, 3},  {1000, 3}, {1001, 3},      {-1, 3},
        {-2500, 3}, {42, 0}, {-7, 0}, {1050, 2}, {9, 9},    {INT64_MIN, 6},
    };
    struct page *page = *state;

    jsontext_begin(&page->to, '[');
    for (size_t i = 0; i < sizeof(decimals) / sizeof(decimals[0]); i++)
        jsontext_decimal(&page->to, decimals[i].number, decimals[i].digits);
    jsontext_end(&page->to, ']');
    assert_string_equal(finish(page), "[0,0.001,0.01,0.1,1,1.001,-0.001,-2.5,42,-7,10.5,"
                                      "0.000000009,-9223372036854.775808]");
}

static void escapes_strings(void **state)
{
    struct page *page = *state;

    jsontext_begin(&page->to, '{');
    jsontext_key(&page->to, "a\"\\b");
    jsontext_string(&page->to, "\"q\" \\ \n\t\x01\x7f é 漢 😀 \xff\xc3(");
    jsontext_key(&page->to, "bidi");
    jsontext_string(&page->to, "\u202e\u2028");
    jsontext_key(&page->to, "none");
    jsontext_string(&page->to, NULL);
    jsontext_end(&page->to, '}');
    assert_string_equal(finish(page), "{\"a\\\"\\\\b\":\"\\\"q\\\" \\\\ \ufffd\ufffd\ufffd\ufffd é "
                                      "漢 😀 \ufffd\ufffd(\",\"bidi\":\"\ufffd\ufffd\","
                                      "\"none\":null}");
}

/* Whatever the state of the buffer, and longer than it. */
static void writes_strings_of_all_lengths(void **state)
{
    struct page *page = *state;
    char text[2 * JSONTEXT_BUFFER + 1] = "";
    json_error_t error;
    json_t *json;

    jsontext_begin(&page->to, '[');
    for (size_t i = 0; i < 2 * JSONTEXT_BUFFER; i += 61) {
        memset(text, 'x', i);
        text[i] = i % 2 ? '"' : 'y';
        jsontext_string(&page->to, text);
    }
    jsontext_end(&page->to, ']');
    json = json_loads(finish(page), 0, &error);
    assert_non_null(json);
    for (size_t i = 0; i < json_array_size(json); i++) {
        const char *string = json_string_value(json_array_get(json, i));

        assert_int_equal(strlen(string), i * 61 + 1);
        assert_int_equal(strspn(string, "x"), i * 61);
    }
    json_decref(json);
}

static void says_when_its_output_fails(void **state)
{
    FILE *full = fopen("/dev/full", "w");
    struct jsontext to;

    (void)state;
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    jsontext_init(&to, full);
    jsontext_number(&to, 1);
    assert_int_equal(jsontext_finish(&to), -EIO);
    fclose(full);
}

/* As many bytes without a stream as with one, also those that no buffer holds. */
static void measures(void **state)
{
    static char text[3 * JSONTEXT_BUFFER];
    struct page *page = *state;
    struct jsontext measure;

    memset(text, 'a', sizeof(text) - 1);
    jsontext_init(&measure, NULL);
    for (int i = 0; i < 2; i++) {
        struct jsontext *to = i ? &page->to : &measure;

        assert_int_equal(jsontext_written(to), 0);
        jsontext_begin(to, '[');
        jsontext_string(to, text);
        jsontext_string(to, "\"");
        jsontext_end(to, ']');
        assert_int_equal(jsontext_written(to), sizeof(text) + 8);
        assert_int_equal(jsontext_finish(to), 0);
        assert_int_equal(jsontext_written(to), sizeof(text) + 8);
    }
    fflush(page->out);
    assert_int_equal(page->size, sizeof(text) + 8);
}

#define WITH_PAGE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGE(puts_commas_where_they_belong),
        WITH_PAGE(writes_numbers),
        WITH_PAGE(measures),
        WITH_PAGE(writes_decimals),
        WITH_PAGE(escapes_strings),
        WITH_PAGE(writes_strings_of_all_lengths),
        WITH_PAGE(says_when_its_output_fails),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
