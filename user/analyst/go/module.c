/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/module.h"

#include <errno.h>

#include "analyst/go/arch.h"

#define MAGIC_116 0xfffffffau /* internal/abi, debug/gosym: 1.16 and 1.17 */
#define MAGIC_118 0xfffffff0u
#define MAGIC_120 0xfffffff1u

/* Ascending. Offsets of 1.19, 1.23, 1.24, 1.26 and 1.27 were read from the DWARF of such programs.
 */
static const struct go_layout layouts[] = {
    {
        .minor = 117,
        .magic = MAGIC_116,
        .absolute = true,
        .moduledata = {.gofunc = 0, .sections = 296},
        .func = {44, 8, 20, 24, 28, 32, 36, 40, 41, 43},
        .inlined = {20, 2, 12, 16},
        .ids = {9, 15},
    },
    {
        .minor = 118,
        .magic = MAGIC_118,
        .moduledata = {.gofunc = 304, .sections = 312},
        .func = {40, 4, 16, 20, 24, 28, 32, 36, 37, 39},
        .inlined = {20, 2, 12, 16},
        .ids = {9, 14},
    },
    {
        .minor = 120,
        .magic = MAGIC_120,
        .moduledata = {.gofunc = 320, .sections = 328},
        .func = {44, 4, 16, 20, 24, 28, 32, 40, 41, 43},
        .inlined = {16, 0, 4, 8},
        .ids = {9, 14},
    },
    {
        .minor = 122, /* corostart among the numbers */
        .magic = MAGIC_120,
        .moduledata = {.gofunc = 320, .sections = 328},
        .func = {44, 4, 16, 20, 24, 28, 32, 40, 41, 43},
        .inlined = {16, 0, 4, 8},
        .ids = {10, 15},
    },
    {
        .minor = 126,
        .magic = MAGIC_120,
        .moduledata = {.gofunc = 320, .sections = 336},
        .func = {44, 4, 16, 20, 24, 28, 32, 40, 41, 43},
        .inlined = {16, 0, 4, 8},
        .ids = {10, 15},
    },
    {
        .minor = 127,
        .magic = MAGIC_120,
        .moduledata = {.gofunc = 344, .sections = 360},
        .func = {44, 4, 16, 20, 24, 28, 32, 40, 41, 43},
        .inlined = {16, 0, 4, 8},
        .ids = {10, 15},
    },
};

/* moduledata.next in runtime/symtab.go of each: of 1.19, 1.23, 1.24, 1.26 and 1.27 by their DWARF.
 */
static const struct {
    int minor;
    uint16_t next;
} links[] = {{117, 528}, {118, 544}, {120, 560}, {121, 584}, {123, 576}, {126, 584}, {127, 560}};

#define LAYOUTS (sizeof(layouts) / sizeof(layouts[0]))

/* Of a moduledata, the same in all versions. */
enum {
    MODULE_HEADER = 0,
    MODULE_NAMES = 8,
    MODULE_UNITS = 32,
    MODULE_FILES = 56,
    MODULE_VALUES = 80,
    MODULE_FUNCTIONS = 104,
    MODULE_INDEX = 128,
    MODULE_MINPC = 160,
    MODULE_MAXPC = 168,
    MODULE_TEXT = 176,
    MODULE_ETEXT = 184,
    MODULE_VARIABLES = 192, /* four pairs */
    MODULE_DATA = 208,      /* the second of them */
};

/* Of a pcHeader. */
enum {
    HEADER_MAGIC = 0,
    HEADER_PADS = 4,
    HEADER_QUANTUM = 6,
    HEADER_POINTER = 7,
    HEADER_N_FUNCTIONS = 8,
    HEADER_117_OFFSETS = 24, /* of names, units, files, values, functions */
    HEADER_118_OFFSETS = 32, /* a word later: textStart, unused since 1.26 */
    HEADER_SIZE = 72,
};

#define HEADER_ROOM     4096         /* the first table begins within so much behind it */
#define TABLES_SIZE_MAX (4ull << 30) /* they are addressed by 32 bits */
#define CODE_SIZE_MAX   (4ull << 30) /* so is code */
#define FUNCTIONS_MAX   (64ull * 1024 * 1024)
#define VARIABLES_MAX   (16ull << 30)         /* bytes, of each kind */
#define SECTION_SIZE    (3 * GO_POINTER_SIZE) /* of a textsect */
#define SLICE_SIZE      (3 * GO_POINTER_SIZE)

