/* SPDX-License-Identifier: Apache-2.0 */
/* Proves on a process that its goroutines are laid out as we think: what every Go program has in
 * common must come out right. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/code.h"
#include "analyst/go/layout.h"
#include "analyst/go/memory.h"

#define PROOF_GS_MAX 4096 /* of those goroutines that are looked at */

/*
 * `gs` are the first and the last of the list of goroutines, at most PROOF_GS_MAX. Checks that each
 * points to itself, has a known status and its stack pointer in its stack; that goids are low for
 * the oldest and never the same; that the runtime's own goroutines, known by the functions that
 * they began in, wait for their known reasons. -ENOTSUP: ret_why says which check failed.
 */
int proof_check(const struct g_layout *layout, struct go_code *code, const struct go_memory *memory,
                const uint64_t *gs, size_t n, char ret_why[static GO_WHY_MAX]);
