/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What does not change in a target's memory, read in windows that are kept for a while: Go's tables
 * may be larger than 100 MB, and little of them is needed.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/memory.h"

struct go_windows;

#define GO_WINDOW_SIZE (64 * 1024)
#define GO_WINDOWS_MAX 128 /* kept at once; the one unused for longest makes room */

/* `memory` is borrowed. */
int go_windows_new(const struct go_memory *memory, struct go_windows **ret_windows);
void go_windows_free(struct go_windows **windows);

/* Forgets what was read: for when the mappings have changed. */
void go_windows_clear(struct go_windows *windows);

/* The bytes at `address`, at least one, as many as are at hand in one piece; good until the next
 * call on these windows. NULL: cannot be read. */
const uint8_t *go_windows_view(struct go_windows *windows, uint64_t address, size_t *ret_size);

/* Copies `size` bytes. All or nothing: 0 or -EFAULT. */
int go_windows_copy(struct go_windows *windows, uint64_t address, void *buffer, size_t size);

/* Copies a text up to its NUL, which must come within `max` bytes and before `end`: 0, or -EFAULT,
 * -EILSEQ. */
int go_windows_text(struct go_windows *windows, uint64_t address, uint64_t end, char *buffer,
                    size_t max);
