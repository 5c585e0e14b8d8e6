/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files behind unwind.h share; nobody but their tests includes this. Everything in it
 * works on one target, whose files and memory are hostile: elfutils may crash on them, which costs
 * an analyst.
 */
#pragma once

#include <elfutils/libdwfl.h>

#include "fdetable.h"
#include "intern.h"
#include "row.h"
#include "unwind.h"

struct debuginfo;
struct symbol_cache;
struct module;
struct stack_walk;
struct unwinder;

/* What the callbacks of elfutils get to know of a module. */
struct module_context {
    struct unwinder *unwinder;
    struct module *module;
};

enum module_state {
    MODULE_MAPPED,  /* not looked into yet */
    MODULE_LOADED,  /* known to elfutils */
    MODULE_CLOSED,  /* was, and will be again when it is needed */
    MODULE_REFUSED, /* could not be opened, or is no ELF file that we can read */
    MODULE_NO_FILE, /* anonymous memory: code that the program made itself */
};

struct span {
    uint64_t start, end;
};

enum cfi_kind { CFI_EH_FRAME, CFI_DEBUG_FRAME, CFI_KINDS };

/* The call frame information of one section. */
struct cfi {
    bool sought;
    Elf *elf; /* of the section; NULL: the module's own, which libdwfl has */
    struct fde_table table;
    uint64_t bias; /* address in the target - address in the file */
};

/* One run of executable mappings: of the same segment of the same file, or of anonymous memory. */
struct module {
    struct mapping mapping; /* its first mapping, the path owned by the module */
    uint64_t start, end;    /* from the first to the last of the run */
    struct span shown;      /* what module_show() looked at last, ... */
    uint64_t doubts;        /* ... when unwinder.doubts was this */
    const char *name;       /* base name, in unwinder.interns; NULL for anonymous memory */
    uint32_t id;            /* never used again for another module of the same unwinder */
    enum module_state state;

    uint32_t openings; /* how often it was loaded: its file may be another one each time */

    /* From here on only of a loaded module. */
    Dwfl_Module *dwfl; /* two modules of one file may share it */
    struct module_context context;
    const char *build_id;        /* in unwinder.interns; NULL: none */
    uint64_t bias;               /* address in the target - address in the file */
    uint64_t low, high;          /* what elfutils was told about its place */
    Elf *elf;                    /* on its way to elfutils */
    void *image;                 /* the bytes of a file without a descriptor ([vdso]) */
    bool debug_sought;           /* the file of separate debug information was looked for */
    struct debuginfo *debuginfo; /* once it was asked for */
    bool debuginfo_tried;
    struct cfi cfi[CFI_KINDS];
};

#define CFI_CACHE_BITS 12

/* What the CFI says of an address. */
struct cfi_entry {
    uint64_t address;  /* in the target */
    uint32_t module;   /* id; 0: slot is free */
    uint32_t openings; /* of the module, when the row was made */
    bool covered;      /* there is CFI */
    bool signal;       /* it is a signal handler's return trampoline */
    uint8_t kind;      /* enum cfi_kind: the section that the row is from */
    struct row row;
};

struct unwinder {
    struct unwind_target target;
    struct losses *losses;
    Dwfl *dwfl;
    struct interns *interns;
    struct module **modules; /* ascending, not overlapping */
    size_t n_modules;
    uint32_t last_id;
    uint64_t doubts;   /* calls of unwinder_doubt() */
    bool all_shown;    /* the modules were listed since the last of them */
    bool named;        /* an address that was not known, since unwinder_rest() was called */
    uint64_t named_ns; /* when it was called first after that; 0: files were closed since */
    struct symbol_cache *symbols;
    struct cfi_entry cfi[1 << CFI_CACHE_BITS];
};

/* modules.c: which file is where */

#define MODULES_MAX 16384 /* code beyond them has no name and ends a stack */

struct module *module_find(const struct unwinder *unwinder, uint64_t address);
/* Shows that `module`, or NULL, still is what has the address. -ESTALE: it is not, and
 * modules_renew() is to be called. -errno of find_mapping(). */
int module_show(const struct unwinder *unwinder, struct module *module, uint64_t address);
/* Lists the modules anew. Must not be called from within one of elfutils' callbacks. -errno of
 * list_mappings(), -ENOMEM. */
int modules_renew(struct unwinder *unwinder);
/* Whether it is to be loaded before what it has is used. */
bool module_is_unloaded(const struct module *module);
/* Makes the module known to elfutils, if that did not fail before. Must not be called from within
 * one of elfutils' callbacks. Returns whether it is. */
bool module_load(struct unwinder *unwinder, struct module *module);
void modules_free(struct unwinder *unwinder);

/* image.c: ELF files as such */

/* Takes an open file; closes it in any case. -ENOEXEC: nothing that we can use. */
int image_open(int fd, Elf **ret_elf);
/* Copies an image from the target's memory; the caller frees *ret_bytes after the Elf. */
int image_copy(const struct unwind_target *target, const struct mapping *mapping, Elf **ret_elf,
               void **ret_bytes);

struct image_place {
    uint64_t bias;
    uint64_t low;  /* where elfutils expects the module to start, to come to the same bias */
    uint64_t high; /* end of the last segment */
};

/* Corrects the bias of a file for what was split off from it: tools that move a program (prelink)
 * leave that where it was. False: nothing tells where one of them was to lie. */
bool image_apart(Elf *own, Elf *apart, uint64_t *bias);

/* Where the image lies, given that `mapping` is one of its executable mappings. */
int image_place(Elf *elf, const struct mapping *mapping, struct image_place *ret_place);

/* debugfile.c: files of separate debug information */

/* Dwfl_Callbacks.find_debuginfo; *userdata is a struct module_context. */
int debugfile_find(Dwfl_Module *dwfl, void **userdata, const char *name, Dwarf_Addr base,
                   const char *file, const char *link, GElf_Word crc, char **ret_path);

/* cfi.c */

/* Of a loaded module. Good until the next call. */
const struct cfi_entry *cfi_find(struct unwinder *unwinder, struct module *module,
                                 uint64_t address);
/* What is needed of the section to evaluate its rows' expressions; how memory is read, and of what,
 * is left to the caller. */
struct expression_context cfi_expressions(const struct module *module, enum cfi_kind kind);
/* Before elfutils closes the module's files. */
void cfi_forget(struct module *module);

/* debuginfo.c: functions, inlined calls and lines by DWARF */

int debuginfo_new(Dwfl_Module *dwfl, struct interns *interns, struct debuginfo **ret_debuginfo);
void debuginfo_free(struct debuginfo **debuginfo);
/* As unwinder_symbolize(), of the address in the target; fills function, file, line and inlined.
 * 0: the address is in no compilation unit. */
size_t debuginfo_frames(struct debuginfo *debuginfo, uint64_t address,
                        struct frame ret_frames[static SYMBOL_INLINE_MAX]);

/* symbolize.c */

int symbol_cache_new(struct symbol_cache **ret_cache);
void symbol_cache_free(struct symbol_cache **cache);
