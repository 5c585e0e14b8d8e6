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

/* Expects that packed bytes are `size` bytes of `data`. */
static void expect_unpacked(const void *packed, size_t packed_size, const uint8_t *data,
                            size_t size)
{
    uint8_t *back = malloc(size + 1);
    z_stream stream = {
        .next_in = (z_const Bytef *)packed,
        .avail_in = (uInt)packed_size,
        .next_out = back,
        .avail_out = (uInt)size + 1,
    };

    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, size);
    assert_int_equal(stream.avail_in, 0);
    assert_memory_equal(back, data, size);
    inflateEnd(&stream);
    free(back);
}

/* Writes `size` bytes in pieces of `step`; returns how many they were when packed. */
static size_t round_trip_in_steps(const uint8_t *data, size_t size, size_t step)
{
    char *packed = NULL;
    size_t packed_size = 0;
    FILE *out;

    assert_int_equal(gzip_open(&packed, &packed_size, &out), 0);
    for (size_t at = 0; at < size; at += step) {
        size_t n = size - at < step ? size - at : step;

        assert_int_equal(fwrite(data + at, 1, n, out), n);
    }
    assert_int_equal(fclose(out), 0);
    expect_unpacked(packed, packed_size, data, size);
    free(packed);
    return packed_size;
}

/* Expects that `size` bytes come back as they were; returns how many were between. */
static size_t round_trip(const uint8_t *data, size_t size)
{
    size_t packed_size;
    void *packed;

    assert_int_equal(gzip_compress(data, size, &packed, &packed_size), 0);
    expect_unpacked(packed, packed_size, data, size);
    free(packed);
    assert_true(round_trip_in_steps(data, size, size + 1) <= packed_size + packed_size / 8 + 32);
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

static void packs_what_comes_in_pieces(void **state)
{
    static const size_t steps[] = {1, 7, 4096, 65536, 100000};
    uint8_t *data = malloc(SIZE_MAX_BYTES);

    (void)state;
    for (size_t i = 0; i < SIZE_MAX_BYTES; i++)
        data[i] = (uint8_t)(i * i >> 7);
    for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++)
        assert_in_range(round_trip_in_steps(data, SIZE_MAX_BYTES, steps[i]), 1, SIZE_MAX_BYTES);
    free(data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packs_nothing),
        cmocka_unit_test(packs_repetition),
        cmocka_unit_test(packs_noise),
        cmocka_unit_test(packs_what_comes_in_pieces),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
