/* SPDX-License-Identifier: Apache-2.0 */
/* What the fuzz targets share: an input that is taken from the front, and checks that end the run.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t left;
};

static inline void check(bool condition)
{
    if (!condition)
        abort();
}

/* Takes `size` bytes; what the input lacks is 0. */
static inline void take(struct input *input, void *buffer, size_t size)
{
    size_t n = size < input->left ? size : input->left;

    memset(buffer, 0, size);
    if (n)
        memcpy(buffer, input->data, n);
    input->data += n;
    input->left -= n;
}

static inline uint8_t take_u8(struct input *input)
{
    uint8_t value;

    take(input, &value, sizeof(value));
    return value;
}

static inline uint16_t take_u16(struct input *input)
{
    uint16_t value;

    take(input, &value, sizeof(value));
    return value;
}

static inline uint64_t take_u64(struct input *input)
{
    uint64_t value;

    take(input, &value, sizeof(value));
    return value;
}

/* All that is left, as a text that the caller frees. */
static inline char *take_text(struct input *input)
{
    char *text = malloc(input->left + 1);
    size_t size = input->left;

    check(text);
    take(input, text, size);
    text[size] = '\0';
    return text;
}
