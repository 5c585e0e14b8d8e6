/* SPDX-License-Identifier: Apache-2.0 */
/* FNV-1a, 64 bits (draft-eastlake-fnv): identities of stacks and interned strings. Not meant to
 * withstand someone who looks for collisions: such a target confuses its own names only. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define HASH_START 0xcbf29ce484222325ull

static inline uint64_t hash_bytes(uint64_t hash, const void *bytes, size_t size)
{
    const unsigned char *at = bytes;

    for (size_t i = 0; i < size; i++)
        hash = (hash ^ at[i]) * 0x100000001b3ull;
    return hash;
}

/* A text and its end, so that "ab","c" differs from "a","bc"; NULL is a text of its own. */
static inline uint64_t hash_text(uint64_t hash, const char *text)
{
    return text ? hash_bytes(hash, text, strlen(text) + 1) : hash_bytes(hash, "\1", 2);
}

/* A word at a time, for what lives no longer than the process: other values than hash_u64()'s. */
static inline uint64_t hash_word(uint64_t hash, uint64_t word)
{
    hash = (hash ^ word) * 0x9e3779b97f4a7c15ull;
    return hash ^ hash >> 32;
}

static inline uint64_t hash_u64(uint64_t hash, uint64_t value)
{
    return hash_bytes(hash, &value, sizeof(value));
}
