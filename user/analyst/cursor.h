/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads little-endian numbers out of bytes that a target's file has, and nothing beyond their end:
 * who came to it reads zeros, and asks once, when all is read, whether it `failed`.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cursor {
    const uint8_t *at, *end;
    bool failed;
};

static inline size_t cursor_left(const struct cursor *cursor)
{
    return (size_t)(cursor->end - cursor->at);
}

/* False, and the end is reached, where not so many bytes are left. */
static inline bool cursor_skip(struct cursor *cursor, uint64_t n)
{
    if (n <= cursor_left(cursor)) {
        cursor->at += n;
        return true;
    }
    cursor->at = cursor->end;
    cursor->failed = true;
    return false;
}

/* A part of what is left, `n` bytes of it; it is skipped. */
static inline struct cursor cursor_part(struct cursor *cursor, uint64_t n)
{
    struct cursor part = {.at = cursor->at};

    part.failed = !cursor_skip(cursor, n);
    part.end = cursor->at;
    return part;
}

/* Of 1 to 8 bytes. */
static inline uint64_t cursor_unsigned(struct cursor *cursor, size_t size)
{
    const uint8_t *from = cursor->at;
    uint64_t value = 0;

    if (!cursor_skip(cursor, size))
        return 0;
    for (size_t i = 0; i < size; i++)
        value |= (uint64_t)from[i] << 8 * i;
    return value;
}

static inline int64_t cursor_signed(struct cursor *cursor, size_t size)
{
    unsigned int unused = 64 - 8 * (unsigned int)size;

    return (int64_t)(cursor_unsigned(cursor, size) << unused) >> unused;
}

static inline uint8_t cursor_byte(struct cursor *cursor)
{
    return (uint8_t)cursor_unsigned(cursor, 1);
}

/* LEB128 (DWARF 5, 7.6), of at most 64 bits. */
uint64_t cursor_uleb128(struct cursor *cursor);
int64_t cursor_sleb128(struct cursor *cursor);
