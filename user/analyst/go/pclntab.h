/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of a module of Go code and what its tables (.gopclntab) say of each of their
 * instructions. Addresses and offsets are checked against the module's tables at each step. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/module.h"
#include "analyst/go/window.h"

/* A _func (runtime/runtime2.go). */
struct go_function {
    const struct go_module *module;
    uint64_t address; /* of the _func */
    uint64_t entry, end;
    uint32_t name;               /* offset into the names */
    uint32_t pcsp, pcfile, pcln; /* offsets of its tables among the values; 0: none */
    uint32_t unit;               /* its compilation unit's first index into the units */
    uint32_t n_pcdata;
    uint8_t id, flags, n_funcdata;
};

/* flags (abi.FuncFlag) */
#define GO_FUNCTION_TOP      1 /* outermost on its stack */
#define GO_FUNCTION_SP_WRITE 2 /* changes sp in ways its table does not tell */

/* Tables of a function by number (internal/abi/symtab.go, the same since 1.17). */
#define GO_PCDATA_INLINE_INDEX  2
#define GO_FUNCDATA_INLINE_TREE 3

#define GO_NAME_MAX 4096 /* of a function or a file, with its NUL; names beyond it are none */

/* The i-th function; false: there is none, or its tables are broken. */
bool go_function_at(struct go_windows *windows, const struct go_module *module, uint64_t i,
                    struct go_function *ret_function);

/* The function that holds `pc`. */
bool go_function_find(struct go_windows *windows, const struct go_module *module, uint64_t pc,
                      struct go_function *ret_function);

/* What the table (pcsp, pcfile, pcln) says of the instruction at `pc`. */
bool go_function_value(struct go_windows *windows, const struct go_function *function,
                       uint32_t table, uint64_t pc, int32_t *ret_value);

/* What the function's PCDATA table of that number says of it. */
bool go_function_pcdata(struct go_windows *windows, const struct go_function *function,
                        uint32_t number, uint64_t pc, int32_t *ret_value);

/* The address of the function's FUNCDATA of that number. */
bool go_function_funcdata(struct go_windows *windows, const struct go_function *function,
                          uint32_t number, uint64_t *ret_address);

/* The name at an offset into the module's names, as it is in the table. */
bool go_module_text(struct go_windows *windows, const struct go_table *table, uint64_t offset,
                    char ret_text[static GO_NAME_MAX]);

/* The source file and line of the instruction. */
bool go_function_line(struct go_windows *windows, const struct go_function *function, uint64_t pc,
                      char ret_file[static GO_NAME_MAX], uint32_t *ret_line);
