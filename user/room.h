/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory for arrays that may become large. From ROOM_LARGE on they are mappings, in huge pages
 * where the kernel has them: of small pages there are thousands, and each costs a fault when it is
 * first touched. A mapping grows without a copy.
 */
#pragma once

#include <stddef.h>

#define ROOM_LARGE (2ul * 1024 * 1024) /* bytes; the size of a huge page on x86-64 */

/* A room of that many bytes, more than none, which are zero; NULL: there is no memory. */
void *room_new(size_t bytes);

/* Makes a room of `old_bytes`, which may be NULL and 0, one of `new_bytes`, which are more, or
 * fewer where neither is large. What was in it stays; the rest is anything. NULL: there is no
 * memory, and the old room is as it was. */
void *room_grow(void *room, size_t old_bytes, size_t new_bytes);

/* Gives a room of that many bytes back; NULL is none. */
void room_free(void *room, size_t bytes);
