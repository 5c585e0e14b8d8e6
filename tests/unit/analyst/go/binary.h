/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A small Go program as a target's memory: its moduledata, build information and function tables,
 * written as the linker of each version lays them out, with what tests need to spoil them.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/code.h"
#include "analyst/maps.h"

#define BINARY_BASE    0x400000u /* the ELF header, then code */
#define BINARY_TEXT    0x401000u
#define BINARY_TABLES  0x508000u /* not where a window begins */
#define BINARY_DATA    0x600000u
#define BINARY_STACK   0xc000000000u
#define BINARY_SEGMENT 0x10000u /* bytes of each */

/* Places in the data. */
#define BINARY_BUILDINFO  (BINARY_DATA + 0x40)
#define BINARY_MODULEDATA (BINARY_DATA + 0x200)
#define BINARY_SECTIONS   (BINARY_DATA + 0x800)

/* Places in the tables; what is between them is zero. */
#define BINARY_NAMES     (BINARY_TABLES + 0x60)
#define BINARY_UNITS     (BINARY_TABLES + 0x400)
#define BINARY_FILES     (BINARY_TABLES + 0x440)
#define BINARY_VALUES    (BINARY_TABLES + 0x800)
#define BINARY_FUNCTIONS (BINARY_TABLES + 0x1000)
#define BINARY_FUNCS     (BINARY_FUNCTIONS + 0x200) /* behind the index */
#define BINARY_GOFUNC    (BINARY_TABLES + 0x4000)

#define BINARY_FUNCTION_SIZE 0x100 /* bytes of code of each */

/* The functions, by where they begin. */
enum binary_function {
    BINARY_SIGPANIC,
    BINARY_GOEXIT, /* outermost */
    BINARY_GOPANIC,
    BINARY_SWITCH,  /* writes sp */
    BINARY_LEAF,    /* 0x40 of stack behind its first 0x10 bytes; calls inlined from 0x80 to 0xa0 */
    BINARY_WRAPPER, /* generated */
    BINARY_GENERIC,
    BINARY_MCALL, /* first on a system stack */
    BINARY_FUNCTIONS_MAX
};

struct binary_layout {
    int minor;
    uint32_t magic;
    unsigned int gofunc, sections;                                /* in moduledata */
    unsigned int func, name, tables, unit, id, flags, n_funcdata; /* in _func; tables: pcsp */
    unsigned int inlined, inlined_id, inlined_name, inlined_parent;
    uint8_t sigpanic, gopanic;
};

static const struct binary_layout binary_layouts[] = {
    {117, 0xfffffffa, 0, 296, 44, 8, 20, 36, 40, 41, 43, 20, 2, 12, 16, 19, 9},
    {118, 0xfffffff0, 304, 312, 40, 4, 16, 32, 36, 37, 39, 20, 2, 12, 16, 18, 9},
    {119, 0xfffffff0, 304, 312, 40, 4, 16, 32, 36, 37, 39, 20, 2, 12, 16, 18, 9},
    {120, 0xfffffff1, 320, 328, 44, 4, 16, 32, 40, 41, 43, 16, 0, 4, 8, 18, 9},
    {122, 0xfffffff1, 320, 328, 44, 4, 16, 32, 40, 41, 43, 16, 0, 4, 8, 19, 10},
    {125, 0xfffffff1, 320, 328, 44, 4, 16, 32, 40, 41, 43, 16, 0, 4, 8, 20, 10},
    {126, 0xfffffff1, 320, 336, 44, 4, 16, 32, 40, 41, 43, 16, 0, 4, 8, 20, 10},
    {127, 0xfffffff1, 344, 360, 44, 4, 16, 32, 40, 41, 43, 16, 0, 4, 8, 20, 10},
};

#define BINARY_LAYOUTS (sizeof(binary_layouts) / sizeof(binary_layouts[0]))

