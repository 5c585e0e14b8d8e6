/* SPDX-License-Identifier: Apache-2.0 */
/* Reads who holds locks, many at once. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/remote.h"
#include "analyst/waits.h"

/* The TIDs in `n` owner words, at most RPC_RANGES_MAX, as the target's own PID namespace has them;
 * 0: nobody, or unreadable. */
int owners_read(struct remote *remote, const struct owner_word *words, size_t n,
                uint32_t *ret_ns_tids);
