/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Parked goroutines as witnesses of what they wait for: the function in which one parked says why,
 * and the sudog of one that waits on a channel points back to it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/code.h"
#include "analyst/go/goroutine.h"
#include "analyst/go/layout.h"
#include "analyst/go/memory.h"

/*
 * Asks some of these live goroutines, of each reason for the same few. -ENOTSUP: one that has not
 * run while it was asked contradicts the layout, ret_why says in what; else *ret_named has a bit
 * 1 << reason for each reason that one of them has borne out. -errno of the memory, -ENOMEM.
 */
int witness_ask(const struct g_layout *layout, struct go_code *code, const struct go_memory *memory,
                const struct goroutine *goroutines, size_t n, uint64_t *ret_named,
                char ret_why[static GO_WHY_MAX]);
