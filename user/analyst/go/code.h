/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Go code of a target, from its own tables in its memory (.go.buildinfo, moduledata,
 * .gopclntab): which Go built it, its functions, lines, inlined calls, and how far each stack frame
 * reaches. Needs no symbols, no DWARF and no section headers. Everything read is hostile: every
 * count is checked against the bytes there are, every walk is bounded.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/memory.h"
#include "analyst/maps.h"
#include "analyst/unwind.h"
#include "sample.h"

struct go_code;

#define GO_WHY_MAX 160

/*
 * Looks for Go in the target. -ENOENT: it is no Go program. -ENOTSUP: it is, but cannot be read
 * (too old, obfuscated, tables that do not validate): ret_why says in one line which check failed.
 * `maps` is borrowed for the call, `memory` for as long as the result lives.
 */
int go_code_new(const struct go_memory *memory, const struct maps *maps,
                char ret_why[static GO_WHY_MAX], struct go_code **ret_code);
void go_code_free(struct go_code **code);

/* Whether the runtime has loaded a plugin that was not taken up yet. Costs one request. */
bool go_code_has_grown(const struct go_code *code);

/* Takes up the plugins that were loaded since; nearly free when `maps` has no new code. 0, -ENOMEM.
 */
int go_code_update(struct go_code *code, const struct maps *maps);

/* "go1.19.8", and as numbers: 1.19 is 119. */
const char *go_code_version(const struct go_code *code);
int go_code_minor(const struct go_code *code);

/* Writable parts of the modules where the runtime's variables are (data, bss, noptrdata, noptrbss),
 * at most `max`. Returns how many. */
size_t go_code_variables(const struct go_code *code, struct rpc_range *ret_ranges, size_t max);

/* Whether `pc` lies in Go code. */
bool go_code_has(const struct go_code *code, uint64_t pc);

/* The name of the function that holds `pc`, e.g. "runtime.gopark"; NULL: none. The entry of it. */
const char *go_code_function(struct go_code *code, uint64_t pc, uint64_t *ret_entry);

/*
 * Unwinds from pc and sp with pcsp tables, to runtime.goexit or another outermost function
 * (UNWIND_WHOLE), which itself is left out, as are the generated wrappers that Go's own tracebacks
 * leave out. A return address in C, or a function that moves sp in ways no table tells, ends it
 * (UNWIND_CUT); Go that C called goes on to the Go that called C, as Go's own do. At most `max`
 * frames. Reads memory only where `copy` does not reach; memory->read_ranges() may be called, so
 * `copy` must not lie where that leaves its results.
 */
enum unwind_end go_code_unwind(struct go_code *code, uint64_t pc, uint64_t sp,
                               const struct stack_copy *copy, struct raw_frame *ret_frames,
                               size_t max, size_t *ret_n);

/* As unwinder_symbolize(): inlined calls innermost first, then the function. Names as Go prints
 * them
 * ("main.(*server).handle.func1"), files with their full path as compiled in. */
size_t go_code_symbolize(struct go_code *code, const struct raw_frame *raw,
                         struct frame ret_frames[static SYMBOL_INLINE_MAX]);
