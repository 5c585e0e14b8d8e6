/* SPDX-License-Identifier: Apache-2.0 */
#include "expression.h"

#include <dwarf.h>

#define DEPTH_MAX  64
#define LENGTH_MAX 1024 /* bytes, and so steps, each of which may read the target's memory */

struct machine {
    const struct expression_context *context;
    const struct registers *registers;
    struct cursor code;
    bool failed;
    unsigned int depth;
    uint64_t words[DEPTH_MAX];
};

static void push(struct machine *machine, uint64_t word)
{
    if (machine->depth == DEPTH_MAX)
        machine->failed = true;
    else
        machine->words[machine->depth++] = word;
}

static uint64_t pop(struct machine *machine)
{
    if (machine->depth > 0)
        return machine->words[--machine->depth];
    machine->failed = true;
    return 0;
}

/* From the top: 0 is the one that would be popped. */
static void push_pick(struct machine *machine, unsigned int index)
{
    if (index < machine->depth)
        push(machine, machine->words[machine->depth - 1 - index]);
    else
        machine->failed = true;
}

static void push_register(struct machine *machine, uint64_t number, int64_t offset)
{
    if (number < DWARF_REGISTERS && register_is_known(machine->registers, (unsigned int)number))
        push(machine, machine->registers->words[number] + (uint64_t)offset);
    else
        machine->failed = true;
}

/* The topmost becomes the second, and that the third. */
static void rotate(struct machine *machine)
{
    uint64_t first = pop(machine), second = pop(machine), third = pop(machine);

    push(machine, first);
    push(machine, third);
    push(machine, second);
}

static void swap(struct machine *machine)
{
    uint64_t first = pop(machine), second = pop(machine);

    push(machine, first);
    push(machine, second);
}

static void dereference(struct machine *machine, size_t size)
{
    const struct expression_context *context = machine->context;
    uint64_t address = pop(machine), word = 0;

    if (machine->failed || size < 1 || size > 8 ||
        !context->read_word(context->context, address, &word))
        machine->failed = true;
    push(machine, size < 8 ? word & ((1ull << 8 * size) - 1) : word);
}

static uint64_t divide(struct machine *machine, int64_t a, int64_t b)
{
    if (b != 0 && (a != INT64_MIN || b != -1))
        return (uint64_t)(a / b);
    machine->failed = true;
    return 0;
}

static uint64_t modulo(struct machine *machine, uint64_t a, uint64_t b)
{
    if (b != 0)
        return a % b;
    machine->failed = true;
    return 0;
}

static uint64_t shift(struct machine *machine, uint8_t operation, uint64_t word, uint64_t by)
{
    if (by >= 64) {
        machine->failed = true;
        return 0;
    }
    if (operation == DW_OP_shl)
        return word << by;
    return operation == DW_OP_shr ? word >> by : (uint64_t)((int64_t)word >> by);
}

/* Comparisons are of signed numbers. False: not one of two operands. */
static bool combine(struct machine *machine, uint8_t operation, uint64_t a, uint64_t b,
                    uint64_t *ret_word)
{
    int64_t left = (int64_t)a, right = (int64_t)b;

    switch (operation) {
    case DW_OP_and:
        *ret_word = a & b;
        return true;
    case DW_OP_or:
        *ret_word = a | b;
        return true;
    case DW_OP_xor:
        *ret_word = a ^ b;
        return true;
    case DW_OP_plus:
        *ret_word = a + b;
        return true;
    case DW_OP_minus:
        *ret_word = a - b;
        return true;
    case DW_OP_mul:
        *ret_word = a * b;
        return true;
    case DW_OP_div:
        *ret_word = divide(machine, left, right);
        return true;
    case DW_OP_mod:
        *ret_word = modulo(machine, a, b);
        return true;
    case DW_OP_shl:
    case DW_OP_shr:
    case DW_OP_shra:
        *ret_word = shift(machine, operation, a, b);
        return true;
    case DW_OP_eq:
        *ret_word = left == right;
        return true;
    case DW_OP_ne:
        *ret_word = left != right;
        return true;
    case DW_OP_ge:
        *ret_word = left >= right;
        return true;
    case DW_OP_gt:
        *ret_word = left > right;
        return true;
    case DW_OP_le:
        *ret_word = left <= right;
        return true;
    case DW_OP_lt:
        *ret_word = left < right;
        return true;
    default:
        return false;
    }
}