const struct go_layout *go_layout_of(int minor)
{
    for (size_t i = LAYOUTS; i-- > 0;)
        if (layouts[i].minor <= minor)
            return &layouts[i];
    return NULL;
}

uint64_t go_module_next(int minor)
{
    size_t i = sizeof(links) / sizeof(links[0]) - 1;

    while (i > 0 && links[i].minor > minor)
        i--;
    return links[i].next;
}

bool go_layout_knows(uint32_t magic)
{
    for (size_t i = 0; i < LAYOUTS; i++)
        if (layouts[i].magic == magic)
            return true;
    return false;
}

static bool is_slice(const uint8_t *bytes)
{
    return go_u64(bytes + 8) > 0 && go_u64(bytes + 8) == go_u64(bytes + 16);
}

bool go_module_looks_like(const uint8_t *bytes)
{
    uint64_t header = go_u64(bytes), last = header;

    /* Most words fail here. */
    if (header == 0 || header % GO_POINTER_SIZE != 0 ||
        go_u64(bytes + MODULE_NAMES) - header - 1 >= HEADER_ROOM)
        return false;
    for (size_t at = MODULE_NAMES; at <= MODULE_INDEX; at += SLICE_SIZE) {
        if (!is_slice(bytes + at) || go_u64(bytes + at) < last)
            return false;
        last = go_u64(bytes + at);
    }
    return go_u64(bytes + MODULE_MINPC) < go_u64(bytes + MODULE_MAXPC) &&
           go_u64(bytes + MODULE_TEXT) <= go_u64(bytes + MODULE_MINPC) &&
           go_u64(bytes + MODULE_MAXPC) <= go_u64(bytes + MODULE_ETEXT);
}

int go_module_magic(struct go_windows *windows, uint64_t address, uint32_t *ret_magic)
{
    uint8_t header[GO_POINTER_SIZE], magic[sizeof(uint32_t)];

    if (go_windows_copy(windows, address, header, sizeof(header)) ||
        go_windows_copy(windows, go_u64(header), magic, sizeof(magic)))
        return -EFAULT;
    *ret_magic = go_u32(magic);
    return 0;
}

int go_module_data(struct go_windows *windows, uint64_t address, struct rpc_range *ret_data)
{
    uint8_t pair[2 * GO_POINTER_SIZE];

    if (go_windows_copy(windows, address + MODULE_DATA, pair, sizeof(pair)) ||
        go_u64(pair) > go_u64(pair + GO_POINTER_SIZE))
        return -EFAULT;
    *ret_data = (struct rpc_range){go_u64(pair), go_u64(pair + GO_POINTER_SIZE) - go_u64(pair)};
    return 0;
}

static struct go_table table_at(const uint8_t *slice)
{
    return (struct go_table){go_u64(slice), go_u64(slice + 8)};
}

/* Whether the header's offsets lead to these tables, and each one ends where a later one begins or
 * before. */
static bool tables_agree(const struct go_module *module, uint64_t header_at, const uint8_t *header)
{
    const struct go_table tables[] = {module->names, module->units, module->files, module->values,
                                      module->functions};
    const uint8_t *offsets =
        header + (module->layout->absolute ? HEADER_117_OFFSETS : HEADER_118_OFFSETS);
    uint64_t end = 0;

    for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
        uint64_t offset = go_u64(offsets + i * GO_POINTER_SIZE);

        if (offset < end || offset > TABLES_SIZE_MAX || tables[i].length > TABLES_SIZE_MAX ||
            tables[i].address != header_at + offset)
            return false;
        end = offset + tables[i].length;
    }
    return true;
}

static uint64_t index_entry_size(const struct go_layout *layout)
{
    return layout->absolute ? 2 * GO_POINTER_SIZE : 2 * sizeof(uint32_t);
}

/* The slice has one entry more than there are functions: where the last one ends. */
static bool index_fits(const struct go_module *module, const uint8_t *slice)
{
    uint64_t start = module->index - module->functions.address;

    return module->n_functions > 0 && module->n_functions < FUNCTIONS_MAX &&
           go_u64(slice + 8) == module->n_functions + 1 && start <= module->functions.length &&
           module->n_functions * index_entry_size(module->layout) <
               module->functions.length - start;
}

