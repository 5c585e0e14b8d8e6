/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Go runtime's records of goroutines in a target's memory: where they are and how they are laid
 * out, by exact version, proven on the process before anything of them is believed.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/code.h"
#include "analyst/go/layout.h"
#include "analyst/go/memory.h"

#define GO_GS_MAX (16 * 1024 * 1024) /* of one target, the dead among them */

struct go_runtime;

/* -ENOTSUP: a check failed, ret_why names it. `code` and `memory` are borrowed. */
int go_runtime_new(struct go_code *code, const struct go_memory *memory,
                   char ret_why[static GO_WHY_MAX], struct go_runtime **ret_runtime);
void go_runtime_free(struct go_runtime **runtime);

/* Proves it on the process anew, for a layout that is a guess: what shows only later may speak
 * against it, or bear out the names of more reasons. As go_runtime_new(). */
int go_runtime_prove(struct go_runtime *runtime, struct go_code *code,
                     char ret_why[static GO_WHY_MAX]);

/* Lives as long as the runtime; of a guess it learns names. */
const struct g_layout *go_runtime_layout(const struct go_runtime *runtime);

/*
 * The addresses of all g's that there have ever been (runtime.allgs), of which some are dead. An
 * entry never changes and none is ever taken away. Copies at most `max`, of which there are *ret_n,
 * from entry `from` on; *ret_total: how many there are. -EAGAIN: the array moved under our eyes.
 */
int go_runtime_gs(struct go_runtime *runtime, uint64_t from, size_t max, uint64_t *ret_gs,
                  size_t *ret_n, uint64_t *ret_total);
