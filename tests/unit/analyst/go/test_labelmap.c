/* SPDX-License-Identifier: Apache-2.0 */
/* Maps of labels as Go up to 1.23 lays them out: full, overflowing, growing, and odd ones. */
#include "analyst/go/labelmap.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyst/go/binary.h"

#define BUCKET 272 /* bytes: 8 of hashes, 8 keys, 8 values of 16 bytes each, and a pointer */
#define NEW    BINARY_STACK
#define OLD    (BINARY_STACK + 0x4000)
#define SPILL  (BINARY_STACK + 0x8000)

struct map {
    struct binary *binary;
    uint8_t header[LABELMAP_SIZE];
    uint8_t list[STACK_LABELS_MAX * LABELS_SIZE];
};

static void set_header(struct map *map, uint64_t n, uint8_t flags, uint8_t log_buckets,
                       uint64_t buckets, uint64_t old)
{
    memset(map->header, 0, sizeof(map->header));
    memcpy(map->header, &n, 8);
    map->header[8] = flags;
    map->header[9] = log_buckets;
    memcpy(map->header + 16, &buckets, 8);
    memcpy(map->header + 24, &old, 8);
}

static int setup(void **state)
{
    struct map *map = calloc(1, sizeof(*map));

    map->binary = binary_new(&binary_layouts[0]);
    *state = map;
    return 0;
}

static int teardown(void **state)
{
    struct map *map = *state;

    binary_free(map->binary);
    free(map);
    return 0;
}

static void put_word(struct map *map, uint64_t address, uint64_t word)
{
    binary_put(map->binary, address, &word, sizeof(word));
}

/* A label whose key is `name` bytes long, as its value is. */
static void put_label(struct map *map, uint64_t bucket, unsigned int slot, uint8_t hash,
                      uint64_t name)
{
    uint64_t key = bucket + 8 + 16 * slot, value = key + 128;

    binary_put8(map->binary, bucket + slot, hash);
    put_word(map, key, 0x1000 + name);
    put_word(map, key + 8, name);
    put_word(map, value, 0x2000 + name);
    put_word(map, value + 8, name);
}

static void link_bucket(struct map *map, uint64_t bucket, uint64_t next)
{
    put_word(map, bucket + BUCKET - 8, next);
}

static int read_map(struct map *map)
{
    return labelmap_read(&map->binary->memory, map->header, map->list);
}

/* The labels of these names, each once. */
static void assert_labels(struct map *map, uint64_t first, uint64_t last)
{
    uint64_t seen = 0, words[4];

    assert_int_equal(read_map(map), last - first + 1);
    for (uint64_t i = 0; i <= last - first; i++) {
        memcpy(words, map->list + i * LABELS_SIZE, sizeof(words));
        assert_in_range(words[1], first, last);
        assert_int_equal(words[0], 0x1000 + words[1]);
        assert_int_equal(words[2], 0x2000 + words[1]);
        assert_int_equal(words[3], words[1]);
        assert_false(seen >> words[1] & 1);
        seen |= UINT64_C(1) << words[1];
    }
}

static void one_bucket(void **state)
{
    struct map *map = *state;

    set_header(map, 0, 0, 0, 0, 0);
    assert_int_equal(read_map(map), 0);
    put_label(map, NEW, 0, 5, 1);
    put_label(map, NEW, 3, 255, 2); /* behind slots that were emptied */
    binary_put8(map->binary, NEW + 1, 1);
    set_header(map, 2, 0, 0, NEW, 0);
    assert_labels(map, 1, 2);
}

static void overflowing_buckets(void **state)
{
    struct map *map = *state;

    for (unsigned int i = 0; i < 8; i++) {
        put_label(map, NEW + BUCKET, i, 9, 1 + i);
        put_label(map, SPILL, i, 9, 9 + i);
    }
    link_bucket(map, NEW + BUCKET, SPILL);
    set_header(map, 16, 0, 1, NEW, 0);
    assert_labels(map, 1, 16);
}

/* The new buckets have what was moved, which the old ones still hold. */
static void a_growing_map(void **state)
{
    struct map *map = *state;

    put_label(map, NEW, 0, 9, 1);
    put_label(map, NEW + 2 * BUCKET, 0, 9, 2);
    put_label(map, OLD, 0, 2, 1);
    put_label(map, OLD, 1, 3, 2);
    put_label(map, OLD + BUCKET, 0, 9, 3);
    link_bucket(map, OLD, 0x10); /* not looked at any more */
    link_bucket(map, OLD + BUCKET, SPILL);
    put_label(map, SPILL, 7, 9, 4);
    set_header(map, 4, 0, 2, NEW, OLD);
    assert_labels(map, 1, 4);
}

/* As many old ones as new ones. */
static void a_map_that_is_rebuilt(void **state)
{
    struct map *map = *state;

    put_label(map, NEW, 0, 9, 1);
    put_label(map, OLD, 0, 4, 1);
    put_label(map, OLD + BUCKET, 0, 9, 2);
    set_header(map, 2, 8, 1, NEW, OLD);
    assert_labels(map, 1, 2);
}

static void odd_headers(void **state)
{
    struct map *map = *state;

    set_header(map, STACK_LABELS_MAX, 0, 2, NEW, 0);
    assert_int_equal(labelmap_decode(map->header), STACK_LABELS_MAX);
    set_header(map, STACK_LABELS_MAX + 1, 0, 2, NEW, 0);
    assert_int_equal(labelmap_decode(map->header), -EILSEQ);
    set_header(map, UINT64_MAX, 0, 2, NEW, 0);
    assert_int_equal(labelmap_decode(map->header), -EILSEQ);
    set_header(map, 1, 4, 0, NEW, 0); /* is being written */
    assert_int_equal(labelmap_decode(map->header), -EILSEQ);
    set_header(map, 1, 0, 200, NEW, 0);
    assert_int_equal(labelmap_decode(map->header), -EILSEQ);
    assert_int_equal(read_map(map), -EILSEQ);
}

static void odd_buckets(void **state)
{
    struct map *map = *state;

    put_label(map, NEW, 0, 9, 1);
    set_header(map, 1, 0, 0, 0x10, 0); /* nowhere */
    assert_true(read_map(map) < 0);
    set_header(map, 1, 0, 0, 0, 0);
    assert_int_equal(read_map(map), -EILSEQ);
    set_header(map, 2, 0, 0, NEW, 0); /* one is missing */
    assert_int_equal(read_map(map), -EILSEQ);
    put_label(map, NEW, 1, 3, 2); /* moved on, from where nothing moves */
    assert_int_equal(read_map(map), -EILSEQ);
    set_header(map, 1, 0, 0, NEW, 0);
    assert_int_equal(read_map(map), -EILSEQ);
}

/* A chain without an end, with labels and without. */
static void rings(void **state)
{
    struct map *map = *state;

    link_bucket(map, NEW, NEW);
    set_header(map, 1, 0, 0, NEW, 0);
    assert_int_equal(read_map(map), -EILSEQ);
    put_label(map, NEW, 0, 9, 1);
    assert_int_equal(read_map(map), -EILSEQ);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(one_bucket, setup, teardown),
        cmocka_unit_test_setup_teardown(overflowing_buckets, setup, teardown),
        cmocka_unit_test_setup_teardown(a_growing_map, setup, teardown),
        cmocka_unit_test_setup_teardown(a_map_that_is_rebuilt, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_headers, setup, teardown),
        cmocka_unit_test_setup_teardown(odd_buckets, setup, teardown),
        cmocka_unit_test_setup_teardown(rings, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
