/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Functions, inlined calls and lines of addresses, by DWARF. Compilation units and the functions of
 * a unit are found through indices made here, once: clang and rustc write no .debug_aranges, and
 * dwarf_getscopes() (as of 0.188) looks into no namespace, where rustc puts its functions.
 */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/moduledwarf.h"
#include "cleanup.h"
#include "function.h"
#include "unwinder.h"

#define UNITS_MAX    (1u << 18)
#define LOOKS_MAX    (4u << 20) /* entries and ranges looked at for one index, or one address */
#define NESTING_MAX  64         /* namespaces and classes around a function, blocks in it */
#define OVERLAPS_MAX 32         /* ranges looked at that begin before an address */

struct range {
    Dwarf_Addr low, high;
    Dwarf_Off die;
    uint32_t order; /* index of the unit; unused for functions */
};

struct ranges {
    struct range *items;
    size_t n;
    size_t capacity;
};

struct unit {
    Dwarf_Off die;
    struct ranges functions;
    bool indexed;
};

struct debuginfo {
    struct module_dwarf dwarf;
    struct ranges ranges; /* of the units */
    struct unit *units;
    size_t n_units;
    struct interns *interns;
    struct function_names *functions;
};

/* An address with what is known of it so far. */
struct query {
    Dwarf_Addr address; /* in the file */
    struct debuginfo *debuginfo;
    Dwarf_Die unit;
    Dwarf_Die function;
    Dwarf_Die inlined[SYMBOL_INLINE_MAX]; /* calls that the compiler replaced, outermost first */
    size_t n_inlined;
};

static int ranges_add(struct ranges *ranges, const struct range *range)
{
    if (range->low < LOWEST_CODE || range->low >= range->high)
        return 0;
    if (ranges->n == ranges->capacity) {
        size_t capacity = ranges->capacity ? ranges->capacity * 2 : 64;
        struct range *items = reallocarray(ranges->items, capacity, sizeof(*items));

        if (!items)
            return -ENOMEM;
        ranges->items = items;
        ranges->capacity = capacity;
    }
    ranges->items[ranges->n++] = *range;
    return 0;
}

/* Adds what the entry says of its addresses, if anything; so there are at most LOOKS_MAX. */
static int ranges_add_die(struct ranges *ranges, Dwarf_Die *die, uint32_t order, size_t *budget)
{
    struct range range = {.die = dwarf_dieoffset(die), .order = order};
    Dwarf_Addr base;
    ptrdiff_t offset = 0;
    int r = 0;

    if (!dwarf_hasattr(die, DW_AT_low_pc) && !dwarf_hasattr(die, DW_AT_ranges))
        return 0;
    while (r == 0) {
        offset = dwarf_ranges(die, offset, &base, &range.low, &range.high);
        if (offset <= 0)
            break;
        /* Many entries may refer to one long list. */
        if (*budget == 0)
            return -E2BIG;
        --*budget;
        r = ranges_add(ranges, &range);
    }
    return r;
}

static int compare_ranges(const void *a, const void *b)
{
    const struct range *x = a, *y = b;

    if (x->low != y->low)
        return x->low < y->low ? -1 : 1;
    return (x->high > y->high) - (x->high < y->high);
}

static void ranges_sort(struct ranges *ranges)
{
    if (ranges->n > 1)
        qsort(ranges->items, ranges->n, sizeof(*ranges->items), compare_ranges);
}

/* The range that begins last among those that hold the address. */
static const struct range *ranges_find(const struct ranges *ranges, Dwarf_Addr address)
{
    size_t low = 0, high = ranges->n;

    while (low < high) {
        size_t middle = low + (high - low) / 2;

        if (ranges->items[middle].low <= address)
            low = middle + 1;
        else
            high = middle;
    }
    for (size_t i = 0; i < OVERLAPS_MAX && low > 0; i++)
        if (address < ranges->items[--low].high)
            return &ranges->items[low];
    return NULL;
}

/* Units whose entries are in another file (split DWARF) are left out: libdw would try to open it.
 */
static bool is_whole(Dwarf_Die *unit, uint8_t type)
{
    return type != DW_UT_skeleton && dwarf_tag(unit) == DW_TAG_compile_unit &&
           !dwarf_hasattr(unit, DW_AT_GNU_dwo_name);
}

