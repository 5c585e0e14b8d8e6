/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/allgs.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/gather.h"
#include "analyst/go/layout.h"
#include "analyst/go/runtime.h"
#include "cleanup.h"

#define SCAN_CHUNK     (1024 * 1024)
#define SCAN_MAX       (512ul * 1024 * 1024) /* bytes of variables looked through */
#define CANDIDATES_MAX 4096                  /* looked at together */
#define USER_END       (1ul << 47)

/* A slice that may be it. */
struct candidate {
    uint64_t place;
    uint64_t element; /* the first one's value, then its sched.g */
    bool read;
};

struct search {
    const struct go_memory *memory;
    uint64_t *places;
    size_t n_places;
    size_t n;
    struct candidate candidates[CANDIDATES_MAX];
    struct piece pieces[CANDIDATES_MAX];
};

static bool is_pointer(uint64_t word)
{
    return word >= 4096 && word < USER_END && word % sizeof(uint64_t) == 0;
}

static bool is_plausible(const struct go_slice *slice)
{
    return is_pointer(slice->array) && slice->length && slice->length <= slice->capacity &&
           slice->capacity <= GO_GS_MAX;
}

static void take_word(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct search *search = context;
    struct candidate *candidate = &search->candidates[piece->index];

    candidate->read = got == sizeof(uint64_t);
    if (candidate->read)
        memcpy(&candidate->element, bytes, sizeof(uint64_t));
}

static int read_words(struct search *search)
{
    return gather(search->memory, search->pieces, search->n, 0, take_word, search);
}

/* Asks for a word at `offset` behind each candidate's element; those without one fall out. */
static void ask(struct search *search)
{
    size_t n = 0;

    for (size_t i = 0; i < search->n; i++) {
        struct candidate candidate = search->candidates[i];

        if (!candidate.read || !is_pointer(candidate.element))
            continue;
        search->candidates[n] = candidate;
        search->pieces[n] =
            (struct piece){candidate.element + GO_G_SELF, sizeof(uint64_t), (uint32_t)n};
        n++;
    }
    search->n = n;
}

/* Looks whether the candidates gathered so far point to g's, and forgets them. */
static int settle(struct search *search)
{
    int r = read_words(search);

    if (!r) {
        ask(search);
        r = read_words(search);
    }
    for (size_t i = 0; i < search->n && !r; i++) {
        const struct candidate *candidate = &search->candidates[i];
        uint64_t g = search->pieces[i].address - GO_G_SELF;

        if (candidate->read && candidate->element == g && search->n_places < ALLGS_PLACES_MAX)
            search->places[search->n_places++] = candidate->place;
    }
    search->n = 0;
    return r;
}

static int consider(struct search *search, uint64_t place, const struct go_slice *slice)
{
    if (!is_plausible(slice))
        return 0;
    search->candidates[search->n] = (struct candidate){.place = place};
    search->pieces[search->n] = (struct piece){slice->array, sizeof(uint64_t), (uint32_t)search->n};
    search->n++;
    return search->n == CANDIDATES_MAX ? settle(search) : 0;
}

/* What can't be read is passed over: it may have been given back meanwhile. */
static int scan_chunk(struct search *search, uint64_t address, uint8_t *chunk, size_t size)
{
    struct go_slice slice;
    int r;

    r = search->memory->read(search->memory->context, address, chunk, size);
    if (r)
        return r == -ECONNRESET ? r : 0;
    for (size_t at = 0; at + sizeof(slice) <= size && !r; at += sizeof(uint64_t)) {
        memcpy(&slice, chunk + at, sizeof(slice));
        r = consider(search, address + at, &slice);
    }
    return r;
}

static int scan_range(struct search *search, struct rpc_range range, uint8_t *chunk)
{
    uint64_t skip = -range.address % sizeof(uint64_t);
    uint64_t at = range.address + skip, left = range.length < skip ? 0 : range.length - skip;
    int r = 0;

    /* Chunks overlap by all of a slice but a word. */
    while (left >= sizeof(struct go_slice) && !r) {
        size_t size = left < SCAN_CHUNK ? left : SCAN_CHUNK;
        size_t step = size - sizeof(struct go_slice) + sizeof(uint64_t);

        r = scan_chunk(search, at, chunk, size);
        at += step;
        left -= step;
    }
    return r;
}

int allgs_find(const struct go_memory *memory, const struct rpc_range *ranges, size_t n,
               uint64_t ret_places[static ALLGS_PLACES_MAX])
{
    AUTO_FREE struct search *search = calloc(1, sizeof(*search));
    AUTO_FREE uint8_t *chunk = malloc(SCAN_CHUNK);
    uint64_t budget = SCAN_MAX;
    int r = 0;

    if (!search || !chunk)
        return -ENOMEM;
    search->memory = memory;
    search->places = ret_places;
    for (size_t i = 0; i < n && !r; i++) {
        struct rpc_range range = ranges[i];

        if (range.length > budget)
            range.length = budget;
        budget -= range.length;
        r = scan_range(search, range, chunk);
    }
    if (!r)
        r = settle(search);
    return r ? r : (int)search->n_places;
}
