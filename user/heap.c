/* SPDX-License-Identifier: Apache-2.0 */
#include "heap.h"

#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "cleanup.h"

#define MAPPED_MIN (1024 * 1024) /* pieces with a mapping of their own, gone as they are freed */
#define KEPT_MAX   (8 * 1024 * 1024) /* free memory that the heap keeps at its end */
#define GROWTH     (128 * 1024)      /* glibc's own: what a heap grows by beyond what is needed */

#define HUGE_PAGE (2ul * 1024 * 1024)

/* MAPPED_MIN meanwhile: the most that glibc takes (malloc.c, HEAP_MAX_SIZE / 2). */
#define BULK_MAPPED_MIN (32 * 1024 * 1024)

void heap_set_bounds(void)
{
    mallopt(M_MMAP_THRESHOLD, MAPPED_MIN);
    mallopt(M_TRIM_THRESHOLD, KEPT_MAX);
    mallopt(M_TOP_PAD, GROWTH);
}

/* Of the huge pages that are whole within the piece. */
static void ask_for_huge(void *piece, size_t size)
{
    uintptr_t first = ((uintptr_t)piece + HUGE_PAGE - 1) & -HUGE_PAGE;
    uintptr_t end = ((uintptr_t)piece + size) & -HUGE_PAGE;

    if (first < end)
        madvise((void *)first, end - first, MADV_HUGEPAGE);
}

void heap_begin_bulk(size_t size)
{
    AUTO_FREE void *piece = NULL;

    mallopt(M_MMAP_THRESHOLD, BULK_MAPPED_MIN);
    mallopt(M_TOP_PAD, (int)size); /* freed, the piece stays the end of the heap */
    piece = malloc(size);
    if (piece)
        ask_for_huge(piece, size);
}

void heap_end_bulk(void)
{
    heap_set_bounds();
    malloc_trim(0);
}
