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
 * the oldest and never the same; that one of the runtime's own goroutines at least, known by the
 * functions that they began in, waits for its known reason, and that no goroutine waits for
 * something else than the function gives in which it parked. Of a guess also that they were made by
 * code and have waited since a time before `now_ns` (CLOCK_MONOTONIC). -ENOTSUP: ret_why says which
 * check failed; else it is empty. *ret_named: bits 1 << reason, of those that were borne out.
 */
int proof_check(const struct g_layout *layout, struct go_code *code, const struct go_memory *memory,
                const uint64_t *gs, size_t n, uint64_t now_ns, uint64_t *ret_named,
                char ret_why[static GO_WHY_MAX]);
