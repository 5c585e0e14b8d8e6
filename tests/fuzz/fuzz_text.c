/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as what people and targets name things: durations, addresses, query arguments, and
 * names on their way into JSON, Prometheus labels and tables, which must be valid UTF-8 there.
 */
#include <jansson.h>
#include <stdio.h>

#include "fuzz.h"

#include "address.h"
#include "buildid.h"
#include "duration.h"
#include "monitor/jsontext.h"
#include "monitor/query.h"
#include "utf8.h"

static void parse_arguments(const char *text)
{
    struct address address;
    unsigned debug;
    int64_t number;

    if (!duration_parse(text, &number))
        check(number >= 0);
    if (!query_debug(text, &debug))
        check(debug <= 2);
    query_since(text, &number);
    if (!address_parse(text, &address))
        check(strlen(address.host) < ADDRESS_HOST_MAX && atoi(address.port) <= 65535);
    if (buildid_is(text))
        check(strlen(text) <= BUILD_ID_TEXT_MAX);
}

static void check_utf8(const char *text)
{
    const char *end = text + strlen(text);
    uint32_t character;

    for (size_t n; text < end; text += n) {
        n = utf8_next(text, end, &character);
        check(n > 0 && n <= UTF8_CHAR_MAX);
        check(character != UTF8_REPLACEMENT || memcmp(text, "\xef\xbf\xbd", 3) == 0);
    }
}

/* Cleaned into rooms of all sizes, it is cut between characters. */
static void clean(const uint8_t *data, size_t size)
{
    static const size_t rooms[] = {1, 2, 3, 4, 5, 16, 63, 64, 4096};
    char text[4096], fit[4096];

    for (size_t i = 0; i < sizeof(rooms) / sizeof(rooms[0]); i++) {
        utf8_clean((const char *)data, size, text, rooms[i]);
        check(strlen(text) < rooms[i]);
        check_utf8(text);
    }
    utf8_fit(text, 1 + size % 40, fit, sizeof(fit));
    check(utf8_columns(fit) <= 1 + size % 40);
    check_utf8(fit);
}

static void write_json(const char *text)
{
    char *bytes = NULL;
    size_t size;
    FILE *out = open_memstream(&bytes, &size);
    struct jsontext json;
    json_t *parsed;

    check(out);
    jsontext_init(&json, out);
    jsontext_begin(&json, '{');
    jsontext_key(&json, text);
    jsontext_string(&json, text);
    jsontext_end(&json, '}');
    check(!jsontext_finish(&json));
    fclose(out);
    parsed = json_loadb(bytes, size, 0, NULL);
    check(parsed && json_object_size(parsed) == 1);
    json_decref(parsed);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    char *text = take_text(&input);

    parse_arguments(text);
    clean(data, size);
    write_json(text);
    free(text);
    return 0;
}
