/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/code.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/arch.h"
#include "analyst/go/gocode.h"

/* The ids that never changed, and what is counted from sigpanic's: systemstack, systemstack_switch
 * and wrapper follow it in every version. */
#define ID_ASYNC_PREEMPT         3
#define ID_CGOCALLBACK           4
#define ID_WRAPPER_FROM_SIGPANIC 3

/* mcall, morestack and mstart come right before panicwrap in every version. */
#define ID_PANICWRAP_FROM_MCALL     3
#define ID_PANICWRAP_FROM_MORESTACK 2

/* Functions looked at for one of a name. The largest programs have less than a million; a target
 * may map one piece of memory over and over as the tables of many. */
#define NAMED_LOOKS_MAX (2u << 20)

const struct go_module *go_code_module(const struct go_code *code, uint64_t pc)
{
    for (size_t i = 0; i < code->n_modules; i++)
        if (pc >= code->modules[i].minpc && pc < code->modules[i].maxpc)
            return &code->modules[i];
    return NULL;
}

bool go_code_find(struct go_code *code, uint64_t pc, struct go_function *ret_function)
{
    const struct go_module *module = go_code_module(code, pc);

    return module && go_function_find(code->windows, module, pc, ret_function);
}

bool go_code_elides(const struct go_code *code, uint8_t callee)
{
    return callee != code->ids.gopanic && callee != code->ids.panicwrap &&
           callee != code->ids.sigpanic;
}

/* Whether the function's name is this one, which is compared with its NUL. */
static bool is_named(struct go_code *code, const struct go_function *function, const char *name,
                     size_t size)
{
    const struct go_table *names = &function->module->names;
    char found[GO_NAME_MAX];

    return size <= GO_NAME_MAX && function->name <= names->length &&
           size <= names->length - function->name &&
           !go_windows_copy(code->windows, names->address + function->name, found, size) &&
           memcmp(found, name, size) == 0;
}

static bool find_named(struct go_code *code, const char *name, struct go_function *ret_function)
{
    size_t size = strlen(name) + 1, looks = 0;

    for (size_t i = 0; i < code->n_modules; i++)
        for (uint64_t j = 0; j < code->modules[i].n_functions && looks < NAMED_LOOKS_MAX;
             j++, looks++)
            if (go_function_at(code->windows, &code->modules[i], j, ret_function) &&
                is_named(code, ret_function, name, size))
                return true;
    return false;
}

/* The ids move from version to version; the process itself says what sigpanic's is. */
static bool learn_ids(struct go_code *code)
{
    const struct go_layout *layout = code->modules[0].layout;
    struct go_function sigpanic;

    if (!find_named(code, "runtime.sigpanic", &sigpanic))
        return false;
    code->ids = (struct go_ids){
        .async_preempt = ID_ASYNC_PREEMPT,
        .cgocallback = ID_CGOCALLBACK,
        .gopanic = layout->ids.gopanic,
        .mcall = layout->ids.panicwrap - ID_PANICWRAP_FROM_MCALL,
        .morestack = layout->ids.panicwrap - ID_PANICWRAP_FROM_MORESTACK,
        .panicwrap = layout->ids.panicwrap,
        .sigpanic = sigpanic.id,
        .wrapper = sigpanic.id + ID_WRAPPER_FROM_SIGPANIC,
    };
    return true;
}

static int prepare(struct go_code *code, const struct go_memory *memory, const struct maps *maps,
                   char *why)
{
    int r;

    code->memory = memory;
    if ((r = go_windows_new(memory, &code->windows)) || (r = interns_new(&code->interns)) ||
        (r = go_steps_new(&code->steps)) || (r = go_symbols_new(&code->symbols)) ||
        (r = go_search(code, maps, why)))
        return r;
    if (learn_ids(code))
        return 0;
    snprintf(why, GO_WHY_MAX, "%.60s: no function is runtime.sigpanic, its names are obfuscated",
             code->version);
    return -ENOTSUP;
}

int go_code_new(const struct go_memory *memory, const struct maps *maps,
                char ret_why[static GO_WHY_MAX], struct go_code **ret_code)
{
    struct go_code *code = calloc(1, sizeof(*code));
    int r;

    if (!code)
        return -ENOMEM;
    r = prepare(code, memory, maps, ret_why);
    if (r) {
        go_code_free(&code);
        return r;
    }
    *ret_code = code;
    return 0;
}

static bool is_known(const struct go_code *code, uint64_t moduledata)
{
    for (size_t i = 0; i < code->n_modules; i++)
        if (code->modules[i].moduledata == moduledata)
            return true;
    return false;
}

/* The runtime links its modules in the order in which they came. */
bool go_code_has_grown(const struct go_code *code)
{
    struct rpc_range ranges[GO_MODULES_MAX];
    const uint32_t *lengths;
    const uint8_t *bytes;
    bool grown = false;

    for (size_t i = 0; i < code->n_modules; i++)
        ranges[i] = (struct rpc_range){code->modules[i].moduledata + go_module_next(code->minor),
                                       GO_POINTER_SIZE};
    if (code->memory->read_ranges(code->memory->context, ranges, code->n_modules, &bytes, &lengths))
        return false;
    for (size_t i = 0; i < code->n_modules && lengths[i] == GO_POINTER_SIZE; i++) {
        uint64_t next = go_u64(bytes + i * GO_POINTER_SIZE);

        grown |= next && !is_known(code, next);
    }
    return grown;
}

int go_code_update(struct go_code *code, const struct maps *maps)
{
    size_t n = code->n_modules;
    int r = go_search_again(code, maps);

    if (code->n_modules != n)
        go_steps_clear(code->steps);
    return r;
}

void go_code_free(struct go_code **code)
{
    if (!*code)
        return;
    go_symbols_free(&(*code)->symbols);
    go_steps_free(&(*code)->steps);
    interns_free(&(*code)->interns);
    go_windows_free(&(*code)->windows);
    free(*code);
    *code = NULL;
}

const char *go_code_version(const struct go_code *code)
{
    return code->version;
}

int go_code_minor(const struct go_code *code)
{
    return code->minor;
}

size_t go_code_variables(const struct go_code *code, struct rpc_range *ret_ranges, size_t max)
{
    const size_t each = sizeof(code->modules[0].variables) / sizeof(code->modules[0].variables[0]);
    size_t n = 0;

    for (size_t i = 0; i < code->n_modules * each && n < max; i++) {
        struct rpc_range range = code->modules[i / each].variables[i % each];

        if (range.length > 0)
            ret_ranges[n++] = range;
    }
    return n;
}

bool go_code_has(const struct go_code *code, uint64_t pc)
{
    return go_code_module(code, pc) != NULL;
}
