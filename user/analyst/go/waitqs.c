/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/waitqs.h"

#include <errno.h>
#include <stdlib.h>

#include "table.h"

/* Go makes sudogs side by side in spans of 8 KB (those of their size class in
 * runtime/sizeclasses.go), one span for each processor that makes them, and none crosses one. */
#define CHUNK_SIZE UINT64_C(8192)
#define CHUNKS_MAX 16 /* kept at once */

#define COUNTED_MAX 4096 /* lists whose count is kept for the rest of the scan */

struct chunk {
    uint64_t address; /* 0: holds nothing */
    uint8_t bytes[CHUNK_SIZE];
};

struct counted {
    uint64_t first; /* in no two lists at once */
    uint64_t channel;
    uint32_t n;
    bool more;
};

static struct table_key counted_key(const void *element)
{
    const struct counted *counted = element;

    return (struct table_key){.high = counted->channel, .low = counted->first};
}

static const struct table_type counted_type = {sizeof(struct counted), COUNTED_MAX, counted_key};

struct waitqs {
    const struct g_layout *layout;
    const struct go_memory *memory;
    struct table counted;
    uint32_t last_counted;
    uint32_t n_reads;
    struct chunk chunks[CHUNKS_MAX];
};

int waitqs_new(const struct g_layout *layout, const struct go_memory *memory,
               struct waitqs **ret_waitqs)
{
    struct waitqs *waitqs = calloc(1, sizeof(*waitqs));

    if (!waitqs)
        return -ENOMEM;
    waitqs->layout = layout;
    waitqs->memory = memory;
    table_init(&waitqs->counted, &counted_type);
    *ret_waitqs = waitqs;
    return 0;
}

void waitqs_free(struct waitqs **waitqs)
{
    if (!*waitqs)
        return;
    table_clear(&(*waitqs)->counted);
    free(*waitqs);
    *waitqs = NULL;
}

void waitqs_begin(struct waitqs *waitqs)
{
    table_clear(&waitqs->counted);
    for (size_t i = 0; i < CHUNKS_MAX; i++)
        waitqs->chunks[i].address = 0;
    waitqs->n_reads = 0;
}

/* The sudog at `address`. False: it cannot be read, or enough was. */
static bool read_sudog(struct waitqs *waitqs, uint64_t address, struct sudog *ret_sudog)
{
    uint64_t offset = address % CHUNK_SIZE, start = address - offset;
    struct chunk *chunk = &waitqs->chunks[start / CHUNK_SIZE % CHUNKS_MAX];

    if (!start || offset + waitqs->layout->sudog_size > CHUNK_SIZE)
        return false;
    if (chunk->address != start) {
        if (waitqs->n_reads == WAITQS_READS_MAX)
            return false;
        waitqs->n_reads++;
        chunk->address = 0;
        if (waitqs->memory->read(waitqs->memory->context, start, chunk->bytes, CHUNK_SIZE))
            return false;
        chunk->address = start;
    }
    *ret_sudog = sudog_decode(waitqs->layout, chunk->bytes + offset);
    return true;
}

/* Follows a list of two or more. What changes meanwhile leads to another channel or past the last
 * one: then those up to there are what is said. */
static void follow(struct waitqs *waitqs, uint64_t channel, struct waitq *waitq)
{
    uint64_t at = waitq->first;
    uint32_t n = 0;
    struct sudog sudog;

    while (at && n < WAITQ_MAX && read_sudog(waitqs, at, &sudog) && sudog.channel == channel) {
        n++;
        if (at == waitq->last) {
            waitq->n = n;
            waitq->more = false;
            return;
        }
        at = sudog.behind;
    }
    if (n > waitq->n)
        waitq->n = n;
}

static void count(struct waitqs *waitqs, uint64_t channel, struct waitq *waitq)
{
    struct counted counted = {waitq->first, channel, 0, false}, *known;

    if (!waitq->more)
        return;
    known = table_find_run(&waitqs->counted, counted_key(&counted), &waitqs->last_counted);
    if (known) {
        waitq->n = known->n;
        waitq->more = known->more;
        return;
    }
    follow(waitqs, channel, waitq);
    counted.n = waitq->n;
    counted.more = waitq->more;
    /* Without room for it, it is followed again. */
    (void)table_add(&waitqs->counted, &counted, NULL);
}

void waitqs_count(struct waitqs *waitqs, uint64_t address, struct channel *channel)
{
    count(waitqs, address, &channel->receivers);
    count(waitqs, address, &channel->senders);
}
