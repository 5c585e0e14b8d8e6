/* SPDX-License-Identifier: Apache-2.0 */
/*
 * DWARF expressions (DWARF 5, 2.5) in call frame information: that of linkage tables, of signal
 * handlers' return trampolines, of functions that align their stack. There are no branches in them,
 * so that each ends with its last byte.
 */
#pragma once

#include "cursor.h"
#include "registers.h"

struct expression_context {
    /* Reads one word of the target's memory. False: it cannot be. */
    bool (*read_word)(void *context, uint64_t address, uint64_t *ret_word);
    void *context;
    const uint8_t *bytes; /* the section, in which expressions are found by offset */
    size_t size;
    uint64_t bias; /* address in the target - address in the file */
};

/* Evaluates the one at an offset in the section, over a stack that holds *first, or nothing where
 * that is NULL. False: it is refused, or what it takes is not known. */
bool expression_evaluate(const struct expression_context *context, uint32_t offset,
                         const uint64_t *first, const struct registers *registers,
                         uint64_t *ret_value);
