/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Rows of call frame information (DWARF 5, 6.4.1): how to come from a function to its caller at one
 * of its addresses. Nearly all that compilers write are offsets from one register; those are kept,
 * so that a stack costs an addition and a few words of memory for each frame, and not the reading
 * of its CFI.
 */
#pragma once

#include <elfutils/libdw.h>
#include <stdbool.h>
#include <stdint.h>

#define DWARF_REGISTERS 17 /* that have numbers here: 16 general ones and the return address */

/* Those that a function leaves as they were (System V ABI for AMD64, 3.2.1), and its return
 * address. */
enum row_register {
    ROW_BX,
    ROW_BP,
    ROW_SP,
    ROW_R12,
    ROW_R13,
    ROW_R14,
    ROW_R15,
    ROW_RA,
    ROW_REGISTERS
};

/* Where the caller's register is. */
enum row_rule {
    ROW_UNDEFINED,
    ROW_SAME,  /* it was not changed */
    ROW_SAVED, /* in memory, at an offset from the CFA */
    ROW_VALUE, /* it is the CFA, and an offset */
};

struct row {
    bool simple; /* false: it takes more than this, and nothing else is filled in */
    uint8_t cfa_register;
    uint8_t rules[ROW_REGISTERS];
    int32_t cfa_offset;
    int32_t offsets[ROW_REGISTERS];
};

/* Registers of one frame, as far as they are known. */
struct row_frame {
    uint64_t words[ROW_REGISTERS];
    bool known[ROW_REGISTERS];
};

/* The row of dwarf_cfi_addrframe(). */
struct row row_read(Dwarf_Frame *frame);

/* Reads one word of the target's memory. False: it cannot be. */
typedef bool (*row_read_word)(void *context, uint64_t address, uint64_t *ret_word);

/* Goes on from a frame to its caller: what was saved where it cannot be read is not known of it,
 * nor is what the CFI says is lost, as is the return address (ROW_RA) of an outermost function.
 * False: the row is not simple, or its register not known; `frame` is as it was. */
bool row_apply(const struct row *row, row_read_word read_word, void *context,
               struct row_frame *frame);