static int add_unit(struct debuginfo *debuginfo, Dwarf_Die *die, size_t *budget)
{
    size_t n = debuginfo->n_units;

    if (n == UNITS_MAX)
        return -E2BIG;
    /* Grown at each power of two. */
    if ((n & (n - 1)) == 0) {
        struct unit *units = reallocarray(debuginfo->units, n ? n * 2 : 1, sizeof(*units));

        if (!units)
            return -ENOMEM;
        debuginfo->units = units;
    }
    debuginfo->units[n] = (struct unit){.die = dwarf_dieoffset(die)};
    debuginfo->n_units++;
    return ranges_add_die(&debuginfo->ranges, die, (uint32_t)n, budget);
}

/* What could be read of a broken file is used. */
static int index_units(struct debuginfo *debuginfo)
{
    Dwarf_CU *unit = NULL;
    Dwarf_Half version;
    Dwarf_Die die;
    size_t budget = LOOKS_MAX;
    uint8_t type;
    int r = 0;

    while (r == 0 && dwarf_get_units(debuginfo->dwarf.file.dwarf, unit, &unit, &version, &type,
                                     &die, NULL) == 0)
        if (is_whole(&die, type))
            r = add_unit(debuginfo, &die, &budget);
    ranges_sort(&debuginfo->ranges);
    return r == -ENOMEM ? r : 0;
}

int debuginfo_new(Dwfl_Module *dwfl, struct interns *interns, struct debuginfo **ret_debuginfo)
{
    CLEANUP(debuginfo_free) struct debuginfo *debuginfo = calloc(1, sizeof(*debuginfo));
    int r;

    if (!debuginfo)
        return -ENOMEM;
    r = module_dwarf_open(dwfl, &debuginfo->dwarf);
    if (r < 0)
        return r;
    debuginfo->interns = interns;
    r = function_names_new(interns, &debuginfo->functions);
    if (r == 0)
        r = index_units(debuginfo);
    if (r < 0)
        return r;
    *ret_debuginfo = TAKE_PTR(debuginfo);
    return 0;
}

void debuginfo_free(struct debuginfo **debuginfo)
{
    if (!*debuginfo)
        return;
    for (size_t i = 0; i < (*debuginfo)->n_units; i++)
        free((*debuginfo)->units[i].functions.items);
    free((*debuginfo)->units);
    free((*debuginfo)->ranges.items);
    free((*debuginfo)->functions);
    module_dwarf_close(&(*debuginfo)->dwarf);
    free(*debuginfo);
    *debuginfo = NULL;
}

/* Entries that may hold functions with code. */
static bool may_hold_functions(int tag)
{
    return tag == DW_TAG_namespace || tag == DW_TAG_module || tag == DW_TAG_class_type ||
           tag == DW_TAG_structure_type || tag == DW_TAG_union_type ||
           tag == DW_TAG_enumeration_type;
}

// NOLINTNEXTLINE(misc-no-recursion): at most NESTING_MAX deep
static int index_functions(struct ranges *functions, Dwarf_Die *parent, unsigned int depth,
                           size_t *budget)
{
    Dwarf_Die die;
    int r = 0;

    if (depth == NESTING_MAX || dwarf_child(parent, &die) != 0)
        return 0;
    do {
        int tag = dwarf_tag(&die);

        if (*budget == 0)
            return -E2BIG;
        --*budget;
        if (tag == DW_TAG_subprogram)
            r = ranges_add_die(functions, &die, 0, budget);
        else if (may_hold_functions(tag))
            r = index_functions(functions, &die, depth + 1, budget);
    } while (r == 0 && dwarf_siblingof(&die, &die) == 0);
    return r;
}

static const struct range *find_function(struct unit *unit, struct query *query)
{
    size_t budget = LOOKS_MAX;

    if (!unit->indexed) {
        index_functions(&unit->functions, &query->unit, 0, &budget);
        ranges_sort(&unit->functions);
        unit->indexed = true;
    }
    return ranges_find(&unit->functions, query->address);
}

/* As dwarf_haspc(), which has no bound. */
static bool has_address(Dwarf_Die *die, Dwarf_Addr address, size_t *budget)
{
    Dwarf_Addr base, low, high;
    ptrdiff_t offset = 0;

    while (*budget > 0 && (offset = dwarf_ranges(die, offset, &base, &low, &high)) > 0) {
        if (address >= low && address < high)
            return true;
        --*budget;
    }
    return false;
}