struct binary {
    const struct binary_layout *layout;
    uint8_t code[BINARY_SEGMENT], tables[BINARY_SEGMENT], data[BINARY_SEGMENT],
        stack[BINARY_SEGMENT];
    uint32_t next_name, next_value;
    struct maps maps;
    struct go_memory memory;
    uint8_t area[RPC_DATA_SIZE];
    uint32_t lengths[RPC_RANGES_MAX];
    unsigned int n_reads;
};

static inline uint8_t *binary_at(struct binary *binary, uint64_t address, size_t size)
{
    const struct {
        uint64_t start;
        uint8_t *bytes;
    } segments[] = {
        {BINARY_BASE, binary->code},
        {BINARY_TABLES, binary->tables},
        {BINARY_DATA, binary->data},
        {BINARY_STACK, binary->stack},
    };

    for (size_t i = 0; i < sizeof(segments) / sizeof(segments[0]); i++)
        if (address >= segments[i].start && size <= BINARY_SEGMENT &&
            address - segments[i].start <= BINARY_SEGMENT - size)
            return segments[i].bytes + (address - segments[i].start);
    return NULL;
}

static inline void binary_put(struct binary *binary, uint64_t address, const void *bytes,
                              size_t size)
{
    uint8_t *at = binary_at(binary, address, size);

    if (!at)
        abort();
    memcpy(at, bytes, size);
}

static inline void binary_put8(struct binary *binary, uint64_t address, uint8_t value)
{
    binary_put(binary, address, &value, sizeof(value));
}

static inline void binary_put32(struct binary *binary, uint64_t address, uint32_t value)
{
    binary_put(binary, address, &value, sizeof(value));
}

static inline void binary_put64(struct binary *binary, uint64_t address, uint64_t value)
{
    binary_put(binary, address, &value, sizeof(value));
}

static inline int binary_read(void *context, uint64_t address, void *buffer, size_t size)
{
    const uint8_t *bytes = binary_at(context, address, size);

    if (!bytes)
        return -EFAULT;
    memcpy(buffer, bytes, size);
    return 0;
}

/* As the kernel does: what can be read of a range comes before what cannot. */
static inline int binary_read_ranges(void *context, const struct rpc_range *ranges, size_t n,
                                     const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    struct binary *binary = context;
    size_t used = 0;

    binary->n_reads++;
    for (size_t i = 0; i < n; i++) {
        uint64_t length = ranges[i].length;

        while (length > 0 && !binary_at(binary, ranges[i].address, length))
            length = length > 4096 ? length - 4096 : 0;
        if (length > 0)
            memcpy(binary->area + used, binary_at(binary, ranges[i].address, length), length);
        binary->lengths[i] = (uint32_t)length;
        used += length;
    }
    *ret_bytes = binary->area;
    *ret_lengths = binary->lengths;
    return 0;
}

static inline uint64_t binary_entry(enum binary_function function)
{
    return BINARY_TEXT + (uint64_t)function * BINARY_FUNCTION_SIZE;
}

/* The address of the function's _func. */
static inline uint64_t binary_func(enum binary_function function)
{
    return BINARY_FUNCS + (uint64_t)function * 0x80;
}

/* The entry of the index for the function. */
static inline uint64_t binary_index_of(const struct binary_layout *layout, unsigned int i)
{
    return BINARY_FUNCTIONS + (uint64_t)i * (layout->minor == 117 ? 16 : 8);
}

static inline uint32_t binary_add_name(struct binary *binary, const char *name)
{
    uint32_t at = binary->next_name;

    binary_put(binary, BINARY_NAMES + at, name, strlen(name) + 1);
    binary->next_name += (uint32_t)strlen(name) + 1;
    return at;
}

static inline void binary_add_byte(struct binary *binary, uint8_t byte)
{
    binary_put8(binary, BINARY_VALUES + binary->next_value++, byte);
}