static void calculate(struct machine *machine, uint8_t operation)
{
    uint64_t b = pop(machine), a = pop(machine), word = 0;

    if (!combine(machine, operation, a, b, &word))
        machine->failed = true;
    push(machine, word);
}

/* Numbers in the code, as such or added to something. False: it is none of these. */
static bool push_constant(struct machine *machine, uint8_t operation)
{
    struct cursor *code = &machine->code;

    switch (operation) {
    case DW_OP_addr:
        push(machine, cursor_unsigned(code, 8) + machine->context->bias);
        return true;
    case DW_OP_const1u:
    case DW_OP_const2u:
    case DW_OP_const4u:
    case DW_OP_const8u:
        push(machine, cursor_unsigned(code, (size_t)1 << (operation - DW_OP_const1u) / 2));
        return true;
    case DW_OP_const1s:
    case DW_OP_const2s:
    case DW_OP_const4s:
    case DW_OP_const8s:
        push(machine, (uint64_t)cursor_signed(code, (size_t)1 << (operation - DW_OP_const1s) / 2));
        return true;
    case DW_OP_constu:
        push(machine, cursor_uleb128(code));
        return true;
    case DW_OP_consts:
        push(machine, (uint64_t)cursor_sleb128(code));
        return true;
    case DW_OP_plus_uconst:
        push(machine, pop(machine) + cursor_uleb128(code));
        return true;
    default:
        return false;
    }
}

static bool rearrange(struct machine *machine, uint8_t operation)
{
    switch (operation) {
    case DW_OP_dup:
        push_pick(machine, 0);
        return true;
    case DW_OP_over:
        push_pick(machine, 1);
        return true;
    case DW_OP_pick:
        push_pick(machine, cursor_byte(&machine->code));
        return true;
    case DW_OP_drop:
        pop(machine);
        return true;
    case DW_OP_swap:
        swap(machine);
        return true;
    case DW_OP_rot:
        rotate(machine);
        return true;
    default:
        return false;
    }
}

static void step(struct machine *machine)
{
    uint8_t operation = cursor_byte(&machine->code);
    uint64_t word;

    if (operation >= DW_OP_lit0 && operation <= DW_OP_lit31) {
        push(machine, operation - DW_OP_lit0);
        return;
    }
    if (operation >= DW_OP_breg0 && operation <= DW_OP_breg31) {
        push_register(machine, operation - DW_OP_breg0, cursor_sleb128(&machine->code));
        return;
    }
    if (push_constant(machine, operation) || rearrange(machine, operation))
        return;
    switch (operation) {
    case DW_OP_bregx:
        word = cursor_uleb128(&machine->code);
        push_register(machine, word, cursor_sleb128(&machine->code));
        break;
    case DW_OP_deref:
        dereference(machine, 8);
        break;
    case DW_OP_deref_size:
        dereference(machine, cursor_byte(&machine->code));
        break;
    case DW_OP_abs:
        word = pop(machine);
        push(machine, (int64_t)word < 0 ? -word : word);
        break;
    case DW_OP_neg:
        push(machine, -pop(machine));
        break;
    case DW_OP_not:
        push(machine, ~pop(machine));
        break;
    case DW_OP_nop:
        break;
    default:
        calculate(machine, operation);
        break;
    }
}

bool expression_evaluate(const struct expression_context *context, uint32_t offset,
                         const uint64_t *first, const struct registers *registers,
                         uint64_t *ret_value)
{
    struct cursor cursor = {context->bytes, context->bytes + context->size, false};
    struct machine machine;

    machine.context = context;
    machine.registers = registers;
    machine.depth = 0;
    cursor_skip(&cursor, offset);
    machine.code = cursor_part(&cursor, cursor_uleb128(&cursor));
    machine.failed = cursor.failed || cursor_left(&machine.code) > LENGTH_MAX;
    if (first)
        push(&machine, *first);
    while (!machine.failed && cursor_left(&machine.code) > 0)
        step(&machine);
    *ret_value = pop(&machine);
    return !machine.failed && !machine.code.failed;
}
