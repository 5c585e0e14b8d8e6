/* SPDX-License-Identifier: Apache-2.0 */
#include "cursor.h"

/* The bits as they come; *ret_shift: how many. */
static uint64_t read_leb128(struct cursor *cursor, unsigned int *ret_shift, uint8_t *ret_last)
{
    uint64_t value = 0;
    unsigned int shift = 0;
    uint8_t byte;

    do {
        byte = cursor_byte(cursor);
        if (shift >= 64) {
            cursor->failed = true;
            byte = 0;
        } else {
            value |= (uint64_t)(byte & 0x7f) << shift;
        }
        shift += 7;
    } while (byte & 0x80);
    *ret_shift = shift;
    *ret_last = byte;
    return value;
}

uint64_t cursor_uleb128(struct cursor *cursor)
{
    unsigned int shift;
    uint8_t last;

    return read_leb128(cursor, &shift, &last);
}

int64_t cursor_sleb128(struct cursor *cursor)
{
    unsigned int shift;
    uint8_t last;
    uint64_t value = read_leb128(cursor, &shift, &last);

    if (shift < 64 && (last & 0x40))
        value |= UINT64_MAX << shift;
    return (int64_t)value;
}
