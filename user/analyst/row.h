/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A row of call frame information (DWARF 5, 6.4.1): how to come from a function to its caller at
 * one of its addresses. What rows are made of: fderow.h.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "expression.h"
#include "registers.h"

/* Where the caller's register is. */
enum row_rule {
    ROW_UNDEFINED,
    ROW_SAME,             /* it was not changed */
    ROW_SAVED,            /* in memory, at an offset from the CFA */
    ROW_VALUE,            /* it is the CFA, and an offset */
    ROW_REGISTER,         /* in another register */
    ROW_EXPRESSION,       /* in memory, where an expression says */
    ROW_VALUE_EXPRESSION, /* it is what an expression says */
};

/* Expressions are in the section that the row is from, at an offset that takes the offset's place:
 * their length as ULEB128, and their bytes. */
struct row {
    uint32_t defined; /* bit by number: the rule is not ROW_UNDEFINED */
    bool cfa_is_expression;
    uint8_t cfa_register; /* to which cfa_offset is added */
    uint8_t rules[DWARF_REGISTERS];
    int32_t cfa_offset;
    int32_t offsets[DWARF_REGISTERS]; /* of ROW_REGISTER: its number */
};

/* Goes on from a frame to its caller: what was saved where it cannot be read is not known of it,
 * nor is what the CFI says is lost, as is the return address of an outermost function. False: there
 * is no telling where the frame is; `registers` is as it was. */
bool row_apply(const struct row *row, const struct expression_context *context,
               struct registers *registers);
