/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Valid and harmless UTF-8 out of arbitrary bytes.
 */
#include "utf8.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#define ELLIPSIS 0x2026

struct range {
    uint32_t first;
    uint32_t last;
};

static bool is_harmful(uint32_t character)
{
    static const struct range ranges[] = {
        {0x0000, 0x001f},   /* C0 controls, ESC among them */
        {0x007f, 0x009f},   /* DEL, C1 controls */
        {0x061c, 0x061c},   /* Arabic letter mark */
        {0x200b, 0x200f},   /* zero width, left-to-right and right-to-left marks */
        {0x2028, 0x202e},   /* line and paragraph separators, bidirectional embedding, override */
        {0x2060, 0x206f},   /* invisible operators, bidirectional isolates, deprecated controls */
        {0xfeff, 0xfeff},   /* byte order mark */
        {0xfff9, 0xfffb},   /* interlinear annotations */
        {0xe0000, 0xe007f}, /* tags */
    };

    for (size_t i = 0; i < sizeof(ranges) / sizeof(ranges[0]); i++)
        if (character >= ranges[i].first && character <= ranges[i].last)
            return true;
    return false;
}

/* What a lead byte promises: The Unicode Standard, table 3-7. The bounds of the second byte exclude
 * overlong forms, surrogates and what lies beyond U+10FFFF. */
struct lead {
    unsigned char first;
    unsigned char last;
    unsigned char length;
    unsigned char second_min;
    unsigned char second_max;
};

static const struct lead *find_lead(unsigned char byte)
{
    static const struct lead leads[] = {
        {0x00, 0x7f, 1, 0, 0},       {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
        {0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
        {0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
    };

    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++)
        if (byte >= leads[i].first && byte <= leads[i].last)
            return &leads[i];
    return NULL;
}

size_t utf8_next(const char *bytes, const char *end, uint32_t *ret_character)
{
    const unsigned char *byte = (const unsigned char *)bytes;
    size_t available = (size_t)(end - bytes);
    const struct lead *lead;
    uint32_t character;

    /* Nearly all of all names, without a look at the tables. */
    if (*byte >= ' ' && *byte <= '~') {
        *ret_character = *byte;
        return 1;
    }
    *ret_character = UTF8_REPLACEMENT;
    lead = find_lead(*byte);
    if (!lead)
        return 1;
    character = lead->length == 1 ? *byte : *byte & (0x7fu >> lead->length);
    for (size_t i = 1; i < lead->length; i++) {
        unsigned char min = i == 1 ? lead->second_min : 0x80;
        unsigned char max = i == 1 ? lead->second_max : 0xbf;

        if (i >= available || byte[i] < min || byte[i] > max)
            return i;
        character = character << 6 | (byte[i] & 0x3f);
    }
    if (!is_harmful(character))
        *ret_character = character;
    return lead->length;
}

size_t utf8_encode(uint32_t character, char ret_bytes[static UTF8_CHAR_MAX])
{
    size_t length = character < 0x80 ? 1 : character < 0x800 ? 2 : character < 0x10000 ? 3 : 4;
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};

    for (size_t i = length - 1; i > 0; i--) {
        ret_bytes[i] = (char)(0x80 | (character & 0x3f));
        character >>= 6;
    }
    ret_bytes[0] = (char)(marks[length] | character);
    return length;
}

size_t utf8_clean(const char *bytes, size_t length, char *ret_text, size_t size)
{
    const char *end = bytes + length;
    size_t used = 0;

    while (bytes < end) {
        char encoded[UTF8_CHAR_MAX];
        uint32_t character;
        size_t n;

        bytes += utf8_next(bytes, end, &character);
        n = utf8_encode(character, encoded);
        if (used + n >= size)
            break;
        memcpy(ret_text + used, encoded, n);
        used += n;
    }
    ret_text[used] = '\0';
    return used;
}

size_t utf8_columns(const char *text)
{
    const char *end = text + strlen(text);
    size_t columns = 0;
    uint32_t character;

    for (; text < end; columns++)
        text += utf8_next(text, end, &character);
    return columns;
}

size_t utf8_fit(const char *text, size_t columns, char *ret_text, size_t size)
{
    const char *end = text + strlen(text);
    size_t all = utf8_columns(text);
    size_t tail = all > columns ? (columns - 1) / 2 : 0;
    size_t head = all > columns ? columns - 1 - tail : all;
    char *to = ret_text;

    assert(size > (all < columns ? all : columns) * UTF8_CHAR_MAX);
    for (size_t i = 0; text < end; i++) {
        uint32_t character;

        text += utf8_next(text, end, &character);
        if (i < head || i >= all - tail)
            to += utf8_encode(character, to);
        else if (i == head)
            to += utf8_encode(ELLIPSIS, to);
    }
    *to = '\0';
    return all < columns ? all : columns;
}
