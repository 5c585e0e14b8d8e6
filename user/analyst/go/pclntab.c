/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/pclntab.h"

#include "analyst/go/arch.h"

#define FUNC_SIZE_MAX 44            /* of a _func without what follows it */
#define STEPS_MAX     (1024 * 1024) /* of one table: more than any function has instructions */
#define VARINT_MAX    5             /* bytes */
#define NO_FUNCDATA   UINT32_MAX
#define NO_FILE       UINT32_MAX

/* A part of a table that is inside it, or 0. */
static uint64_t place_in(const struct go_table *table, uint64_t offset, uint64_t size)
{
    if (offset > table->length || size > table->length - offset)
        return 0;
    return table->address + offset;
}

/* The i-th entry of the index: where a function begins, and its _func. */
static bool read_index(struct go_windows *windows, const struct go_module *module, uint64_t i,
                       uint64_t *ret_place, uint64_t *ret_func)
{
    bool absolute = module->layout->absolute;
    uint8_t entry[2 * GO_POINTER_SIZE];
    size_t half = absolute ? GO_POINTER_SIZE : sizeof(uint32_t);

    /* The last entry has only the first half. */
    if (go_windows_copy(windows, module->index + i * 2 * half, entry,
                        i < module->n_functions ? 2 * half : half))
        return false;
    *ret_place = absolute ? go_u64(entry) : go_u32(entry);
    if (i < module->n_functions)
        *ret_func = absolute ? go_u64(entry + half) : go_u32(entry + half);
    return true;
}

static void parse_func(const uint8_t *bytes, struct go_function *function)
{
    const struct go_layout *layout = function->module->layout;

    function->name = go_u32(bytes + layout->func.name);
    function->pcsp = go_u32(bytes + layout->func.pcsp);
    function->pcfile = go_u32(bytes + layout->func.pcfile);
    function->pcln = go_u32(bytes + layout->func.pcln);
    function->unit = go_u32(bytes + layout->func.unit);
    function->n_pcdata = go_u32(bytes + layout->func.n_pcdata);
    function->id = bytes[layout->func.id];
    function->flags = bytes[layout->func.flags];
    function->n_funcdata = bytes[layout->func.n_funcdata];
}

bool go_function_at(struct go_windows *windows, const struct go_module *module, uint64_t i,
                    struct go_function *ret_function)
{
    const struct go_layout *layout = module->layout;
    struct go_function function = {.module = module};
    uint8_t bytes[FUNC_SIZE_MAX];
    uint64_t place, next, func, unused;

    if (i >= module->n_functions || !read_index(windows, module, i, &place, &func) ||
        !read_index(windows, module, i + 1, &next, &unused) || next <= place)
        return false;
    function.address = place_in(&module->functions, func, layout->func.size);
    if (!function.address || go_windows_copy(windows, function.address, bytes, layout->func.size))
        return false;
    /* A _func says itself where it begins. */
    if ((layout->absolute ? go_u64(bytes) : go_u32(bytes)) != place)
        return false;
    parse_func(bytes, &function);
    function.entry = go_module_address(module, place);
    function.end = function.entry + (next - place);
    *ret_function = function;
    return true;
}

bool go_function_find(struct go_windows *windows, const struct go_module *module, uint64_t pc,
                      struct go_function *ret_function)
{
    uint64_t place, begin, unused, low = 0, high = module->n_functions;

    if (!go_module_place(module, pc, &place))
        return false;
    /* The last one that begins at the place or before it. */
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;

        if (!read_index(windows, module, middle, &begin, &unused))
            return false;
        if (begin <= place)
            low = middle;
        else
            high = middle;
    }
    return go_function_at(windows, module, low, ret_function) && ret_function->entry <= pc &&
           pc < ret_function->end;
}

/* Bytes of the values, one after the other. */
struct cursor {
    struct go_windows *windows;
    uint64_t address, end; /* of what is not at hand yet */
    const uint8_t *bytes;
    size_t left;
};

static bool take_byte(struct cursor *cursor, uint8_t *ret_byte)
{
    if (cursor->left == 0) {
        uint64_t rest = cursor->end - cursor->address;

        if (rest == 0)
            return false;
        cursor->bytes = go_windows_view(cursor->windows, cursor->address, &cursor->left);
        if (!cursor->bytes) {
            cursor->left = 0;
            return false;
        }
        if (cursor->left > rest)
            cursor->left = rest;
        cursor->address += cursor->left;
    }
    cursor->left--;
    *ret_byte = *cursor->bytes++;
    return true;
}

static bool take_varint(struct cursor *cursor, uint32_t *ret_value)
{
    uint32_t value = 0;
    uint8_t byte;

    for (unsigned int i = 0; i < VARINT_MAX; i++) {
        if (!take_byte(cursor, &byte))
            return false;
        value |= (uint32_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            *ret_value = value;
            return true;
        }
    }
    return false;
}

