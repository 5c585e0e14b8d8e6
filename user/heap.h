/* SPDX-License-Identifier: Apache-2.0 */
/* What the C library's heap does with large pieces of memory (mallopt(3)). */
#pragma once

#include <stddef.h>

/* Sets bounds for this process and the roles that it forks. Left alone, they grow with the largest
 * piece that was ever freed, such as the kernel's types, and a heap keeps what a scan needed. */
void heap_set_bounds(void);

/* Filling some megabytes once takes a page fault for every 4 KiB of them, and those longer than
 * what is done with the bytes. What is allocated from here to heap_end_bulk() lies side by side,
 * the first `size` bytes of it in huge pages where the kernel has some: one fault for 2 MiB. */
void heap_begin_bulk(size_t size);

/* Gives back what has been freed meanwhile; the bounds are in force again. */
void heap_end_bulk(void);
