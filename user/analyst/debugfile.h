/* SPDX-License-Identifier: Apache-2.0 */
/* Files of separate debug information; see debugfile.c. */
#pragma once

#include <elfutils/libdw.h>

struct module_context;
struct unwinder;

/* Each returns a descriptor and where the file is, a copy, or -1. */
int debugfile_find_separate(const struct module_context *context, Elf *elf, char **ret_path);
/* The file that dwz moved what several files have in common to, `file` among them. */
int debugfile_find_alternate(struct unwinder *unwinder, Dwarf *dwarf, const char *file,
                             char **ret_path);