static inline void binary_add_varint(struct binary *binary, uint32_t value)
{
    for (; value >= 0x80; value >>= 7)
        binary_add_byte(binary, (uint8_t)(value | 0x80));
    binary_add_byte(binary, (uint8_t)value);
}

/* A table of n pairs: a value, and how many bytes of code it holds for. Returns its offset. */
static inline uint32_t binary_add_table(struct binary *binary, size_t n, const int32_t *pairs)
{
    uint32_t at = binary->next_value;
    int32_t last = -1;

    for (size_t i = 0; i < n; i++) {
        int32_t change = pairs[2 * i] - last;

        binary_add_varint(binary, (uint32_t)change << 1 ^ (uint32_t)(change >> 31));
        binary_add_varint(binary, (uint32_t)pairs[2 * i + 1]);
        last = pairs[2 * i];
    }
    binary_add_byte(binary, 0);
    return at;
}

/* The same value for the whole function. */
static inline uint32_t binary_add_constant(struct binary *binary, int32_t value)
{
    return binary_add_table(binary, 1, (int32_t[]){value, BINARY_FUNCTION_SIZE});
}

static inline void binary_add_function(struct binary *binary, enum binary_function function,
                                       const char *name, int32_t delta, uint8_t id, uint8_t flags)
{
    const struct binary_layout *layout = binary->layout;
    uint64_t func = binary_func(function), index = binary_index_of(layout, function);
    uint64_t entry = binary_entry(function), offset = func - BINARY_FUNCTIONS;

    if (layout->minor == 117) {
        binary_put64(binary, index, entry);
        binary_put64(binary, index + 8, offset);
        binary_put64(binary, func, entry);
    } else {
        binary_put32(binary, index, (uint32_t)(entry - BINARY_TEXT));
        binary_put32(binary, index + 4, (uint32_t)offset);
        binary_put32(binary, func, (uint32_t)(entry - BINARY_TEXT));
    }
    binary_put32(binary, func + layout->name, binary_add_name(binary, name));
    binary_put32(binary, func + layout->tables, binary_add_constant(binary, delta));
    binary_put32(binary, func + layout->tables + 4, binary_add_constant(binary, 1));
    binary_put32(binary, func + layout->tables + 8,
                 binary_add_constant(binary, 100 + (int32_t)function));
    binary_put32(binary, func + layout->unit, 7);
    binary_put8(binary, func + layout->id, id);
    binary_put8(binary, func + layout->flags, flags);
}

/* An inlined call of the leaf function. */
static inline void binary_add_call(struct binary *binary, unsigned int i, const char *name,
                                   uint32_t parent)
{
    const struct binary_layout *layout = binary->layout;
    uint64_t call = BINARY_GOFUNC + 0x20 + (uint64_t)i * layout->inlined;

    binary_put32(binary, call + layout->inlined_name, binary_add_name(binary, name));
    binary_put8(binary, call + layout->inlined_id, 0);
    binary_put32(binary, call + layout->inlined_parent, parent);
}

/* main.inner is inlined into main.outer, which is inlined into the leaf function. */
static inline void binary_add_inlining(struct binary *binary)
{
    const struct binary_layout *layout = binary->layout;
    uint64_t func = binary_func(BINARY_LEAF), behind = func + layout->func;
    static const int32_t index[] = {-1, 0x70, 0, 0x10, 1, 0x20, -1, 0x60};
    static const int32_t lines[] = {10, 0x60, 11, 0x10, 20, 0x10, 30, 0x20, 12, 0x60};
    static const int32_t stack[] = {0, 0x10, 0x40, 0xe0, 0, 0x10};

    binary_add_call(binary, 0, "main.outer", 0x60);
    binary_add_call(binary, 1, "main.inner", 0x70);
    binary_put32(binary, func + layout->tables, binary_add_table(binary, 3, stack));
    binary_put32(binary, func + layout->tables + 8, binary_add_table(binary, 5, lines));
    binary_put32(binary, func + layout->tables + 12, 4);
    binary_put32(binary, behind + 8, binary_add_table(binary, 4, index));
    binary_put8(binary, func + layout->n_funcdata, 4);
    behind += 16;
    if (layout->minor == 117) {
        binary_put64(binary, (behind + 7) / 8 * 8 + 24, BINARY_GOFUNC + 0x20);
        return;
    }
    for (unsigned int i = 0; i < 3; i++)
        binary_put32(binary, behind + 4 * i, UINT32_MAX);
    binary_put32(binary, behind + 12, 0x20);
}

