/* SPDX-License-Identifier: Apache-2.0 */
/* Where a stack is the program's own: the first frame that is no part of the C library, a
 * language's runtime library or the kernel. */
#pragma once

#include <stdint.h>

#include "sample.h"

/* The index of that frame; 0 if there is none, or no frame at all. */
uint32_t site_find(const struct frame *frames, uint32_t n);
