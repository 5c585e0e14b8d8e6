/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The entries of .eh_frame (System V ABI for AMD64, 4.2.4; LSB 5.0, 10.6) and .debug_frame (DWARF
 * 5, 6.4.1): which code one is for, and by what instructions its rows are to be made. Of what the
 * formats allow only that is read which makers of AMD64's files write; another entry is refused,
 * and stacks end at its code.
 */
#pragma once

#include "cursor.h"

struct cfi_section {
    const uint8_t *bytes;
    size_t size;
    uint64_t address;    /* of its first byte, as the file has it */
    bool is_debug_frame; /* or .eh_frame */
};

/* The common information entry of many. */
struct cie {
    uint64_t code_alignment;
    int64_t data_alignment;
    uint8_t pointer_encoding; /* DW_EH_PE_* of its FDEs' addresses */
    bool has_augmentation;    /* its FDEs have a block of data before their instructions */
    bool signal;              /* it is for return trampolines of signal handlers */
    struct cursor instructions;
};

/* The frame description entry of a function, or of a part of one. */
struct fde {
    struct cie cie;
    uint64_t start, end; /* addresses as the file has them */
    struct cursor instructions;
};

/* Reads what is at an offset into the section. False: it is not to be read, or no FDE. */
bool fde_read(const struct cfi_section *section, uint64_t offset, struct fde *ret_fde);

/* Goes from the entry at *offset, which may be of either kind, to the next. False: it was the last
 * one, or the section cannot be read further. */
bool fde_next(const struct cfi_section *section, uint64_t *offset);

/* Reads an address (LSB 5.0, 10.5.1), absolute or relative to where it stands in the section. */
bool fde_read_address(const struct cfi_section *section, uint8_t encoding, struct cursor *cursor,
                      uint64_t *ret_address);
