/* SPDX-License-Identifier: Apache-2.0 */
#include "fderow.h"

#include <dwarf.h>

#define INSTRUCTIONS_MAX (128 * 1024) /* bytes of an entry; large functions have some thousands */
#define REMEMBERED_MAX   16           /* in one another; compilers write one or two */
#define NO_CFA           UINT8_MAX

/* Numbers beyond those that are kept belong to vector registers and the like. */
#define NUMBER_MAX 255

#define OPERAND 0x3f /* the part of an instruction's first byte that may be its operand */

/* The instructions of a CIE, and then those of an FDE, under way. */
struct program {
    const struct cfi_section *section;
    const struct cie *cie;
    struct cursor code;
    bool failed;
    bool passed;       /* the address: the row holds */
    bool is_fde;       /* what the CIE's made of the row is in `initial` */
    uint64_t location; /* from which on the row holds */
    uint64_t address;  /* that a row is sought for */
    struct row row, initial, remembered[REMEMBERED_MAX];
    unsigned int n_remembered;
};

static void fail(struct program *program)
{
    program->failed = true;
}

static int32_t fit(struct program *program, int64_t offset)
{
    if (offset != (int32_t)offset)
        fail(program);
    return (int32_t)offset;
}

static int32_t read_unsigned(struct program *program)
{
    uint64_t value = cursor_uleb128(&program->code);

    return fit(program, value > INT32_MAX ? INT64_MAX : (int64_t)value);
}

/* Times the data alignment factor. */
static int32_t factored(struct program *program, int64_t value)
{
    int64_t offset = 0;

    if (__builtin_mul_overflow(value, program->cie->data_alignment, &offset))
        fail(program);
    return fit(program, offset);
}

static int32_t read_factored(struct program *program)
{
    return factored(program, read_unsigned(program));
}

static int32_t read_signed_factored(struct program *program)
{
    return factored(program, cursor_sleb128(&program->code));
}

static uint64_t read_number(struct program *program)
{
    uint64_t number = cursor_uleb128(&program->code);

    if (number > NUMBER_MAX)
        fail(program);
    return number;
}

/* The offset of an expression, which is skipped. */
static int32_t read_expression(struct program *program)
{
    int64_t offset = program->code.at - program->section->bytes;

    cursor_skip(&program->code, cursor_uleb128(&program->code));
    return fit(program, offset);
}

static void set_rule(struct program *program, uint64_t number, enum row_rule rule, int32_t offset)
{
    if (number >= DWARF_REGISTERS)
        return;
    if (rule == ROW_UNDEFINED)
        program->row.defined &= ~(1u << number);
    else
        program->row.defined |= 1u << number;
    program->row.rules[number] = rule;
    program->row.offsets[number] = offset;
}

static void set_register(struct program *program, uint64_t number)
{
    uint64_t other = read_number(program);

    if (other < DWARF_REGISTERS)
        set_rule(program, number, ROW_REGISTER, (int32_t)other);
    else if (number == DWARF_RA)
        fail(program); /* it is somewhere, so that there is a caller */
    else
        set_rule(program, number, ROW_UNDEFINED, 0);
}

static void set_cfa_register(struct program *program, uint64_t number)
{
    if (number >= DWARF_REGISTERS)
        fail(program);
    program->row.cfa_is_expression = false;
    program->row.cfa_register = (uint8_t)number;
}

static void restore_rule(struct program *program, uint64_t number)
{
    if (!program->is_fde)
        fail(program);
    else if (number < DWARF_REGISTERS)
        set_rule(program, number, program->initial.rules[number], program->initial.offsets[number]);
}

/* Where the new location is beyond the address, the row that was made until here is its. */
static void advance_to(struct program *program, uint64_t location)
{
    if (!program->is_fde)
        fail(program);
    else if (location > program->address)
        program->passed = true;
    program->location = location;
}

static void advance(struct program *program, uint64_t delta)
{
    advance_to(program, program->location + delta * program->cie->code_alignment);
}

static void set_location(struct program *program)
{
    uint64_t location = 0;

    if (!fde_read_address(program->section, program->cie->pointer_encoding, &program->code,
                          &location))
        fail(program);
    advance_to(program, location);
}

static void remember(struct program *program)
{
    if (program->n_remembered == REMEMBERED_MAX)
        fail(program);
    else
        program->remembered[program->n_remembered++] = program->row;
}

static void restore(struct program *program)
{
    if (program->n_remembered == 0)
        fail(program);
    else
        program->row = program->remembered[--program->n_remembered];
}

/* False: it is none of those that tell where the CFA is. */
static bool define_cfa(struct program *program, uint8_t instruction)
{
    struct row *row = &program->row;

    switch (instruction) {
    case DW_CFA_def_cfa:
        set_cfa_register(program, cursor_uleb128(&program->code));
        row->cfa_offset = read_unsigned(program);
        return true;
    case DW_CFA_def_cfa_sf:
        set_cfa_register(program, cursor_uleb128(&program->code));
        row->cfa_offset = read_signed_factored(program);
        return true;
    case DW_CFA_def_cfa_expression:
        row->cfa_is_expression = true;
        row->cfa_register = 0;
        row->cfa_offset = read_expression(program);
        return true;
    case DW_CFA_def_cfa_register:
    case DW_CFA_def_cfa_offset:
    case DW_CFA_def_cfa_offset_sf:
        if (row->cfa_is_expression || row->cfa_register == NO_CFA)
            fail(program);
        if (instruction == DW_CFA_def_cfa_register)
            set_cfa_register(program, cursor_uleb128(&program->code));
        else
            row->cfa_offset = instruction == DW_CFA_def_cfa_offset ? read_unsigned(program)
                                                                   : read_signed_factored(program);
        return true;
    default:
        return false;
    }
}

