/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/window.h"

#include <assert.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define PAGE_SIZE_MIN    4096 /* what is mapped and what isn't may change at each multiple of this */
#define PAGES_PER_WINDOW (GO_WINDOW_SIZE / PAGE_SIZE_MIN)
#define WAYS             4 /* windows that an address may be in */

static_assert(PAGES_PER_WINDOW <= RPC_RANGES_MAX && GO_WINDOW_SIZE <= RPC_DATA_SIZE,
              "a window is read by one request");

struct window {
    uint64_t address;  /* a multiple of GO_WINDOW_SIZE */
    uint64_t used;     /* tick of the last use; 0: holds nothing */
    uint32_t readable; /* a bit for each page */
    uint8_t *bytes;
};

struct go_windows {
    const struct go_memory *memory;
    uint64_t tick;
    struct window windows[GO_WINDOWS_MAX];
};

int go_windows_new(const struct go_memory *memory, struct go_windows **ret_windows)
{
    struct go_windows *windows = calloc(1, sizeof(*windows));

    if (!windows)
        return -ENOMEM;
    windows->memory = memory;
    *ret_windows = windows;
    return 0;
}

void go_windows_free(struct go_windows **windows)
{
    if (!*windows)
        return;
    for (size_t i = 0; i < GO_WINDOWS_MAX; i++)
        free((*windows)->windows[i].bytes);
    free(*windows);
    *windows = NULL;
}

void go_windows_clear(struct go_windows *windows)
{
    for (size_t i = 0; i < GO_WINDOWS_MAX; i++)
        windows->windows[i].used = 0;
}

/* Page by page: the window may reach over the edges of what is mapped. */
static bool fill(struct go_windows *windows, struct window *window, uint64_t address)
{
    struct rpc_range ranges[PAGES_PER_WINDOW];
    const uint32_t *lengths;
    const uint8_t *bytes;

    window->used = 0;
    if (!window->bytes)
        window->bytes = malloc(GO_WINDOW_SIZE);
    if (!window->bytes)
        return false;
    for (size_t i = 0; i < PAGES_PER_WINDOW; i++)
        ranges[i] = (struct rpc_range){address + i * PAGE_SIZE_MIN, PAGE_SIZE_MIN};
    if (windows->memory->read_ranges(windows->memory->context, ranges, PAGES_PER_WINDOW, &bytes,
                                     &lengths))
        return false;
    window->address = address;
    window->readable = 0;
    for (size_t i = 0; i < PAGES_PER_WINDOW; i++) {
        if (lengths[i] == PAGE_SIZE_MIN) {
            memcpy(window->bytes + i * PAGE_SIZE_MIN, bytes, PAGE_SIZE_MIN);
            window->readable |= 1u << i;
        }
        bytes += lengths[i];
    }
    return true;
}

/* The window that begins at `address`, read if need be. */
static struct window *window_at(struct go_windows *windows, uint64_t address)
{
    size_t set = address / GO_WINDOW_SIZE % (GO_WINDOWS_MAX / WAYS);
    struct window *ways = &windows->windows[set * WAYS], *oldest = ways;

    for (size_t i = 0; i < WAYS; i++) {
        if (ways[i].used && ways[i].address == address) {
            oldest = &ways[i];
            oldest->used = ++windows->tick;
            return oldest;
        }
        if (ways[i].used < oldest->used)
            oldest = &ways[i];
    }
    if (!fill(windows, oldest, address))
        return NULL;
    oldest->used = ++windows->tick;
    return oldest;
}

const uint8_t *go_windows_view(struct go_windows *windows, uint64_t address, size_t *ret_size)
{
    size_t offset = address % GO_WINDOW_SIZE, page = offset / PAGE_SIZE_MIN;
    struct window *window = window_at(windows, address - offset);

    if (!window || !(window->readable & 1u << page))
        return NULL;
    while (++page < PAGES_PER_WINDOW && window->readable & 1u << page)
        ;
    *ret_size = page * PAGE_SIZE_MIN - offset;
    return window->bytes + offset;
}

int go_windows_copy(struct go_windows *windows, uint64_t address, void *buffer, size_t size)
{
    uint8_t *to = buffer;

    while (size > 0) {
        size_t n;
        const uint8_t *bytes = go_windows_view(windows, address, &n);

        if (!bytes)
            return -EFAULT;
        if (n > size)
            n = size;
        memcpy(to, bytes, n);
        to += n;
        address += n;
        size -= n;
    }
    return 0;
}

int go_windows_text(struct go_windows *windows, uint64_t address, uint64_t end, char *buffer,
                    size_t max)
{
    if (address >= end)
        return -EILSEQ;
    if (max > end - address)
        max = end - address;
    while (max > 0) {
        size_t n;
        const uint8_t *bytes = go_windows_view(windows, address, &n);

        if (!bytes)
            return -EFAULT;
        if (n > max)
            n = max;
        if (memccpy(buffer, bytes, '\0', n))
            return 0;
        buffer += n;
        address += n;
        max -= n;
    }
    return -EILSEQ;
}
