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
#include "analyst/go/memory.h"

struct go_runtime;

/* -ENOTSUP: a check failed, ret_why names it. `code` and `memory` are borrowed. */
int go_runtime_new(struct go_code *code, const struct go_memory *memory,
                   char ret_why[static GO_WHY_MAX], struct go_runtime **ret_runtime);
void go_runtime_free(struct go_runtime **runtime);

/* The addresses of all g's that there have ever been (runtime.allgs), of which some are dead: the
 * array as it is now, entries [from, from + n). *ret_total: its length. */
int go_runtime_gs(struct go_runtime *runtime, uint64_t from, size_t n, uint64_t *ret_gs,
                  uint64_t *ret_total);