/* Those whose first operand is the register of which they tell. */
static void define_register(struct program *program, uint8_t instruction)
{
    uint64_t number = read_number(program);

    switch (instruction) {
    case DW_CFA_undefined:
        set_rule(program, number, ROW_UNDEFINED, 0);
        break;
    case DW_CFA_same_value:
        set_rule(program, number, ROW_SAME, 0);
        break;
    case DW_CFA_offset_extended:
        set_rule(program, number, ROW_SAVED, read_factored(program));
        break;
    case DW_CFA_offset_extended_sf:
        set_rule(program, number, ROW_SAVED, read_signed_factored(program));
        break;
    case DW_CFA_val_offset:
        set_rule(program, number, ROW_VALUE, read_factored(program));
        break;
    case DW_CFA_val_offset_sf:
        set_rule(program, number, ROW_VALUE, read_signed_factored(program));
        break;
    case DW_CFA_register:
        set_register(program, number);
        break;
    case DW_CFA_expression:
        set_rule(program, number, ROW_EXPRESSION, read_expression(program));
        break;
    case DW_CFA_val_expression:
        set_rule(program, number, ROW_VALUE_EXPRESSION, read_expression(program));
        break;
    case DW_CFA_restore_extended:
        restore_rule(program, number);
        break;
    default:
        fail(program);
    }
}

static void step(struct program *program)
{
    struct cursor *code = &program->code;
    uint8_t instruction = cursor_byte(code), operand = instruction & OPERAND;

    switch (instruction & ~OPERAND) {
    case DW_CFA_advance_loc:
        advance(program, operand);
        return;
    case DW_CFA_offset:
        set_rule(program, operand, ROW_SAVED, read_factored(program));
        return;
    case DW_CFA_restore:
        restore_rule(program, operand);
        return;
    }
    switch (instruction) {
    case DW_CFA_nop:
        break;
    case DW_CFA_set_loc:
        set_location(program);
        break;
    case DW_CFA_advance_loc1:
        advance(program, cursor_unsigned(code, 1));
        break;
    case DW_CFA_advance_loc2:
        advance(program, cursor_unsigned(code, 2));
        break;
    case DW_CFA_advance_loc4:
        advance(program, cursor_unsigned(code, 4));
        break;
    case DW_CFA_remember_state:
        remember(program);
        break;
    case DW_CFA_restore_state:
        restore(program);
        break;
    case DW_CFA_GNU_args_size: /* of exceptions' landing pads */
        cursor_uleb128(code);
        break;
    default:
        if (!define_cfa(program, instruction))
            define_register(program, instruction);
    }
}

static bool run(struct program *program, struct cursor code)
{
    if (cursor_left(&code) > INSTRUCTIONS_MAX)
        return false;
    program->code = code;
    while (!program->failed && !program->passed && cursor_left(&program->code) > 0)
        step(program);
    return !program->failed && !program->code.failed;
}

/* What holds where nothing is said (System V ABI for AMD64, 3.2.1): functions leave six registers
 * as they were, and the caller's stack pointer is the CFA. Nothing holds of the return address,
 * which then cannot be where it was: a call has put it somewhere. */
static const struct row by_convention = {
    .defined = 1u << DWARF_BX | 1u << DWARF_BP | 1u << DWARF_SP | 1u << DWARF_R12 |
               1u << DWARF_R13 | 1u << DWARF_R14 | 1u << DWARF_R15 | 1u << DWARF_RA,
    .cfa_register = NO_CFA,
    .rules = {[DWARF_BX] = ROW_SAME,
              [DWARF_BP] = ROW_SAME,
              [DWARF_SP] = ROW_VALUE,
              [DWARF_R12] = ROW_SAME,
              [DWARF_R13] = ROW_SAME,
              [DWARF_R14] = ROW_SAME,
              [DWARF_R15] = ROW_SAME,
              [DWARF_RA] = ROW_SAME},
};

bool fde_row(const struct cfi_section *section, const struct fde *fde, uint64_t address,
             struct row *ret_row)
{
    struct program program;

    program.section = section;
    program.cie = &fde->cie;
    program.failed = program.passed = program.is_fde = false;
    program.location = fde->start;
    program.address = address;
    program.row = by_convention;
    program.n_remembered = 0;
    if (!run(&program, fde->cie.instructions))
        return false;
    program.initial = program.row;
    program.is_fde = true;
    program.n_remembered = 0;
    if (!run(&program, fde->instructions) || program.row.cfa_register == NO_CFA)
        return false;
    if (program.row.rules[DWARF_RA] == ROW_SAME)
        return false;
    *ret_row = program.row;
    return true;
}
