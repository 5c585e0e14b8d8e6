/* SPDX-License-Identifier: Apache-2.0 */
/* JSON (RFC 8259) through a buffer, without formats. */
#include "monitor/jsontext.h"

#include <errno.h>
#include <string.h>

#include "utf8.h"

#define DIGITS_MAX 20 /* of a 64-bit number */

void jsontext_init(struct jsontext *to, FILE *out)
{
    to->out = out;
    to->comma = false;
    to->passed = 0;
    to->used = 0;
}

size_t jsontext_written(const struct jsontext *to)
{
    return to->passed + to->used;
}

static void pass(struct jsontext *to, const char *bytes, size_t n)
{
    if (to->out)
        fwrite(bytes, 1, n, to->out);
    to->passed += n;
}

static void flush(struct jsontext *to)
{
    pass(to, to->buffer, to->used);
    to->used = 0;
}

int jsontext_finish(struct jsontext *to)
{
    flush(to);
    return to->out && ferror(to->out) ? -EIO : 0;
}

static void put(struct jsontext *to, const char *bytes, size_t n)
{
    if (n > sizeof(to->buffer) - to->used)
        flush(to);
    if (n > sizeof(to->buffer)) {
        pass(to, bytes, n);
        return;
    }
    memcpy(to->buffer + to->used, bytes, n);
    to->used += n;
}

static void put_byte(struct jsontext *to, char byte)
{
    if (to->used == sizeof(to->buffer))
        flush(to);
    to->buffer[to->used++] = byte;
}

/* Before a value or a key. */
static void separate(struct jsontext *to)
{
    if (to->comma)
        put_byte(to, ',');
    to->comma = true;
}

void jsontext_begin(struct jsontext *to, char bracket)
{
    separate(to);
    put_byte(to, bracket);
    to->comma = false;
}

void jsontext_end(struct jsontext *to, char bracket)
{
    put_byte(to, bracket);
    to->comma = true;
}

/* Whether a byte goes into a string as it is. */
static bool is_plain(unsigned char byte)
{
    return byte >= 0x20 && byte < 0x7f && byte != '"' && byte != '\\';
}

/* What is not plain: one character of `bytes`. Returns the bytes it took there. */
static size_t put_special(struct jsontext *to, const char *bytes, const char *end)
{
    char encoded[UTF8_CHAR_MAX];
    uint32_t character;
    size_t taken;

    if (*bytes == '"' || *bytes == '\\') {
        put_byte(to, '\\');
        put_byte(to, *bytes);
        return 1;
    }
    taken = utf8_next(bytes, end, &character);
    put(to, encoded, utf8_encode(character, encoded));
    return taken;
}

static void put_string(struct jsontext *to, const char *text)
{
    const char *end = text + strlen(text);

    put_byte(to, '"');
    while (text < end) {
        const char *stop = text;

        while (stop < end && is_plain((unsigned char)*stop))
            stop++;
        put(to, text, (size_t)(stop - text));
        text = stop;
        if (text < end)
            text += put_special(to, text, end);
    }
    put_byte(to, '"');
}

void jsontext_key(struct jsontext *to, const char *name)
{
    separate(to);
    put_string(to, name);
    put_byte(to, ':');
    to->comma = false;
}

void jsontext_string(struct jsontext *to, const char *text)
{
    if (!text) {
        jsontext_null(to);
        return;
    }
    separate(to);
    put_string(to, text);
}

/* Writes a number's digits before `end`, `width` of them at least. Returns the first. */
static char *format(uint64_t number, unsigned base, unsigned width, char *end)
{
    char *at = end;

    while (number > 0 || end - at < (ptrdiff_t)width) {
        *--at = "0123456789abcdef"[number % base];
        number /= base;
    }
    return at;
}

static void put_digits(struct jsontext *to, uint64_t number, unsigned base, unsigned width)
{
    char digits[DIGITS_MAX];
    char *end = digits + sizeof(digits);
    const char *at = format(number, base, width, end);

    put(to, at, (size_t)(end - at));
}

void jsontext_number(struct jsontext *to, uint64_t number)
{
    separate(to);
    put_digits(to, number, 10, 1);
}

void jsontext_decimal(struct jsontext *to, int64_t number, unsigned digits)
{
    uint64_t magnitude = number < 0 ? -(uint64_t)number : (uint64_t)number;
    uint64_t scale = 1;

    for (unsigned i = 0; i < digits; i++)
        scale *= 10;
    separate(to);
    if (number < 0)
        put_byte(to, '-');
    put_digits(to, magnitude / scale, 10, 1);
    magnitude %= scale;
    if (!magnitude)
        return;
    for (; magnitude % 10 == 0; digits--)
        magnitude /= 10;
    put_byte(to, '.');
    put_digits(to, magnitude, 10, digits);
}

void jsontext_hex(struct jsontext *to, uint64_t number, unsigned width)
{
    separate(to);
    put_byte(to, '"');
    if (!width)
        put(to, "0x", 2);
    put_digits(to, number, 16, width ? width : 1);
    put_byte(to, '"');
}

void jsontext_bool(struct jsontext *to, bool value)
{
    separate(to);
    put(to, value ? "true" : "false", value ? 4 : 5);
}

void jsontext_null(struct jsontext *to)
{
    separate(to);
    put(to, "null", 4);
}

void jsontext_line(struct jsontext *to)
{
    if (to->comma)
        put_byte(to, ',');
    to->comma = false;
    put_byte(to, '\n');
}