/* What is wrong with the header, or NULL. */
static const char *check_header(const struct go_layout *layout, const uint8_t *header)
{
    if (go_u32(header + HEADER_MAGIC) != layout->magic)
        return "the magic of its function table is not this version's";
    if (header[HEADER_PADS] || header[HEADER_PADS + 1] || header[HEADER_QUANTUM] != GO_PC_QUANTUM ||
        header[HEADER_POINTER] != GO_POINTER_SIZE)
        return "its function table is not one of this architecture";
    return NULL;
}

static const char *load_tables(struct go_windows *windows, const uint8_t *bytes,
                               struct go_module *module)
{
    uint64_t header_at = go_u64(bytes + MODULE_HEADER);
    uint8_t header[HEADER_SIZE];
    const char *check;

    if (go_windows_copy(windows, header_at, header, sizeof(header)))
        return "its function table cannot be read";
    check = check_header(module->layout, header);
    if (check)
        return check;
    module->names = table_at(bytes + MODULE_NAMES);
    module->files = table_at(bytes + MODULE_FILES);
    /* Its length counts bytes before Go 1.26, and elements since. */
    module->units = table_at(bytes + MODULE_UNITS);
    module->units.length = module->files.address - module->units.address;
    module->values = table_at(bytes + MODULE_VALUES);
    module->functions = table_at(bytes + MODULE_FUNCTIONS);
    module->index = go_u64(bytes + MODULE_INDEX);
    module->n_functions = go_u64(header + HEADER_N_FUNCTIONS);
    if (!tables_agree(module, header_at, header))
        return "its tables are not where its function table says";
    if (!index_fits(module, bytes + MODULE_INDEX))
        return "its number of functions does not fit its tables";
    return NULL;
}

static bool is_mapped(const struct maps *maps, uint64_t start, uint64_t end)
{
    const struct mapping *first = maps_find(maps, start), *last = maps_find(maps, end - 1);

    return first && last && first->readable && last->readable;
}

static bool is_code(const struct maps *maps, uint64_t address)
{
    const struct mapping *mapping = maps_find(maps, address);

    return mapping && mapping->executable;
}

static const char *load_code(const uint8_t *bytes, const struct maps *maps,
                             struct go_module *module)
{
    module->minpc = go_u64(bytes + MODULE_MINPC);
    module->maxpc = go_u64(bytes + MODULE_MAXPC);
    module->text = go_u64(bytes + MODULE_TEXT);
    if (module->minpc >= module->maxpc || module->maxpc - module->minpc > CODE_SIZE_MAX ||
        module->text > module->minpc || module->minpc - module->text > CODE_SIZE_MAX)
        return "its code has no sensible size";
    if (!is_mapped(maps, module->minpc, module->maxpc) || !is_code(maps, module->minpc))
        return "its code is not mapped as code";
    return NULL;
}

static const char *load_variables(const uint8_t *bytes, const struct maps *maps,
                                  struct go_module *module)
{
    for (size_t i = 0; i < sizeof(module->variables) / sizeof(module->variables[0]); i++) {
        const uint8_t *pair = bytes + MODULE_VARIABLES + i * 2 * GO_POINTER_SIZE;
        uint64_t start = go_u64(pair), end = go_u64(pair + GO_POINTER_SIZE);

        if (start > end || end - start > VARIABLES_MAX)
            return "its variables have no sensible size";
        if (start < end && !is_mapped(maps, start, end))
            return "its variables are not mapped";
        module->variables[i] = (struct rpc_range){start, end - start};
    }
    return NULL;
}

/*
 * A module lists at least one section, and code begins with it: the proof that this version's
 * moduledata is laid out as we think. The dynamic linker lets a plugin share the list of its
 * program, which is of no use to it.
 */
static const char *load_sections(struct go_windows *windows, const struct maps *maps,
                                 struct go_module *module)
{
    uint8_t slice[SLICE_SIZE], section[SECTION_SIZE];

