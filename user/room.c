/* SPDX-License-Identifier: Apache-2.0 */
#include "room.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

/* Whole huge pages: only those are aligned so (mm/mmap.c since Linux 6.7). */
static size_t mapped(size_t bytes)
{
    return (bytes + ROOM_LARGE - 1) & ~(ROOM_LARGE - 1);
}

static void *map(size_t bytes)
{
    void *room =
        mmap(NULL, mapped(bytes), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (room == MAP_FAILED)
        return NULL;
    (void)madvise(room, mapped(bytes), MADV_HUGEPAGE);
    return room;
}

void *room_new(size_t bytes)
{
    return bytes < ROOM_LARGE ? calloc(1, bytes) : map(bytes);
}

/* From a small one to a large one. */
static void *grow_out(void *room, size_t old_bytes, size_t new_bytes)
{
    void *grown = map(new_bytes);

    if (!grown)
        return NULL;
    if (old_bytes)
        memcpy(grown, room, old_bytes);
    free(room);
    return grown;
}

void *room_grow(void *room, size_t old_bytes, size_t new_bytes)
{
    void *grown;

    if (new_bytes < ROOM_LARGE)
        return realloc(room, new_bytes);
    if (old_bytes < ROOM_LARGE)
        return grow_out(room, old_bytes, new_bytes);
    grown = mremap(room, mapped(old_bytes), mapped(new_bytes), MREMAP_MAYMOVE);
    return grown == MAP_FAILED ? NULL : grown;
}

void room_free(void *room, size_t bytes)
{
    if (bytes < ROOM_LARGE)
        free(room);
    else if (room)
        munmap(room, mapped(bytes));
}