/*
 * A table is pairs of varints: how much the value changes (zigzag; 0 ends the table, but for the
 * first pair), and for how many instructions it then holds. The value starts as -1.
 */
bool go_function_value(struct go_windows *windows, const struct go_function *function,
                       uint32_t table, uint64_t pc, int32_t *ret_value)
{
    const struct go_table *values = &function->module->values;
    struct cursor cursor = {.windows = windows, .end = values->address + values->length};
    uint64_t at = function->entry;
    uint32_t value = UINT32_MAX, change, advance;

    cursor.address = place_in(values, table, 1);
    if (table == 0 || !cursor.address || pc < function->entry || pc >= function->end)
        return false;
    for (size_t i = 0; i < STEPS_MAX; i++) {
        if (!take_varint(&cursor, &change) || (change == 0 && i > 0) ||
            !take_varint(&cursor, &advance))
            return false;
        value += change & 1 ? ~(change >> 1) : change >> 1;
        at += (uint64_t)advance * GO_PC_QUANTUM;
        if (pc < at) {
            *ret_value = (int32_t)value;
            return true;
        }
    }
    return false;
}

/* What follows a _func: the offsets of its PCDATA tables, then its FUNCDATA. */
static uint64_t behind_func(const struct go_function *function, uint64_t offset, uint64_t size)
{
    const struct go_table *functions = &function->module->functions;

    return place_in(functions,
                    function->address - functions->address + function->module->layout->func.size +
                        offset,
                    size);
}

bool go_function_pcdata(struct go_windows *windows, const struct go_function *function,
                        uint32_t number, uint64_t pc, int32_t *ret_value)
{
    uint8_t table[sizeof(uint32_t)];
    uint64_t address = behind_func(function, number * sizeof(table), sizeof(table));

    return number < function->n_pcdata && address &&
           !go_windows_copy(windows, address, table, sizeof(table)) &&
           go_function_value(windows, function, go_u32(table), pc, ret_value);
}

/* Up to 1.17: addresses, aligned as such. */
static bool absolute_funcdata(struct go_windows *windows, const struct go_function *function,
                              uint32_t number, uint64_t *ret_address)
{
    uint64_t skip = (uint64_t)function->n_pcdata * sizeof(uint32_t);
    uint64_t pad =
        (function->address + function->module->layout->func.size + skip) % GO_POINTER_SIZE;
    uint8_t pointer[GO_POINTER_SIZE];
    uint64_t address =
        behind_func(function, skip + pad + number * sizeof(pointer), sizeof(pointer));

    if (!address || go_windows_copy(windows, address, pointer, sizeof(pointer)))
        return false;
    *ret_address = go_u64(pointer);
    return *ret_address != 0;
}

bool go_function_funcdata(struct go_windows *windows, const struct go_function *function,
                          uint32_t number, uint64_t *ret_address)
{
    uint64_t skip = (uint64_t)function->n_pcdata * sizeof(uint32_t), address;
    uint8_t offset[sizeof(uint32_t)];

    if (number >= function->n_funcdata)
        return false;
    if (function->module->layout->absolute)
        return absolute_funcdata(windows, function, number, ret_address);
    address = behind_func(function, skip + number * sizeof(offset), sizeof(offset));
    if (!address || go_windows_copy(windows, address, offset, sizeof(offset)) ||
        go_u32(offset) == NO_FUNCDATA)
        return false;
    *ret_address = function->module->gofunc + go_u32(offset);
    return true;
}

bool go_module_text(struct go_windows *windows, const struct go_table *table, uint64_t offset,
                    char ret_text[static GO_NAME_MAX])
{
    uint64_t address = place_in(table, offset, 1);

    return address && !go_windows_text(windows, address, table->address + table->length, ret_text,
                                       GO_NAME_MAX);
}

/* A file is numbered within its compilation unit. */
static bool find_file(struct go_windows *windows, const struct go_function *function, uint64_t pc,
                      char ret_file[static GO_NAME_MAX])
{
    const struct go_module *module = function->module;
    uint8_t offset[sizeof(uint32_t)];
    uint64_t address;
    int32_t number;

    if (!go_function_value(windows, function, function->pcfile, pc, &number) || number < 0)
        return false;
    address =
        place_in(&module->units, ((uint64_t)function->unit + (uint32_t)number) * sizeof(offset),
                 sizeof(offset));
    return address && !go_windows_copy(windows, address, offset, sizeof(offset)) &&
           go_u32(offset) != NO_FILE &&
           go_module_text(windows, &module->files, go_u32(offset), ret_file);
}

bool go_function_line(struct go_windows *windows, const struct go_function *function, uint64_t pc,
                      char ret_file[static GO_NAME_MAX], uint32_t *ret_line)
{
    int32_t line;

    if (!go_function_value(windows, function, function->pcln, pc, &line) || line < 0 ||
        !find_file(windows, function, pc, ret_file))
        return false;
    *ret_line = (uint32_t)line;
    return true;
}
