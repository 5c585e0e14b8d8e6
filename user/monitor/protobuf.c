/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Protocol buffers: https://protobuf.dev/programming-guides/encoding/
 */
#include "monitor/protobuf.h"

#include <stdlib.h>
#include <string.h>

#define VARINT_MAX   10 /* bytes of 64 bits in groups of seven */
#define CAPACITY_MIN 256

enum tag_type { TAG_VARINT = 0, TAG_LENGTH = 2 };

void protobuf_free(struct protobuf *message)
{
    free(message->bytes);
    *message = (struct protobuf){0};
}

void protobuf_reset(struct protobuf *message)
{
    message->size = 0;
}

static bool make_room(struct protobuf *message, size_t size)
{
    size_t capacity = message->capacity ? message->capacity : CAPACITY_MIN;
    uint8_t *bytes;

    if (message->failed)
        return false;
    while (capacity - message->size < size)
        capacity *= 2;
    if (capacity == message->capacity)
        return true;
    bytes = realloc(message->bytes, capacity);
    message->failed = !bytes;
    if (!bytes)
        return false;
    message->bytes = bytes;
    message->capacity = capacity;
    return true;
}

void protobuf_append(struct protobuf *message, const void *bytes, size_t size)
{
    if (!size || !make_room(message, size))
        return;
    memcpy(message->bytes + message->size, bytes, size);
    message->size += size;
}

static size_t encode(uint64_t value, uint8_t ret_bytes[static VARINT_MAX])
{
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        ret_bytes[n++] = (uint8_t)(value | 0x80);
    ret_bytes[n++] = (uint8_t)value;
    return n;
}

static size_t length_of(uint64_t value)
{
    uint8_t bytes[VARINT_MAX];

    return encode(value, bytes);
}

static void append_varint(struct protobuf *message, uint64_t value)
{
    uint8_t bytes[VARINT_MAX];

    protobuf_append(message, bytes, encode(value, bytes));
}

static void append_tag(struct protobuf *message, unsigned field, enum tag_type type)
{
    append_varint(message, (uint64_t)field << 3 | type);
}

void protobuf_number(struct protobuf *message, unsigned field, uint64_t value)
{
    if (!value)
        return;
    append_tag(message, field, TAG_VARINT);
    append_varint(message, value);
}

void protobuf_bytes(struct protobuf *message, unsigned field, const void *bytes, size_t size)
{
    append_tag(message, field, TAG_LENGTH);
    append_varint(message, size);
    protobuf_append(message, bytes, size);
}

void protobuf_entry(struct protobuf *message, unsigned field, uint64_t id, const void *bytes,
                    size_t size)
{
    append_tag(message, field, TAG_LENGTH);
    append_varint(message, 1 + length_of(id) + size);
    append_tag(message, 1, TAG_VARINT);
    append_varint(message, id);
    protobuf_append(message, bytes, size);
}

void protobuf_numbers(struct protobuf *message, unsigned field, const uint64_t *values, size_t n)
{
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        size += length_of(values[i]);
    append_tag(message, field, TAG_LENGTH);
    append_varint(message, size);
    for (size_t i = 0; i < n; i++)
        append_varint(message, values[i]);
}
