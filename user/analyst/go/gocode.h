/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts behind code.h share: for them alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/buildinfo.h"
#include "analyst/go/code.h"
#include "analyst/go/module.h"
#include "analyst/go/pclntab.h"
#include "analyst/go/window.h"
#include "analyst/intern.h"

#define GO_MODULES_MAX 64 /* plugins beyond them have no names and end a stack */

/* Special functions, by abi.FuncID. */
struct go_ids {
    uint8_t async_preempt, cgocallback; /* the same in all versions */
    uint8_t gopanic, mcall, morestack, panicwrap, sigpanic, wrapper;
};

struct go_steps;
struct go_symbols;

struct go_code {
    const struct go_memory *memory;
    struct go_windows *windows;
    struct interns *interns;
    char version[GO_VERSION_MAX];
    int minor;
    struct go_ids ids;
    struct go_module modules[GO_MODULES_MAX];
    size_t n_modules;
    uint64_t searched_code; /* maps_hash_code(), when modules were last looked for */
    struct go_steps *steps;
    struct go_symbols *symbols;
};

const struct go_module *go_code_module(const struct go_code *code, uint64_t pc);
bool go_code_find(struct go_code *code, uint64_t pc, struct go_function *ret_function);

/* Whether the runtime leaves generated wrappers that called a function with this id out of stacks
 * (runtime/traceback.go, elideWrapperCalling). */
bool go_code_elides(const struct go_code *code, uint8_t callee);

/* search.c: modules of Go code and the version of the Go that built them, by shape. */

/* Fills version, minor, modules and n_modules. As go_code_new(). */
int go_search(struct go_code *code, const struct maps *maps, char ret_why[static GO_WHY_MAX]);

/* Adds modules that are new, if `maps` has other code than at the last search. 0, -ENOMEM. */
int go_search_again(struct go_code *code, const struct maps *maps);

/* gounwind.c */

int go_steps_new(struct go_steps **ret_steps);
void go_steps_free(struct go_steps **steps);
/* Forgets all: for when there is new code. */
void go_steps_clear(struct go_steps *steps);

/* gosymbol.c */

int go_symbols_new(struct go_symbols **ret_symbols);
void go_symbols_free(struct go_symbols **symbols);
