/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Prometheus' and OpenMetrics' line formats.
 * https://prometheus.io/docs/instrumenting/exposition_formats/
 * https://github.com/prometheus/OpenMetrics/blob/v1.0.0/specification/OpenMetrics.md
 */
#include "monitor/exposition.h"

#include <inttypes.h>
#include <string.h>

#include "utf8.h"

#define NS_PER_S      UINT64_C(1000000000)
#define EXACT_INTEGER 9007199254740992.0 /* 2^53: whole numbers below are exact in a double */

/* The unit that a name ends in: OpenMetrics wants it in a line of its own. */
static const char *unit_of(const char *name)
{
    static const char *const units[] = {"seconds", "bytes"};
    size_t length = strlen(name);

    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++) {
        size_t unit = strlen(units[i]);

        if (length > unit && name[length - unit - 1] == '_' &&
            strcmp(name + length - unit, units[i]) == 0)
            return units[i];
    }
    return NULL;
}

void exposition_family(struct exposition *exposition, const char *name, enum metric_type type,
                       const char *help)
{
    static const char *const types[] = {
        [METRIC_GAUGE] = "gauge",
        [METRIC_COUNTER] = "counter",
        [METRIC_HISTOGRAM] = "histogram",
    };
    bool openmetrics = exposition->format == METRICS_OPENMETRICS;
    const char *total = type == METRIC_COUNTER && !openmetrics ? "_total" : "";
    const char *unit = unit_of(name);

    exposition->family = name;
    exposition->type = type;
    fprintf(exposition->out, "# HELP %s%s %s\n", name, total, help);
    fprintf(exposition->out, "# TYPE %s%s %s\n", name, total, types[type]);
    if (openmetrics && unit)
        fprintf(exposition->out, "# UNIT %s %s\n", name, unit);
}

void exposition_begin(struct exposition *exposition, const char *suffix)
{
    fputs(exposition->family, exposition->out);
    fputs(exposition->type == METRIC_COUNTER ? "_total" : suffix, exposition->out);
    exposition->labelled = false;
}

static void write_value(FILE *out, const char *value)
{
    const char *end = value + strlen(value);

    while (value < end) {
        char encoded[UTF8_CHAR_MAX];
        uint32_t character;

        value += utf8_next(value, end, &character);
        if (character == '"' || character == '\\')
            putc('\\', out);
        fwrite(encoded, 1, utf8_encode(character, encoded), out);
    }
}

void exposition_label(struct exposition *exposition, const char *name, const char *value)
{
    fprintf(exposition->out, "%s%s=\"", exposition->labelled ? "," : "{", name);
    write_value(exposition->out, value);
    putc('"', exposition->out);
    exposition->labelled = true;
}

void exposition_end(struct exposition *exposition, double value)
{
    bool whole = value > -EXACT_INTEGER && value < EXACT_INTEGER && (double)(int64_t)value == value;

    fputs(exposition->labelled ? "} " : " ", exposition->out);
    if (whole)
        fprintf(exposition->out, "%" PRId64 "\n", (int64_t)value);
    else
        fprintf(exposition->out, "%.15g\n", value);
}

/* Digits of a fraction of a second, without the zeros at their end. */
static int format_fraction(uint64_t ns, char *text, size_t size)
{
    int length = snprintf(text, size, "%09" PRIu64, ns % NS_PER_S);

    while (length > 1 && text[length - 1] == '0')
        length--;
    return length;
}

void exposition_end_seconds(struct exposition *exposition, uint64_t ns)
{
    char fraction[LE_SIZE];
    int length = format_fraction(ns, fraction, sizeof(fraction));

    fputs(exposition->labelled ? "} " : " ", exposition->out);
    if (ns % NS_PER_S == 0)
        fprintf(exposition->out, "%" PRIu64 "\n", ns / NS_PER_S);
    else
        fprintf(exposition->out, "%" PRIu64 ".%.*s\n", ns / NS_PER_S, length, fraction);
}

void exposition_le(uint64_t ns, char ret_text[static LE_SIZE])
{
    char fraction[LE_SIZE];
    int length = format_fraction(ns, fraction, sizeof(fraction));

    snprintf(ret_text, LE_SIZE, "%" PRIu64 ".%.*s", ns / NS_PER_S, length, fraction);
}

void exposition_finish(struct exposition *exposition)
{
    if (exposition->format == METRICS_OPENMETRICS)
        fputs("# EOF\n", exposition->out);
}
