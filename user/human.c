/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as people read them.
 */
#include "human.h"

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#define US INT64_C(1000)
#define MS (1000 * US)
#define S  (1000 * MS)
#define M  (60 * S)
#define H  (60 * M)
#define D  (24 * H)

int64_t human_duration_step(int64_t ns)
{
    static const struct {
        int64_t from;
        int64_t step;
    } steps[] = {{D, H}, {H, M}, {M, S}, {10 * S, S}, {S, S / 10}, {MS, MS}};

    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        if (ns >= steps[i].from)
            return steps[i].step;
    return US;
}

struct human human_duration(int64_t ns)
{
    struct human human;
    char *text = human.text;

    if (ns >= D)
        snprintf(text, HUMAN_MAX, "%" PRId64 "d%" PRId64 "h", ns / D, ns % D / H);
    else if (ns >= H)
        snprintf(text, HUMAN_MAX, "%" PRId64 "h%" PRId64 "m", ns / H, ns % H / M);
    else if (ns >= M)
        snprintf(text, HUMAN_MAX, "%" PRId64 "m%" PRId64 "s", ns / M, ns % M / S);
    else if (ns >= 10 * S)
        snprintf(text, HUMAN_MAX, "%" PRId64 "s", ns / S);
    else if (ns >= S)
        snprintf(text, HUMAN_MAX, "%" PRId64 ".%" PRId64 "s", ns / S, ns % S / (S / 10));
    else if (ns >= MS)
        snprintf(text, HUMAN_MAX, "%" PRId64 "ms", ns / MS);
    else if (ns >= US)
        snprintf(text, HUMAN_MAX, "%" PRId64 "µs", ns / US);
    else
        snprintf(text, HUMAN_MAX, "0s");
    return human;
}

struct human human_duration_up(int64_t ns)
{
    int64_t step = human_duration_step(ns);
    int64_t above = ns > 0 ? (step - ns % step) % step : 0;

    return human_duration(ns > INT64_MAX - above ? ns : ns + above);
}

/* A decimal number of seconds or a smaller unit, without trailing zeros. */
static void append_decimal(struct human *human, int64_t ns, int64_t unit, const char *name)
{
    size_t used = strlen(human->text);
    int64_t fraction = ns % unit;
    int digits = 0;

    for (int64_t rest = unit; rest > 1; rest /= 10)
        digits++;
    while (fraction && fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    if (fraction)
        snprintf(human->text + used, HUMAN_MAX - used, "%" PRId64 ".%0*" PRId64 "%s", ns / unit,
                 digits, fraction, name);
    else
        snprintf(human->text + used, HUMAN_MAX - used, "%" PRId64 "%s", ns / unit, name);
}

struct human human_exact(int64_t ns)
{
    struct human human = {""};
    size_t used = 0;

    if (ns >= H)
        used += (size_t)snprintf(human.text, HUMAN_MAX, "%" PRId64 "h", ns / H);
    if (ns >= M && ns % H >= M)
        used += (size_t)snprintf(human.text + used, HUMAN_MAX - used, "%" PRId64 "m", ns % H / M);
    if (ns >= S && ns % M)
        append_decimal(&human, ns % M, S, "s");
    else if (ns >= MS && ns < S)
        append_decimal(&human, ns, MS, "ms");
    else if (ns > 0 && ns < MS)
        append_decimal(&human, ns, US, "µs");
    else if (ns <= 0)
        snprintf(human.text, HUMAN_MAX, "0s");
    return human;
}

/* `value` of units[0], in the first unit in which it stays below `base`. */
static struct human scale(double value, double base, const char *const units[static 7])
{
    struct human human;
    int unit = 0;
    int decimals;

    while (value >= base - 0.5 && unit < 6) {
        value /= base;
        unit++;
    }
    decimals = unit > 0 && value < 99.95 && (int64_t)(value * 10 + 0.5) % 10;
    snprintf(human.text, HUMAN_MAX, "%.*f %s", decimals, value, units[unit]);
    return human;
}

struct human human_bytes(uint64_t bytes)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};

    return scale((double)bytes, 1024, units);
}

struct human human_rate(double bytes_per_second)
{
    static const char *const units[] = {"B/s", "kB/s", "MB/s", "GB/s", "TB/s", "PB/s", "EB/s"};

    return scale(bytes_per_second > 0 ? bytes_per_second : 0, 1000, units);
}

struct human human_count(uint64_t count)
{
    struct human human;
    char digits[HUMAN_MAX];
    size_t n = (size_t)snprintf(digits, sizeof(digits), "%" PRIu64, count);
    char *to = human.text;

    for (size_t i = 0; i < n; i++) {
        if (i > 0 && (n - i) % 3 == 0)
            *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return human;
}
