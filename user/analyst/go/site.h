/* SPDX-License-Identifier: Apache-2.0 */
/* Where a goroutine's stack is the program's own: not in Go's standard library. */
#pragma once

#include <stdint.h>

#include "sample.h"

/* The index of that frame; without one, of the first that does more than wait for others; without
 * that, of the scheduler's own (a thread without a goroutine), or else of the outermost. 0 if there
 * is no frame at all. */
uint32_t go_site_find(const struct frame *frames, uint32_t n);
