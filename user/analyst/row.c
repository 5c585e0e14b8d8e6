/* SPDX-License-Identifier: Apache-2.0 */
#include "row.h"

#include <dwarf.h>

/* By DWARF's numbers (System V ABI for AMD64, figure 3.36); ROW_REGISTERS: one that is not kept. */
static const uint8_t row_registers[DWARF_REGISTERS] = {
    ROW_REGISTERS, ROW_REGISTERS, ROW_REGISTERS, ROW_BX,        ROW_REGISTERS, ROW_REGISTERS,
    ROW_BP,        ROW_SP,        ROW_REGISTERS, ROW_REGISTERS, ROW_REGISTERS, ROW_REGISTERS,
    ROW_R12,       ROW_R13,       ROW_R14,       ROW_R15,       ROW_RA,
};

static bool fits(Dwarf_Word offset)
{
    return (int64_t)offset == (int32_t)offset;
}

static bool read_cfa(Dwarf_Frame *frame, struct row *row)
{
    Dwarf_Op *ops;
    size_t n;

    if (dwarf_frame_cfa(frame, &ops, &n) != 0 || n != 1 || ops[0].atom != DW_OP_bregx ||
        ops[0].number >= DWARF_REGISTERS || !fits(ops[0].number2))
        return false;
    row->cfa_register = row_registers[ops[0].number];
    row->cfa_offset = (int32_t)ops[0].number2;
    return row->cfa_register < ROW_REGISTERS && row->cfa_register != ROW_RA;
}

/* An expression of libdw's own making, as dwarf_frame_register() says: the CFA, plus an offset, as
 * a place or as a value. */
static bool read_offset(const Dwarf_Op *ops, size_t n, enum row_rule *ret_rule, int32_t *ret_offset)
{
    size_t i = 1;

    *ret_rule = ROW_SAVED;
    *ret_offset = 0;
    if (ops[0].atom != DW_OP_call_frame_cfa)
        return false;
    if (i < n && ops[i].atom == DW_OP_plus_uconst && fits(ops[i].number))
        *ret_offset = (int32_t)ops[i++].number;
    if (i < n && ops[i].atom == DW_OP_stack_value) {
        *ret_rule = ROW_VALUE;
        i++;
    }
    return i == n;
}

static bool read_rule(Dwarf_Frame *frame, int number, enum row_rule *ret_rule, int32_t *ret_offset)
{
    Dwarf_Op memory[3], *ops;
    size_t n;

    if (dwarf_frame_register(frame, number, memory, &ops, &n) != 0)
        return false;
    if (n)
        return read_offset(ops, n, ret_rule, ret_offset);
    *ret_rule = ops ? ROW_UNDEFINED : ROW_SAME;
    *ret_offset = 0;
    return true;
}

static bool read_rules(Dwarf_Frame *frame, struct row *row)
{
    for (int i = 0; i < DWARF_REGISTERS; i++) {
        uint8_t kept = row_registers[i];
        enum row_rule rule;
        int32_t offset;

        if (!read_rule(frame, i, &rule, &offset))
            return false;
        /* That a function saved one for its caller, which then may find its own by it. */
        if (kept == ROW_REGISTERS && (rule == ROW_SAVED || rule == ROW_VALUE))
            return false;
        if (kept == ROW_REGISTERS)
            continue;
        row->rules[kept] = rule;
        row->offsets[kept] = offset;
    }
    return row->rules[ROW_RA] == ROW_SAVED || row->rules[ROW_RA] == ROW_UNDEFINED;
}

struct row row_read(Dwarf_Frame *frame)
{
    struct row row = {.simple = false};

    if (dwarf_frame_info(frame, NULL, NULL, NULL) != DWARF_REGISTERS - 1 ||
        !read_cfa(frame, &row) || !read_rules(frame, &row))
        return (struct row){.simple = false};
    row.simple = true;
    return row;
}

bool row_apply(const struct row *row, row_read_word read_word, void *context,
               struct row_frame *frame)
{
    struct row_frame caller = {};
    uint64_t cfa;

    if (!row->simple || !frame->known[row->cfa_register])
        return false;
    cfa = frame->words[row->cfa_register] + (uint64_t)(int64_t)row->cfa_offset;
    for (int i = 0; i < ROW_REGISTERS; i++) {
        uint64_t at = cfa + (uint64_t)(int64_t)row->offsets[i];

        caller.known[i] = true;
        switch (row->rules[i]) {
        case ROW_UNDEFINED:
            caller.known[i] = false;
            break;
        case ROW_SAME:
            caller.known[i] = frame->known[i];
            caller.words[i] = frame->words[i];
            break;
        case ROW_SAVED:
            caller.known[i] = read_word(context, at, &caller.words[i]);
            break;
        case ROW_VALUE:
            caller.words[i] = at;
            break;
        }
    }
    *frame = caller;
    return true;
}