/* The child of `die` that is an inlined call or a block around the address. */
static bool find_block(Dwarf_Die *die, Dwarf_Addr address, size_t *budget, Dwarf_Die *ret_block)
{
    Dwarf_Die child;

    if (dwarf_child(die, &child) != 0)
        return false;
    do {
        int tag = dwarf_tag(&child);

        if (*budget == 0)
            return false;
        --*budget;
        if ((tag == DW_TAG_inlined_subroutine || tag == DW_TAG_lexical_block ||
             tag == DW_TAG_try_block || tag == DW_TAG_catch_block) &&
            has_address(&child, address, budget)) {
            *ret_block = child;
            return true;
        }
    } while (dwarf_siblingof(&child, &child) == 0);
    return false;
}

static void find_inlined(struct query *query)
{
    size_t budget = LOOKS_MAX;
    Dwarf_Die die = query->function;

    for (unsigned int i = 0; i < NESTING_MAX; i++) {
        if (!find_block(&die, query->address, &budget, &die))
            return;
        if (dwarf_tag(&die) == DW_TAG_inlined_subroutine &&
            query->n_inlined < SYMBOL_INLINE_MAX - 1)
            query->inlined[query->n_inlined++] = die;
    }
}

/* Where the code of the address itself comes from. */
static void fill_line(struct query *query, struct frame *frame)
{
    Dwarf_Line *line = dwarf_getsrc_die(&query->unit, query->address);
    const char *file = dwarf_linesrc(line, NULL, NULL);
    int number = 0;

    if (file)
        frame->file = interns_keep(query->debuginfo->interns, file);
    if (dwarf_lineno(line, &number) == 0 && number > 0)
        frame->line = (uint32_t)number;
}

static uint64_t number_of(Dwarf_Die *die, unsigned int name)
{
    Dwarf_Attribute attribute;
    Dwarf_Word value;

    return dwarf_formudata(dwarf_attr(die, name, &attribute), &value) == 0 ? value : 0;
}

/* Where an inlined call stood. */
static void fill_call(struct query *query, Dwarf_Die *call, struct frame *frame)
{
    uint64_t index = number_of(call, DW_AT_call_file), line = number_of(call, DW_AT_call_line);
    const char *file = NULL;
    Dwarf_Files *files;
    size_t n;

    if (dwarf_getsrcfiles(&query->unit, &files, &n) == 0 && index < n)
        file = dwarf_filesrc(files, index, NULL, NULL);
    if (file)
        frame->file = interns_keep(query->debuginfo->interns, file);
    if (line <= UINT32_MAX)
        frame->line = (uint32_t)line;
}

static const char *name_of(struct query *query, Dwarf_Die *die)
{
    return function_name(query->debuginfo->functions, &query->unit, die);
}

static size_t fill_frames(struct query *query, bool has_function, struct frame *frames)
{
    size_t n = query->n_inlined;

    for (size_t i = 0; i < n; i++) {
        Dwarf_Die *call = &query->inlined[n - 1 - i];

        frames[i].function = name_of(query, call);
        frames[i].inlined = 1;
        fill_call(query, call, &frames[i + 1]);
    }
    if (has_function)
        frames[n].function = name_of(query, &query->function);
    return n + 1;
}

size_t debuginfo_frames(struct debuginfo *debuginfo, uint64_t address,
                        struct frame ret_frames[static SYMBOL_INLINE_MAX])
{
    struct query query = {.address = address - debuginfo->dwarf.bias, .debuginfo = debuginfo};
    const struct range *range = ranges_find(&debuginfo->ranges, query.address), *function;
    bool has_function;

    if (!range || !dwarf_offdie(debuginfo->dwarf.file.dwarf, range->die, &query.unit))
        return 0;
    function = find_function(&debuginfo->units[range->order], &query);
    has_function = function && dwarf_offdie(debuginfo->dwarf.file.dwarf, function->die,
                                            &query.function) != NULL;
    if (has_function)
        find_inlined(&query);
    memset(ret_frames, 0, (query.n_inlined + 1) * sizeof(*ret_frames));
    /* Assemblers write lines without functions. Between the functions of a compiler there is other
     * code (of asm statements), which the line of the function before it would be said of. */
    if (has_function || debuginfo->units[range->order].functions.n == 0)
        fill_line(&query, &ret_frames[0]);
    return fill_frames(&query, has_function, ret_frames);
}
