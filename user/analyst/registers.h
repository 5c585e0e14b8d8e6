/* SPDX-License-Identifier: Apache-2.0 */
/* The registers of one frame of a stack, as far as they are known, by DWARF's numbers (System V ABI
 * for AMD64, figure 3.36). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum dwarf_register {
    DWARF_BX = 3,
    DWARF_BP = 6,
    DWARF_SP = 7,
    DWARF_R12 = 12,
    DWARF_R13 = 13,
    DWARF_R14 = 14,
    DWARF_R15 = 15,
    DWARF_RA = 16,        /* where the function was called from; of a frame: its own pc */
    DWARF_REGISTERS = 17, /* those beyond them are for numbers, or not the program's */
};

struct registers {
    uint64_t words[DWARF_REGISTERS];
    uint32_t known; /* bit by number */
};

static inline bool register_is_known(const struct registers *registers, unsigned int number)
{
    return registers->known >> number & 1;
}
