/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the lists of Accept headers: "NAME;PARAMETER=VALUE;q=0.5, NAME, ...". What cannot be
 * understood counts as not accepted.
 */
#include "monitor/accept.h"

#include <ctype.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define QUALITY_MAX     1000 /* q=1 */
#define QUALITY_UNNAMED -1   /* the header does not speak of it */

struct slice {
    const char *start;
    size_t length;
};

/* One element of a list. */
struct item {
    struct slice name;
    struct slice version; /* parameter "version"; length 0: none */
    int quality;          /* thousandths; 0: not acceptable */
};

/* Takes from *cursor what stands before the first of `stops` or the end, quoted strings passed
 * over, without the blanks around it. */
static struct slice take_until(const char **cursor, const char *stops)
{
    const char *text = *cursor;
    bool quoted = false;
    struct slice slice;
    size_t i;

    for (i = 0; text[i]; i++) {
        if (quoted && text[i] == '\\' && text[i + 1])
            i++;
        else if (text[i] == '"')
            quoted = !quoted;
        else if (!quoted && strchr(stops, text[i]))
            break;
    }
    *cursor = text + i;

    slice = (struct slice){text, i};
    while (slice.length && isspace((unsigned char)slice.start[slice.length - 1]))
        slice.length--;
    while (slice.length && isspace((unsigned char)*slice.start)) {
        slice.start++;
        slice.length--;
    }
    return slice;
}

static bool is(const struct slice *slice, const char *text)
{
    return slice->length == strlen(text) && !strncasecmp(slice->start, text, slice->length);
}

/* qvalue: 0 or 1 and up to three decimals. */
static int read_quality(const struct slice *value)
{
    int quality = 0;
    int place = QUALITY_MAX;

    for (size_t i = 0; i < value->length; i++) {
        const char c = value->start[i];

        if (i == 1 ? c != '.' : !isdigit((unsigned char)c))
            return 0;
        if (i == 1)
            continue;
        quality += (c - '0') * place;
        place /= 10;
    }
    return quality <= QUALITY_MAX ? quality : 0;
}

static struct slice unquote(struct slice value)
{
    if (value.length >= 2 && value.start[0] == '"' && value.start[value.length - 1] == '"')
        return (struct slice){value.start + 1, value.length - 2};
    return value;
}

/* Takes the next element; false: there is none. */
static bool next_item(const char **cursor, struct item *ret)
{
    *cursor += strspn(*cursor, ", \t");
    if (!**cursor)
        return false;

    *ret = (struct item){.name = take_until(cursor, ",;"), .quality = QUALITY_MAX};
    while (**cursor == ';') {
        struct slice key, value = {0};

        (*cursor)++;
        key = take_until(cursor, ",;=");
        if (**cursor == '=') {
            (*cursor)++;
            value = take_until(cursor, ",;");
        }
        if (is(&key, "q"))
            ret->quality = read_quality(&value);
        else if (is(&key, "version"))
            ret->version = unquote(value);
    }
    return true;
}

/* True if the item names this media type, in this version or in none. */
static bool names_type(const struct item *item, const char *type, const char *version)
{
    return is(&item->name, type) && (!item->version.length || is(&item->version, version));
}

static void raise(int *quality, int to)
{
    if (to > *quality)
        *quality = to;
}

bool accept_openmetrics(const char *header)
{
    int openmetrics = 0, text = QUALITY_UNNAMED, any_text = QUALITY_UNNAMED, any = QUALITY_UNNAMED;
    struct item item;

    while (header && next_item(&header, &item)) {
        if (names_type(&item, "application/openmetrics-text", "1.0.0"))
            raise(&openmetrics, item.quality);
        else if (names_type(&item, "text/plain", "0.0.4"))
            raise(&text, item.quality);
        else if (is(&item.name, "text/*"))
            raise(&any_text, item.quality);
        else if (is(&item.name, "*/*"))
            raise(&any, item.quality);
    }
    /* The most specific range counts. */
    if (text == QUALITY_UNNAMED)
        text = any_text != QUALITY_UNNAMED ? any_text : any;
    return openmetrics && openmetrics >= text;
}

bool accept_gzip(const char *header)
{
    int gzip = QUALITY_UNNAMED, any = QUALITY_UNNAMED;
    struct item item;

    while (header && next_item(&header, &item)) {
        if (is(&item.name, "gzip") || is(&item.name, "x-gzip"))
            raise(&gzip, item.quality);
        else if (is(&item.name, "*"))
            raise(&any, item.quality);
    }
    return (gzip != QUALITY_UNNAMED ? gzip : any) > 0;
}
