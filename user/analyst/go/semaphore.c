/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/semaphore.h"

#include <string.h>

#include "analyst/go/arch.h"
#include "analyst/go/sort.h"

#define GAP         256  /* bytes between two things that are read together */
#define PIECES_MAX  1024 /* read at once */
#define WORDS_MAX   (SEMAPHORE_WINDOW / GO_POINTER_SIZE)
#define ADDRESS_MIN 4096

#define SUDOG_G 0 /* in every version */

/* struct Cond in sync/cond.go, of 1.17 to 1.25: a Locker, the list of those that wait, itself. */
#define COND_NOTIFY  16
#define COND_HEAD    (COND_NOTIFY + 16)
#define COND_TAIL    (COND_NOTIFY + 24)
#define COND_CHECKER 48
#define COND_SIZE    56

/* Where the objects of package sync have their semaphores, or lists, by the functions that wait. */
static const struct {
    const char *function; /* how its name begins */
    const char *type;
    uint64_t offset;
} objects[] = {
    {"sync.(*Mutex).", "sync.Mutex", 4},
    {"internal/sync.(*Mutex).", "sync.Mutex", 4}, /* since 1.24 */
    {"sync.(*RWMutex).RLock", "sync.RWMutex", 12},
    {"sync.(*RWMutex).Lock", "sync.RWMutex", 8},
    {"sync.(*WaitGroup).Wait", "sync.WaitGroup", 8},
    {"sync.(*Cond).Wait", "sync.Cond", COND_NOTIFY},
};

struct find {
    const struct g_layout *layout;
    struct semaphore_search *searches;
    struct piece pieces[PIECES_MAX];
    struct piece spare[PIECES_MAX]; /* for sorting them */
    size_t n;
};

bool semaphore_is_known(const struct g_layout *layout, const char *reason)
{
    return !layout->is_guess &&
           (!strcmp(reason, "semacquire") || !strncmp(reason, "sync.", strlen("sync.")));
}

/* Which search a piece is for, and where the pointer to it lies on the stack. */
static uint32_t piece_index(size_t search, size_t at)
{
    return (uint32_t)(search * SEMAPHORE_WINDOW + at);
}

static void keep(struct semaphore_search *search, uint64_t address, uint32_t at)
{
    for (uint32_t i = 0; i < search->n && i < SEMAPHORE_FOUND_MAX; i++) {
        if (search->found[i].address != address)
            continue;
        if (at < search->found[i].at)
            search->found[i].at = at;
        return;
    }
    if (search->n < SEMAPHORE_FOUND_MAX) {
        search->found[search->n].address = address;
        search->found[search->n].at = at;
    }
    search->n++;
}

static uint64_t semaphore_of(const struct find *find, const struct semaphore_search *search,
                             const uint8_t *sudog)
{
    bool is_own = go_u64(sudog + SUDOG_G) == search->g;

    return is_own && !go_u64(sudog + find->layout->sudog_channel)
               ? go_u64(sudog + find->layout->sudog_elem)
               : 0;
}

/* Its list, of those that wait. */
static uint64_t list_of(uint64_t address, const uint8_t *cond)
{
    bool is_cond = go_u64(cond + COND_CHECKER) == address + COND_CHECKER &&
                   go_u64(cond + COND_HEAD) && go_u64(cond + COND_TAIL);

    return is_cond ? address + COND_NOTIFY : 0;
}

static void take(void *context, const struct piece *piece, const uint8_t *bytes, size_t got)
{
    struct find *find = context;
    struct semaphore_search *search = &find->searches[piece->index / SEMAPHORE_WINDOW];
    uint64_t address;

    if (got < piece->size)
        return;
    address = search->is_cond ? list_of(piece->address, bytes) : semaphore_of(find, search, bytes);
    if (address)
        keep(search, address, piece->index % SEMAPHORE_WINDOW);
}

static int read_pieces(struct find *find, struct gatherer *gatherer)
{
    int r;

    sort_pieces(find->pieces, find->spare, find->n);
    r = gather_with(gatherer, find->pieces, find->n, GAP, take, find);
    find->n = 0;
    return r;
}

/* Every word of the stack that may point to something, other than into that stack. */
static void add_words(struct find *find, size_t index)
{
    const struct semaphore_search *search = &find->searches[index];
    uint32_t size = search->is_cond ? COND_SIZE : find->layout->sudog_size;

    for (size_t at = 0; at < SEMAPHORE_WINDOW && at + GO_POINTER_SIZE <= search->size;
         at += GO_POINTER_SIZE) {
        uint64_t word = go_u64(search->stack + at);

        if (word >= ADDRESS_MIN && word % GO_POINTER_SIZE == 0 &&
            (word < search->sp || word - search->sp >= search->size))
            find->pieces[find->n++] = (struct piece){word, size, piece_index(index, at)};
    }
}

int semaphores_find(struct gatherer *gatherer, const struct g_layout *layout,
                    struct semaphore_search *searches, size_t n)
{
    struct find find = {.layout = layout, .searches = searches};
    int r = 0;

    for (size_t i = 0; i < n && !r; i++) {
        if (!searches[i].wanted)
            continue;
        add_words(&find, i);
        if (find.n > PIECES_MAX - WORDS_MAX)
            r = read_pieces(&find, gatherer);
    }
    return r || !find.n ? r : read_pieces(&find, gatherer);
}

uint64_t semaphore_found(const struct semaphore_search *search, size_t end)
{
    uint64_t address = 0;

    if (search->n > SEMAPHORE_FOUND_MAX)
        return 0;
    for (uint32_t i = 0; i < search->n; i++) {
        if (search->found[i].at >= end)
            continue;
        if (address)
            return 0;
        address = search->found[i].address;
    }
    return address;
}

/* In Go 1.17 a WaitGroup is three words of 4 bytes, and its semaphore is the first one if the
 * others would not be aligned as the one of 8 bytes that they are used as. */
static uint64_t offset_of(size_t i, uint64_t address)
{
    bool is_first = !strcmp(objects[i].type, "sync.WaitGroup") && address % 8 != 0;

    return is_first ? 0 : objects[i].offset;
}

uint64_t semaphore_object(uint64_t address, const char *function, const char **ret_type)
{
    for (size_t i = 0; i < sizeof(objects) / sizeof(objects[0]); i++) {
        if (strncmp(function, objects[i].function, strlen(objects[i].function)) != 0 ||
            address <= offset_of(i, address))
            continue;
        *ret_type = objects[i].type;
        return address - offset_of(i, address);
    }
    return 0;
}
