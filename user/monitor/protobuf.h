/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages in protocol buffers' wire format, written into memory.
 *
 * As proto3 has it, a number that is 0 is left out. A message that ran out of memory stays failed:
 * look once, at the end.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct protobuf {
    uint8_t *bytes; /* owned */
    size_t size;
    size_t capacity;
    bool failed; /* out of memory: what was written since is missing */
};

void protobuf_free(struct protobuf *message);

/* Empties a message and keeps its memory for the next one. */
void protobuf_reset(struct protobuf *message);

/* int64, uint64 and bool fields. */
void protobuf_number(struct protobuf *message, unsigned field, uint64_t value);

/* Strings, bytes and messages; an empty one is written too. */
void protobuf_bytes(struct protobuf *message, unsigned field, const void *bytes, size_t size);

/* A message within, with its number 1 first: "id", which its other fields are told apart from. */
void protobuf_entry(struct protobuf *message, unsigned field, uint64_t id, const void *bytes,
                    size_t size);

/* Fields that are encoded already. */
void protobuf_append(struct protobuf *message, const void *bytes, size_t size);

/* Repeated numbers, packed. */
void protobuf_numbers(struct protobuf *message, unsigned field, const uint64_t *values, size_t n);
