/* SPDX-License-Identifier: Apache-2.0 */
/* The row that the call frame instructions (DWARF 5, 6.4.2) of an entry make for an address. */
#pragma once

#include "fde.h"
#include "row.h"

/* `address`, as the file has it, is within the entry. False: the instructions are refused, or
 * define no CFA, or do not say where the return address is. */
bool fde_row(const struct cfi_section *section, const struct fde *fde, uint64_t address,
             struct row *ret_row);
