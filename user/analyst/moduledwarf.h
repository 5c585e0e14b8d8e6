/* SPDX-License-Identifier: Apache-2.0 */
/* A module's debug information, wherever it is: in its own file or in a separate one, what several
 * files have in common (dwz) in one more. */
#pragma once

#include <elfutils/libdwfl.h>

struct dwarf_file {
    Elf *elf;    /* NULL: the module's own, which libdwfl has */
    void *bytes; /* inflated sections of `elf` */
    Dwarf *dwarf;
};

struct module_dwarf {
    struct dwarf_file file, alternate;
    Dwarf_Addr bias; /* address in the target - address in the file */
};

/* -ENODATA: there is none. */
int module_dwarf_open(Dwfl_Module *dwfl, struct module_dwarf *ret_dwarf);
/* Before libdwfl closes the module's own file. */
void module_dwarf_close(struct module_dwarf *dwarf);