static inline void binary_add_functions(struct binary *binary)
{
    const struct binary_layout *layout = binary->layout;
    uint64_t end = binary_index_of(layout, BINARY_FUNCTIONS_MAX);

    binary->next_name = 1;
    binary->next_value = 1;
    binary_add_function(binary, BINARY_SIGPANIC, "runtime.sigpanic", 0x20, layout->sigpanic, 0);
    binary_add_function(binary, BINARY_GOEXIT, "runtime.goexit", 0, 7, 1);
    binary_add_function(binary, BINARY_GOPANIC, "runtime.gopanic", 0x30, layout->gopanic, 0);
    binary_add_function(binary, BINARY_SWITCH, "runtime.gogo", 0, 0, 2);
    binary_add_function(binary, BINARY_LEAF, "main.leaf", 0, 0, 0);
    binary_add_function(binary, BINARY_WRAPPER, "main.(*T).wrapper", 0x10, layout->sigpanic + 3, 0);
    binary_add_function(binary, BINARY_GENERIC, "main.Map[go.shape.int,go.shape.[]string].func1",
                        0x18, 0, 0);
    /* jmpdefer was between them in 1.17. */
    binary_add_function(binary, BINARY_MCALL, "runtime.mcall", 0x8,
                        layout->gopanic + (layout->minor == 117 ? 3 : 2), 2);
    binary_add_inlining(binary);
    if (layout->minor == 117)
        binary_put64(binary, end, binary_entry(BINARY_FUNCTIONS_MAX));
    else
        binary_put32(binary, end, BINARY_FUNCTIONS_MAX * BINARY_FUNCTION_SIZE);
    binary_put32(binary, BINARY_UNITS + 7 * 4, UINT32_MAX);
    binary_put32(binary, BINARY_UNITS + 8 * 4, 1);
    binary_put(binary, BINARY_FILES + 1, "/src/main.go", sizeof("/src/main.go"));
}

/* What would do as a name or as a table of values, right behind those that there are. */
static inline void binary_add_bait(struct binary *binary)
{
    binary_put(binary, BINARY_NAMES + 0x300, "behind.names", sizeof("behind.names"));
    binary_put(binary, BINARY_VALUES + 0x408, "\4\x80\4", 4);
}

static inline void binary_add_header(struct binary *binary)
{
    static const uint64_t tables[] = {BINARY_NAMES, BINARY_UNITS, BINARY_FILES, BINARY_VALUES,
                                      BINARY_FUNCTIONS};
    bool old = binary->layout->minor == 117;
    uint64_t at = BINARY_TABLES + (old ? 24 : 32);

    binary_put32(binary, BINARY_TABLES, binary->layout->magic);
    binary_put8(binary, BINARY_TABLES + 6, 1);
    binary_put8(binary, BINARY_TABLES + 7, 8);
    binary_put64(binary, BINARY_TABLES + 8, BINARY_FUNCTIONS_MAX);
    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++)
        binary_put64(binary, at + 8 * i, tables[i] - BINARY_TABLES);
}

static inline void binary_put_slice(struct binary *binary, uint64_t at, uint64_t address,
                                    uint64_t length)
{
    binary_put64(binary, at, address);
    binary_put64(binary, at + 8, length);
    binary_put64(binary, at + 16, length);
}

