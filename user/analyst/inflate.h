/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed sections of an ELF file. */
#pragma once

#include <libelf.h>

/* Inflates the sections of debug information that functions and lines are read from, and hides the
 * others from libdw, which would inflate them as well. Those that are broken stay as they are.
 * -EBADMSG: there are more than the file has room for, -ENOMEM. The caller, whose file alone it is,
 * frees *ret_bytes after the Elf. */
int inflate_sections(Elf *elf, void **ret_bytes);
