/* SPDX-License-Identifier: Apache-2.0 */
/* Names, files and lines of places in Go code. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/gocode.h"
#include "analyst/go/inlining.h"

#define SYMBOL_SLOTS      (32 * 1024) /* a power of two */
#define SYMBOLS_MAX       (SYMBOL_SLOTS / 2)
#define SYMBOL_FRAMES_MAX (4 * SYMBOLS_MAX) /* of all symbols together */

/* Found frames of one address; address and offset of them are filled in at each look-up. */
struct go_symbol {
    uint64_t address; /* of the instruction */
    size_t n;
    struct frame frames[];
};

struct go_symbols {
    struct go_symbol *slots[SYMBOL_SLOTS]; /* open addressing */
    size_t n;
    size_t n_frames;
};

int go_symbols_new(struct go_symbols **ret_symbols)
{
    *ret_symbols = calloc(1, sizeof(struct go_symbols));
    return *ret_symbols ? 0 : -ENOMEM;
}

static void clear(struct go_symbols *symbols)
{
    for (size_t i = 0; i < SYMBOL_SLOTS; i++)
        free(symbols->slots[i]);
    memset(symbols, 0, sizeof(*symbols));
}

void go_symbols_free(struct go_symbols **symbols)
{
    if (!*symbols)
        return;
    clear(*symbols);
    free(*symbols);
    *symbols = NULL;
}

/* The slot of what is known of the address, or the free one where it belongs. */
static struct go_symbol **find_slot(struct go_symbols *symbols, uint64_t address)
{
    /* Multiplied by 2^64 / golden ratio, so that neighbours spread. */
    size_t i = (address * 0x9e3779b97f4a7c15u) >> 32 & (SYMBOL_SLOTS - 1);

    for (; symbols->slots[i]; i = (i + 1) & (SYMBOL_SLOTS - 1))
        if (symbols->slots[i]->address == address)
            break;
    return &symbols->slots[i];
}

/* Without memory nothing is kept, and the next look-up takes as long. */
static void keep(struct go_symbols *symbols, uint64_t address, const struct frame *frames, size_t n)
{
    struct go_symbol *symbol = malloc(sizeof(*symbol) + n * sizeof(*frames));

    if (!symbol)
        return;
    if (symbols->n == SYMBOLS_MAX || symbols->n_frames + n > SYMBOL_FRAMES_MAX)
        clear(symbols);
    symbol->address = address;
    symbol->n = n;
    memcpy(symbol->frames, frames, n * sizeof(*frames));
    *find_slot(symbols, address) = symbol;
    symbols->n++;
    symbols->n_frames += n;
}

/* The end of the type arguments that begin at `open`, or NULL. */
static char *closing_bracket(char *open)
{
    size_t depth = 0;

    for (char *at = open; *at; at++) {
        depth += *at == '[';
        depth -= *at == ']';
        if (depth == 0)
            return at;
    }
    return NULL;
}

/*
 * Writes type arguments as "[...]", as Go prints them (runtime/traceback.go, funcNameForPrint):
 * each list of them since 1.27; before that, all that is between the first bracket and the last
 * one. Before 1.20 the linker did so itself.
 */
static void shorten(char *name, int minor)
{
    static const char shape[] = "[...]";
    const size_t size = sizeof(shape) - 1;

    for (char *open = name; minor >= 120 && (open = strchr(open, '['));) {
        char *close = minor >= 127 ? closing_bracket(open) : strrchr(open, ']');

        /* No type's name is shorter than "int": what is not Go's is left as it is. */
        if (!close || (size_t)(close + 1 - open) < size)
            break;
        memcpy(open, shape, size);
        open += size;
        memmove(open, close + 1, strlen(close + 1) + 1);
    }
}

static const char *name_at(struct go_code *code, const struct go_module *module, uint32_t offset)
{
    char name[GO_NAME_MAX];

    if (!go_module_text(code->windows, &module->names, offset, name) || !name[0])
        return NULL;
    shorten(name, code->minor);
    return interns_keep(code->interns, name);
}

static void set_line(struct go_code *code, const struct go_function *function, uint64_t pc,
                     struct frame *frame)
{
    char file[GO_NAME_MAX];

    if (!go_function_line(code->windows, function, pc, file, &frame->line))
        return;
    frame->file = interns_keep(code->interns, file);
}

/* The calls inlined into the function at `pc`, innermost first; *pc becomes the instruction of the
 * function itself that they are inlined into. */
static size_t find_inlined(struct go_code *code, const struct go_function *function, uint64_t *pc,
                           uint8_t *callee, struct frame *frames, size_t max)
{
    struct go_inlined inlined;
    size_t n = 0;

    for (size_t i = 0; i < max && go_inlined_at(code->windows, function, *pc, &inlined); i++) {
        if (inlined.id != code->ids.wrapper || !go_code_elides(code, *callee)) {
            frames[n] = (struct frame){.inlined = 1};
            frames[n].function = name_at(code, function->module, inlined.name);
            set_line(code, function, *pc, &frames[n]);
            n++;
        }
        *callee = inlined.id;
        *pc = inlined.parent;
    }
    return n;
}

/* 0: the address is in no function. */
static size_t find_symbol(struct go_code *code, uint64_t pc,
                          struct frame frames[static SYMBOL_INLINE_MAX])
{
    struct go_function function;
    uint8_t callee = 0;
    size_t n;

    if (!go_code_find(code, pc, &function))
        return 0;
    n = find_inlined(code, &function, &pc, &callee, frames, SYMBOL_INLINE_MAX - 1);
    if (n > 0 && function.id == code->ids.wrapper && go_code_elides(code, callee)) {
        frames[n - 1].inlined = 0;
        return n;
    }
    frames[n] = (struct frame){.function = name_at(code, function.module, function.name)};
    set_line(code, &function, pc, &frames[n]);
    return n + 1;
}

static size_t cached_symbol(struct go_code *code, uint64_t pc,
                            struct frame frames[static SYMBOL_INLINE_MAX])
{
    struct go_symbol *known = *find_slot(code->symbols, pc);
    size_t n;

    if (known) {
        memcpy(frames, known->frames, known->n * sizeof(*frames));
        return known->n;
    }
    n = find_symbol(code, pc, frames);
    if (n > 0)
        keep(code->symbols, pc, frames, n);
    return n;
}

const char *go_code_function(struct go_code *code, uint64_t pc, uint64_t *ret_entry)
{
    struct go_function function;

    if (!go_code_find(code, pc, &function))
        return NULL;
    *ret_entry = function.entry;
    return name_at(code, function.module, function.name);
}

size_t go_code_symbolize(struct go_code *code, const struct raw_frame *raw,
                         struct frame ret_frames[static SYMBOL_INLINE_MAX])
{
    uint64_t pc = raw->pc - !raw->activation;
    const struct go_module *module = go_code_module(code, pc);
    size_t n = module ? cached_symbol(code, pc, ret_frames) : 0;

    if (n == 0) {
        ret_frames[0] = (struct frame){0};
        n = 1;
    }
    for (size_t i = 0; i < n; i++) {
        ret_frames[i].address = raw->pc;
        if (module) {
            ret_frames[i].module = module->name;
            ret_frames[i].build_id = module->build_id;
            ret_frames[i].offset = raw->pc - module->bias;
        }
    }
    return n;
}