static inline void binary_add_moduledata(struct binary *binary)
{
    const uint64_t end = binary_entry(BINARY_FUNCTIONS_MAX), at = BINARY_MODULEDATA;
    const uint64_t words[] = {BINARY_TEXT,          end,
                              BINARY_TEXT,          end,
                              BINARY_DATA,          BINARY_DATA + 0x1000,
                              BINARY_DATA + 0x1000, BINARY_DATA + 0x2000};

    binary_put64(binary, at, BINARY_TABLES);
    binary_put_slice(binary, at + 8, BINARY_NAMES, 0x300);
    binary_put_slice(binary, at + 32, BINARY_UNITS, 0x40 / 4);
    binary_put_slice(binary, at + 56, BINARY_FILES, 0x100);
    binary_put_slice(binary, at + 80, BINARY_VALUES, 0x400);
    binary_put_slice(binary, at + 104, BINARY_FUNCTIONS, 0x1000);
    binary_put_slice(binary, at + 128, BINARY_FUNCTIONS, BINARY_FUNCTIONS_MAX + 1);
    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        binary_put64(binary, at + 160 + 8 * i, words[i]);
    if (binary->layout->gofunc)
        binary_put64(binary, at + binary->layout->gofunc, BINARY_GOFUNC);
    binary_put_slice(binary, at + binary->layout->sections, BINARY_SECTIONS, 1);
    binary_put64(binary, BINARY_SECTIONS + 8, end - BINARY_TEXT);
    binary_put64(binary, BINARY_SECTIONS + 16, BINARY_TEXT);
}

/* A second moduledata, of the same tables for code that begins elsewhere. Returns where it is. */
static inline uint64_t binary_add_plugin(struct binary *binary, uint64_t text)
{
    const uint64_t from = BINARY_MODULEDATA, to = BINARY_DATA + 0xa00, words = 0x200;
    const uint64_t end = text + BINARY_FUNCTIONS_MAX * BINARY_FUNCTION_SIZE;

    binary_put(binary, to, binary_at(binary, from, words), words);
    binary_put64(binary, to + 160, text);
    binary_put64(binary, to + 168, end);
    binary_put64(binary, to + 176, text);
    binary_put64(binary, to + 184, end);
    return to;
}

static inline void binary_put_version(struct binary *binary, const char *version)
{
    binary_put(binary, BINARY_BUILDINFO, "\xff Go buildinf:\x08\x02", 16);
    binary_put8(binary, BINARY_BUILDINFO + 32, (uint8_t)strlen(version));
    binary_put(binary, BINARY_BUILDINFO + 33, version, strlen(version));
}

static inline void binary_map(struct binary *binary)
{
    static const char text[] = "400000-410000 r-xp 00000000 fe:01 77 /srv/binary\n"
                               "508000-518000 r--p 00010000 fe:01 77 /srv/binary\n"
                               "600000-610000 rw-p 00020000 fe:01 77 /srv/binary\n"
                               "c000000000-c000010000 rw-p 00000000 00:00 0\n";

    if (maps_parse(text, sizeof(text) - 1, &binary->maps))
        abort();
}

static inline struct binary *binary_new(const struct binary_layout *layout)
{
    struct binary *binary = calloc(1, sizeof(*binary));
    char version[16];

    if (!binary)
        abort();
    binary->layout = layout;
    binary->memory = (struct go_memory){
        .read = binary_read, .read_ranges = binary_read_ranges, .context = binary};
    snprintf(version, sizeof(version), "go1.%d.3", layout->minor - 100);
    binary_put_version(binary, version);
    binary_add_header(binary);
    binary_add_functions(binary);
    binary_add_moduledata(binary);
    binary_add_bait(binary);
    binary_map(binary);
    return binary;
}

static inline void binary_free(struct binary *binary)
{
    maps_free(&binary->maps);
    free(binary);
}
