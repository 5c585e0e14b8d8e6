/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/labelmap.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "analyst/go/arch.h"

/* struct hmap */
#define MAP_FLAGS       8
#define MAP_LOG_BUCKETS 9 /* "B" */
#define MAP_BUCKETS     16
#define MAP_OLD_BUCKETS 24

#define FLAG_WRITING   4 /* hashWriting */
#define FLAG_SAME_SIZE 8 /* sameSizeGrow */

/* struct bmap: a byte for each slot, then the keys, the values, and the next bucket. */
#define BUCKET_SLOTS    8
#define BUCKET_KEYS     BUCKET_SLOTS
#define BUCKET_VALUES   (BUCKET_KEYS + BUCKET_SLOTS * LABELS_STRING_SIZE)
#define BUCKET_OVERFLOW (BUCKET_VALUES + BUCKET_SLOTS * LABELS_STRING_SIZE)
#define BUCKET_SIZE     (BUCKET_OVERFLOW + GO_POINTER_SIZE)

/* What a slot's byte is below the hash of its key: empty, or moved to the new buckets. */
#define SLOT_EMPTY_MAX 1 /* emptyRest, emptyOne */
#define SLOT_MOVED_MAX 4 /* evacuatedX, evacuatedY, evacuatedEmpty */

/* A map with STACK_LABELS_MAX labels needs 2^2 buckets, and keeps half as many while it grows. */
#define LOG_BUCKETS_MAX 4
#define BUCKETS_MAX     64 /* with those that overflowing ones lead to */

struct walk {
    const struct go_memory *memory;
    uint8_t *list;
    int n;
    int n_buckets;
    bool old; /* the buckets that the map had before it grew */
};

int labelmap_decode(const uint8_t *header)
{
    uint64_t n = go_u64(header);

    if (n > STACK_LABELS_MAX || header[MAP_FLAGS] & FLAG_WRITING ||
        header[MAP_LOG_BUCKETS] > LOG_BUCKETS_MAX)
        return -EILSEQ;
    return (int)n;
}

static int take_slot(struct walk *walk, const uint8_t *bucket, size_t slot)
{
    uint8_t *label = walk->list + walk->n * LABELS_SIZE;

    if (bucket[slot] <= SLOT_EMPTY_MAX)
        return 0;
    if (bucket[slot] <= SLOT_MOVED_MAX || walk->n == STACK_LABELS_MAX)
        return -EILSEQ;
    memcpy(label, bucket + BUCKET_KEYS + slot * LABELS_STRING_SIZE, LABELS_STRING_SIZE);
    memcpy(label + LABELS_STRING_SIZE, bucket + BUCKET_VALUES + slot * LABELS_STRING_SIZE,
           LABELS_STRING_SIZE);
    walk->n++;
    return 0;
}

static bool was_moved(const uint8_t *bucket)
{
    return bucket[0] > SLOT_EMPTY_MAX && bucket[0] <= SLOT_MOVED_MAX;
}

/* A bucket, and the next one; *ret_next 0: none. */
static int take_bucket(struct walk *walk, const uint8_t *bucket, uint64_t *ret_next)
{
    int r = 0;

    *ret_next = 0;
    if (++walk->n_buckets > BUCKETS_MAX)
        return -EILSEQ;
    if (walk->old && was_moved(bucket))
        return 0;
    for (size_t slot = 0; slot < BUCKET_SLOTS && !r; slot++)
        r = take_slot(walk, bucket, slot);
    *ret_next = go_u64(bucket + BUCKET_OVERFLOW);
    return r;
}

static int take_chain(struct walk *walk, const uint8_t *first)
{
    uint8_t bucket[BUCKET_SIZE];
    uint64_t next;
    int r;

    r = take_bucket(walk, first, &next);
    while (!r && next) {
        r = walk->memory->read(walk->memory->context, next, bucket, sizeof(bucket));
        if (!r)
            r = take_bucket(walk, bucket, &next);
    }
    return r;
}

/* At most 1 << LOG_BUCKETS_MAX. */
static int take_buckets(struct walk *walk, uint64_t address, size_t n)
{
    uint8_t buckets[BUCKET_SIZE << LOG_BUCKETS_MAX];
    int r;

    r = walk->memory->read(walk->memory->context, address, buckets, n * BUCKET_SIZE);
    for (size_t i = 0; i < n && !r; i++)
        r = take_chain(walk, buckets + i * BUCKET_SIZE);
    return r;
}

/* How many buckets there were before the map began to grow. */
static size_t count_old(const uint8_t *header)
{
    size_t n = (size_t)1 << header[MAP_LOG_BUCKETS];

    return header[MAP_FLAGS] & FLAG_SAME_SIZE || n == 1 ? n : n / 2;
}

int labelmap_read(const struct go_memory *memory, const uint8_t *header,
                  uint8_t ret_list[static STACK_LABELS_MAX * LABELS_SIZE])
{
    struct walk walk = {.memory = memory, .list = ret_list};
    uint64_t buckets = go_u64(header + MAP_BUCKETS), old = go_u64(header + MAP_OLD_BUCKETS);
    int n = labelmap_decode(header), r = 0;

    if (n <= 0)
        return n;
    if (buckets)
        r = take_buckets(&walk, buckets, (size_t)1 << header[MAP_LOG_BUCKETS]);
    walk.old = true;
    if (!r && old)
        r = take_buckets(&walk, old, count_old(header));
    if (r)
        return r;
    return walk.n == n ? n : -EILSEQ;
}
