/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Durations: the grammar of Go's time.ParseDuration() without its sign, and Prometheus' units for
 * days and more.
 */
#include "duration.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define FRACTION_DIGITS_MAX 18 /* enough for a nanosecond of a year; more digits are cut off */

static const struct {
    const char *name;
    int64_t ns;
} units[] = {
    {"ns", 1},
    {"us", 1000},
    {"\u00b5s", 1000}, /* micro sign */
    {"\u03bcs", 1000}, /* Greek letter mu */
    {"ms", 1000 * 1000},
    {"s", 1000LL * 1000 * 1000},
    {"m", 60LL * 1000 * 1000 * 1000},
    {"h", 3600LL * 1000 * 1000 * 1000},
    {"d", 24 * 3600LL * 1000 * 1000 * 1000},
    {"w", 7 * 24 * 3600LL * 1000 * 1000 * 1000},
    {"y", 365 * 24 * 3600LL * 1000 * 1000 * 1000},
};

/* A number before its unit: whole + fraction / scale. */
struct decimal {
    int64_t whole;
    int64_t fraction;
    int64_t scale;
};

static int read_whole(const char **cursor, int64_t *ret)
{
    int64_t whole = 0;

    for (; isdigit((unsigned char)**cursor); (*cursor)++) {
        if (__builtin_mul_overflow(whole, 10, &whole) ||
            __builtin_add_overflow(whole, **cursor - '0', &whole))
            return -ERANGE;
    }
    *ret = whole;
    return 0;
}

static void read_fraction(const char **cursor, struct decimal *ret)
{
    int digits = 0;

    for (; isdigit((unsigned char)**cursor); (*cursor)++) {
        if (digits++ >= FRACTION_DIGITS_MAX)
            continue;
        ret->fraction = ret->fraction * 10 + (**cursor - '0');
        ret->scale *= 10;
    }
}

static int read_decimal(const char **cursor, struct decimal *ret)
{
    const char *start = *cursor;
    struct decimal decimal = {.scale = 1};
    int r;

    r = read_whole(cursor, &decimal.whole);
    if (r < 0)
        return r;
    if (*cursor == start && (start[0] != '.' || !isdigit((unsigned char)start[1])))
        return -EINVAL;
    if (**cursor == '.') {
        (*cursor)++;
        read_fraction(cursor, &decimal);
    }
    *ret = decimal;
    return 0;
}

static int read_unit(const char **cursor, int64_t *ret_ns)
{
    const size_t length = strcspn(*cursor, ".0123456789");

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        if (strlen(units[i].name) == length && !memcmp(units[i].name, *cursor, length)) {
            *cursor += length;
            *ret_ns = units[i].ns;
            return 0;
        }
    }
    return -EINVAL;
}

static int add_term(int64_t *total, const struct decimal *decimal, int64_t unit_ns)
{
    /* Below 10^18 * 3.2 * 10^16: fits 128 bits. */
    const int64_t part = (int64_t)((__int128)decimal->fraction * unit_ns / decimal->scale);
    int64_t whole;

    if (__builtin_mul_overflow(decimal->whole, unit_ns, &whole) ||
        __builtin_add_overflow(*total, whole, total) || __builtin_add_overflow(*total, part, total))
        return -ERANGE;
    return 0;
}

int duration_parse(const char *text, int64_t *ret_ns)
{
    int64_t total = 0;

    if (!*text)
        return -EINVAL;
    if (!strcmp(text, "0")) {
        *ret_ns = 0;
        return 0;
    }
    while (*text) {
        struct decimal decimal;
        int64_t unit_ns;
        int r;

        r = read_decimal(&text, &decimal);
        if (r < 0)
            return r;
        r = read_unit(&text, &unit_ns);
        if (r < 0)
            return r;
        r = add_term(&total, &decimal, unit_ns);
        if (r < 0)
            return r;
    }
    *ret_ns = total;
    return 0;
}
