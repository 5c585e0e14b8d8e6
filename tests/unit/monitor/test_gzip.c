/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of user/monitor/gzip.c.
 */
#include "monitor/gzip.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#define SIZE_MAX_BYTES (1024 * 1024)

/* Expects that `size` bytes come back as they were; returns how many were between. */
static size_t round_trip(const uint8_t *data, size_t size)
{
    uint8_t *back = malloc(size + 1);
    z_stream stream = {0};
    size_t packed_size;
    void *packed;

    assert_int_equal(gzip_compress(data, size, &packed, &packed_size), 0);
    stream.next_in = packed;
    stream.avail_in = (uInt)packed_size;
    stream.next_out = back;
    stream.avail_out = (uInt)size + 1;
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, size);
    assert_int_equal(stream.avail_in, 0);
    assert_memory_equal(back, data, size);
    inflateEnd(&stream);
    free(packed);
    free(back);
    return packed_size;
}

static void packs_nothing(void **state)
{
    (void)state;
    assert_int_equal(round_trip((const uint8_t *)"", 0), 20); /* head, empty block, tail */
}

static void packs_repetition(void **state)
{
    uint8_t *data = malloc(SIZE_MAX_BYTES);

    (void)state;
    memset(data, 'x', SIZE_MAX_BYTES);
    assert_in_range(round_trip(data, SIZE_MAX_BYTES), 1, SIZE_MAX_BYTES / 100);
    free(data);
}

/* What does not shrink grows a little, and must still fit. */
static void packs_noise(void **state)
{
    uint8_t *data = malloc(SIZE_MAX_BYTES);
    uint32_t noise = 1;

    (void)state;
    for (size_t i = 0; i < SIZE_MAX_BYTES; i++) {
        noise = noise * 1664525 + 1013904223;
        data[i] = (uint8_t)(noise >> 24);
    }
    for (size_t size = 1; size <= SIZE_MAX_BYTES; size *= 4)
        assert_true(round_trip(data, size) > size);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_nothing),
        cmocka_unit_test(packs_repetition),
        cmocka_unit_test(packs_noise),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
