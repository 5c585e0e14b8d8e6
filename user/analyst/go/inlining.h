/* SPDX-License-Identifier: Apache-2.0 */
/* The calls that the compiler inlined into a function (runtime/symtabinl.go). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analyst/go/pclntab.h"

/* One inlined call. */
struct go_inlined {
    uint32_t name;   /* of what was inlined: offset into the names */
    uint8_t id;      /* abi.FuncID of it */
    uint64_t parent; /* an instruction of its caller: what it was inlined into */
};

/* The innermost inlined call that holds the instruction at `pc`; its caller is the one that holds
 * ret_inlined->parent, or, where none does, the function itself. */
bool go_inlined_at(struct go_windows *windows, const struct go_function *function, uint64_t pc,
                   struct go_inlined *ret_inlined);