    if (go_windows_copy(windows, module->moduledata + module->layout->moduledata.sections, slice,
                        sizeof(slice)))
        return "its list of code sections cannot be read";
    module->n_sections = go_u64(slice + 8);
    if (!is_slice(slice) || module->n_sections > GO_SECTIONS_MAX)
        return "its list of code sections has no sensible length";
    for (size_t i = 0; i < module->n_sections; i++) {
        if (go_windows_copy(windows, go_u64(slice) + i * SECTION_SIZE, section, sizeof(section)))
            return "its list of code sections cannot be read";
        module->sections[i] =
            (struct go_section){go_u64(section), go_u64(section + GO_POINTER_SIZE),
                                go_u64(section + 2 * GO_POINTER_SIZE)};
    }
    if (!is_code(maps, module->sections[0].address))
        return "its first code section is not mapped as code";
    if (module->sections[0].address != module->text)
        module->n_sections = 0;
    return NULL;
}

/* Whether the index begins and ends where the code does. */
static const char *check_index(struct go_windows *windows, const struct go_module *module)
{
    uint64_t size = index_entry_size(module->layout);
    uint8_t first[GO_POINTER_SIZE], last[GO_POINTER_SIZE];
    uint64_t low, high;

    if (go_windows_copy(windows, module->index, first, size / 2) ||
        go_windows_copy(windows, module->index + module->n_functions * size, last, size / 2))
        return "its index of functions cannot be read";
    low = module->layout->absolute ? go_u64(first) : go_u32(first);
    high = module->layout->absolute ? go_u64(last) : go_u32(last);
    if (go_module_address(module, low) != module->minpc ||
        go_module_address(module, high) != module->maxpc)
        return "its index of functions does not span its code";
    return NULL;
}

static const char *load(struct go_windows *windows, const struct maps *maps,
                        struct go_module *module)
{
    const struct go_layout *layout = module->layout;
    uint8_t bytes[GO_MODULEDATA_PREFIX], gofunc[GO_POINTER_SIZE];
    const char *check;

    if (go_windows_copy(windows, module->moduledata, bytes, sizeof(bytes)))
        return "it cannot be read";
    if ((check = load_tables(windows, bytes, module)) || (check = load_code(bytes, maps, module)) ||
        (check = load_variables(bytes, maps, module)) ||
        (check = load_sections(windows, maps, module)) || (check = check_index(windows, module)))
        return check;
    if (layout->moduledata.gofunc == 0)
        return NULL;
    if (go_windows_copy(windows, module->moduledata + layout->moduledata.gofunc, gofunc,
                        sizeof(gofunc)))
        return "it cannot be read";
    module->gofunc = go_u64(gofunc);
    if (!is_mapped(maps, module->gofunc, module->gofunc + 1))
        return "its data of functions is not mapped";
    return NULL;
}

int go_module_load(struct go_windows *windows, const struct maps *maps, uint64_t address,
                   const struct go_layout *layout, struct go_module *ret_module,
                   const char **ret_check)
{
    struct go_module module = {.layout = layout, .moduledata = address};
    const char *check = load(windows, maps, &module);

    if (check) {
        *ret_check = check;
        return -EILSEQ;
    }
    *ret_module = module;
    return 0;
}

uint64_t go_module_address(const struct go_module *module, uint64_t place)
{
    size_t n = module->n_sections;

    if (module->layout->absolute)
        return place;
    for (size_t i = 0; n > 1 && i < n; i++) {
        const struct go_section *section = &module->sections[i];

        /* The index ends with the end of the last one. */
        if (place >= section->start &&
            (place < section->end || (i == n - 1 && place == section->end)))
            return section->address + (place - section->start);
    }
    return module->text + place;
}

bool go_module_place(const struct go_module *module, uint64_t address, uint64_t *ret_place)
{
    size_t n = module->n_sections;

    if (address < module->minpc || address >= module->maxpc)
        return false;
    *ret_place = module->layout->absolute ? address : address - module->text;
    if (module->layout->absolute || n <= 1)
        return true;
    for (size_t i = 0; i < n; i++) {
        const struct go_section *section = &module->sections[i];
        uint64_t offset = address - section->address;

        if (address >= section->address && section->start < section->end &&
            offset < section->end - section->start) {
            *ret_place = section->start + offset;
            return true;
        }
    }
    return false;
}
