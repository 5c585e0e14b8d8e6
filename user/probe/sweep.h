/* SPDX-License-Identifier: Apache-2.0 */
/* Reads what a sweep of an iterator program gives. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Fills the area, whose size is a multiple of a record's, unless there are fewer. `ret_more`: there
 * may be more. -errno: what the kernel says. */
int sweep_read(int fd, void *area, size_t size, uint64_t *ret_size, bool *ret_more);
