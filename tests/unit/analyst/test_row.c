/* SPDX-License-Identifier: Apache-2.0 */
/* One step from a frame to its caller. What rows are made of: test_fderow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

#include "analyst/row.h"

#define STACK 0x7000

/* Each word of the stack holds its own address and a mark, but one that cannot be read. */
#define MARK       0x100000
#define UNREADABLE (STACK + 24)

static unsigned int n_reads;

static bool read_word(void *context, uint64_t address, uint64_t *ret_word)
{
    (void)context;
    n_reads++;
    *ret_word = address + MARK;
    return address != UNREADABLE;
}

/* DW_OP_breg7 (rsp) 16, at offset 0; DW_OP_plus_uconst 8, at offset 3. */
static const uint8_t expressions[] = {2, 0x77, 16, 2, 0x23, 8};

static const struct expression_context context = {
    .read_word = read_word, .bytes = expressions, .size = sizeof(expressions)};

static struct registers frame_at(uint64_t sp)
{
    struct registers frame = {.known = (1u << DWARF_REGISTERS) - 1};

    n_reads = 0;
    for (unsigned int i = 0; i < DWARF_REGISTERS; i++)
        frame.words[i] = 0x10 + i;
    frame.words[DWARF_SP] = sp;
    return frame;
}

static void set_rule(struct row *row, unsigned int number, enum row_rule rule, int32_t offset)
{
    row->rules[number] = rule;
    row->offsets[number] = offset;
    row->defined &= ~(1u << number);
    row->defined |= (uint32_t)(rule != ROW_UNDEFINED) << number;
}

/* As after "push %rbp; push %rbx; sub $16, %rsp". */
static struct row usual(void)
{
    struct row row = {.cfa_register = DWARF_SP, .cfa_offset = 48};

    for (unsigned int i = DWARF_R12; i <= DWARF_R15; i++)
        set_rule(&row, i, ROW_SAME, 0);
    set_rule(&row, DWARF_BX, ROW_SAVED, -40);
    set_rule(&row, DWARF_BP, ROW_SAVED, -16);
    set_rule(&row, DWARF_SP, ROW_VALUE, 0);
    set_rule(&row, DWARF_RA, ROW_SAVED, -8);
    return row;
}

static void test_offsets_from_the_cfa(void **state)
{
    struct registers frame = frame_at(STACK);
    struct row row = usual();

    (void)state;
    assert_true(row_apply(&row, &context, &frame));
    assert_int_equal(n_reads, 3);
    assert_int_equal(frame.words[DWARF_RA], STACK + 40 + MARK);
    assert_int_equal(frame.words[DWARF_BP], STACK + 32 + MARK);
    assert_int_equal(frame.words[DWARF_BX], STACK + 8 + MARK);
    assert_int_equal(frame.words[DWARF_SP], STACK + 48);
    assert_int_equal(frame.words[DWARF_R12], 0x10 + DWARF_R12);
    assert_int_equal(frame.known, row.defined);
    assert_false(register_is_known(&frame, 0)); /* rax is the callee's */
}

static void test_cfa_by_another_register(void **state)
{
    struct registers frame = frame_at(STACK);
    struct row row = usual();

    (void)state;
    row.cfa_register = DWARF_BP;
    row.cfa_offset = -16;
    frame.words[DWARF_BP] = STACK + 16;
    set_rule(&row, DWARF_SP, ROW_VALUE, 8);
    assert_true(row_apply(&row, &context, &frame));
    assert_int_equal(frame.words[DWARF_SP], STACK + 8);
    assert_int_equal(frame.words[DWARF_RA], STACK - 8 + MARK);
}

static void test_cfa_by_an_expression(void **state)
{
    struct registers frame = frame_at(STACK);
    struct row row = usual();

    (void)state;
    row.cfa_is_expression = true;
    row.cfa_register = 0;
    row.cfa_offset = 0;
    assert_true(row_apply(&row, &context, &frame));
    assert_int_equal(frame.words[DWARF_SP], STACK + 16);
    assert_int_equal(frame.words[DWARF_RA], STACK + 8 + MARK);
}

static void test_registers_by_others_and_by_expressions(void **state)
{
    struct registers frame = frame_at(STACK);
    struct row row = usual();

    (void)state;
    set_rule(&row, DWARF_RA, ROW_REGISTER, 10);
    set_rule(&row, DWARF_BX, ROW_EXPRESSION, 3);
    set_rule(&row, DWARF_BP, ROW_VALUE_EXPRESSION, 3);
    assert_true(row_apply(&row, &context, &frame));
    assert_int_equal(frame.words[DWARF_RA], 0x10 + 10);
    assert_int_equal(frame.words[DWARF_BX], STACK + 48 + 8 + MARK); /* the CFA is on its stack */
    assert_int_equal(frame.words[DWARF_BP], STACK + 48 + 8);
}

/* As at the start of a program or of a thread. */
static void test_outermost(void **state)
{
    struct registers frame = frame_at(STACK);
    struct row row = usual();

    (void)state;
    set_rule(&row, DWARF_RA, ROW_UNDEFINED, 0);
    assert_true(row_apply(&row, &context, &frame));
    assert_false(register_is_known(&frame, DWARF_RA));
    assert_int_equal(n_reads, 2);
}

/* The others are, and what was not known does not become it. */
static void test_unreadable_word_is_not_known(void **state)
{
    struct registers frame = frame_at(UNREADABLE - 8);
    struct row row = usual();

    (void)state;
    frame.known &= ~(1u << DWARF_R15);
    assert_true(row_apply(&row, &context, &frame));
    assert_false(register_is_known(&frame, DWARF_BX));
    assert_false(register_is_known(&frame, DWARF_R15));
    assert_true(register_is_known(&frame, DWARF_BP));
    assert_true(register_is_known(&frame, DWARF_RA));
}

static void assert_refused(const struct row *row, struct registers frame)
{
    const struct registers before = frame;

    assert_false(row_apply(row, &context, &frame));
    assert_int_equal(n_reads, 0);
    assert_memory_equal(&frame, &before, sizeof(frame));
}

static void test_no_telling_where_the_frame_is(void **state)
{
    struct registers frame = frame_at(STACK);
    struct row row = usual();

    (void)state;
    frame.known &= ~(1u << DWARF_SP);
    assert_refused(&row, frame);
    row.cfa_is_expression = true;
    row.cfa_offset = 0;
    assert_refused(&row, frame);
    row.cfa_offset = sizeof(expressions);
    assert_refused(&row, frame_at(STACK));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_from_the_cfa),
        cmocka_unit_test(test_cfa_by_another_register),
        cmocka_unit_test(test_cfa_by_an_expression),
        cmocka_unit_test(test_registers_by_others_and_by_expressions),
        cmocka_unit_test(test_outermost),
        cmocka_unit_test(test_unreadable_word_is_not_known),
        cmocka_unit_test(test_no_telling_where_the_frame_is),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
