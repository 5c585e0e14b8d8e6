/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules of Go code: the program, and each plugin. The linker describes one in a moduledata
 * (runtime/symtab.go) among its data, whose first word points to the tables of its functions.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/window.h"
#include "analyst/maps.h"

/*
 * How a range of Go versions lays out its tables. Sources: runtime/symtab.go, runtime2.go (_func),
 * symtabinl.go (inlinedCall) and internal/abi/symtab.go of each; fields of a struct are byte
 * offsets.
 */
struct go_layout {
    int minor;      /* of the first Go that has it */
    uint32_t magic; /* of its pcHeader */
    bool absolute;  /* the tables hold addresses, not offsets from text and gofunc */
    struct {
        uint16_t gofunc;   /* 0: none */
        uint16_t sections; /* textsectmap */
    } moduledata;
    struct {
        uint8_t size, name, pcsp, pcfile, pcln, n_pcdata, unit, id, flags, n_funcdata;
    } func;
    struct {
        uint8_t size, id, name, parent;
    } inlined;
    struct {
        uint8_t gopanic, panicwrap; /* numbers (abi.FuncID) */
    } ids;
};

/* The layout of this version, the newest one for versions yet unknown; NULL: too old. */
const struct go_layout *go_layout_of(int minor);

/* Whether some version's function tables have this magic. */
bool go_layout_knows(uint32_t magic);

struct go_table {
    uint64_t address;
    uint64_t length; /* bytes */
};

/* Part of the code: with more than one of them, offsets into the code skip what is between. */
struct go_section {
    uint64_t start, end; /* offsets */
    uint64_t address;
};

#define GO_SECTIONS_MAX 16

struct go_module {
    const struct go_layout *layout;
    uint64_t moduledata;
    uint64_t minpc, maxpc; /* addresses of the first function, and behind the last one */
    uint64_t text;         /* what offsets count from */
    uint64_t gofunc;
    struct go_table names, units, files, values; /* funcnametab, cutab, filetab, pctab */
    struct go_table functions;                   /* pclntable: ftab, then each _func */
    uint64_t index;                              /* ftab */
    uint64_t n_functions;
    struct go_section sections[GO_SECTIONS_MAX];
    size_t n_sections;
    struct rpc_range variables[4]; /* noptrdata, data, bss, noptrbss */
    const char *name;              /* base name of the file, borrowed */
    const char *build_id;          /* of the file, borrowed; NULL: none */
    uint64_t bias;                 /* address in the target - address in the file */
};

#define GO_MODULEDATA_PREFIX 256 /* bytes of a moduledata that all versions share */

/* Whether these GO_MODULEDATA_PREFIX bytes have the shape of a moduledata. */
bool go_module_looks_like(const uint8_t *bytes);

/* The magic of the tables that the moduledata at `address` points to. 0 or -EFAULT. */
int go_module_magic(struct go_windows *windows, uint64_t address, uint32_t *ret_magic);

/* Its variables with pointers, as the moduledata at `address` says, unchecked. 0 or -EFAULT. */
int go_module_data(struct go_windows *windows, uint64_t address, struct rpc_range *ret_data);

/*
 * Reads the moduledata at `address` and proves it: its tables lie in one another as the header of
 * them says, its code is mapped as code, its variables as data. 0, -EFAULT, or -EILSEQ: *ret_check
 * (static) says which check failed. Leaves `name`, `build_id` and `bias` alone.
 */
int go_module_load(struct go_windows *windows, const struct maps *maps, uint64_t address,
                   const struct go_layout *layout, struct go_module *ret_module,
                   const char **ret_check);

/* Where a moduledata has the address of the one that was loaded next, in this version of Go. */
uint64_t go_module_next(int minor);

/* From a place in the code, as the tables of this module have it, to its address and back. */
uint64_t go_module_address(const struct go_module *module, uint64_t place);
bool go_module_place(const struct go_module *module, uint64_t address, uint64_t *ret_place);
