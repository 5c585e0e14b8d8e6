/* SPDX-License-Identifier: Apache-2.0 */
/* Where an ELF file has its call frame information. */
#pragma once

#include <gelf.h>

#include "fdetable.h"

/* What the program's own unwinder would use (PT_GNU_EH_FRAME), or else a section of the name
 * .eh_frame. The table borrows from the file; it stays empty where there is none. */
void framesection_find_eh(Elf *elf, struct fde_table *ret_table);

/* .debug_frame, which is inflated where it is. */
void framesection_find_debug(Elf *elf, struct fde_table *ret_table);
