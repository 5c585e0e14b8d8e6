/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dwarf.h>
#include <string.h>

#include "analyst/expression.h"

#define SIZE_MOST 127 /* whose length is one byte */

/* A word holds its address, the lower byte of it also in its upper ones; below 0x100 is nothing. */
static bool read_word(void *context, uint64_t address, uint64_t *ret_word)
{
    (void)context;
    *ret_word = (address & 0xff) << 56 | address;
    return address >= 0x100;
}

/* rsp is 0x7000, r15 is not known, each of the others is its number. */
static struct registers frame(void)
{
    struct registers registers = {.known = ((1u << DWARF_REGISTERS) - 1) & ~(1u << DWARF_R15)};

    for (unsigned int i = 0; i < DWARF_REGISTERS; i++)
        registers.words[i] = i;
    registers.words[DWARF_SP] = 0x7000;
    return registers;
}

static bool evaluate(const uint8_t *code, size_t size, const uint64_t *first, uint64_t *ret_value)
{
    uint8_t bytes[1 + SIZE_MOST] = {(uint8_t)size};
    const struct expression_context context = {
        .read_word = read_word, .bytes = bytes, .size = 1 + size, .bias = 0x10000};
    const struct registers registers = frame();

    assert_in_range(size, 0, SIZE_MOST);
    if (size > 0)
        memcpy(bytes + 1, code, size);
    return expression_evaluate(&context, 0, first, &registers, ret_value);
}

static void assert_value(const uint8_t *code, size_t size, uint64_t expected)
{
    uint64_t value = 0;

    assert_true(evaluate(code, size, NULL, &value));
    assert_int_equal(value, expected);
}

static void assert_refused(const uint8_t *code, size_t size)
{
    uint64_t value;

    assert_false(evaluate(code, size, NULL, &value));
}

#define VALUE(expected, ...)                                                                       \
    assert_value((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}), expected)
#define REFUSED(...)                                                                               \
    assert_refused((const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__}))

static void test_constants(void **state)
{
    (void)state;
    VALUE(0, DW_OP_lit0);
    VALUE(31, DW_OP_lit31);
    VALUE(0xfe, DW_OP_const1u, 0xfe);
    VALUE((uint64_t)-2, DW_OP_const1s, 0xfe);
    VALUE(0xfffe, DW_OP_const2u, 0xfe, 0xff);
    VALUE((uint64_t)-2, DW_OP_const2s, 0xfe, 0xff);
    VALUE(0x80000000, DW_OP_const4u, 0, 0, 0, 0x80);
    VALUE(0xffffffff80000000, DW_OP_const4s, 0, 0, 0, 0x80);
    VALUE(0x0102030405060708, DW_OP_const8u, 8, 7, 6, 5, 4, 3, 2, 1);
    VALUE(0x0102030405060708, DW_OP_const8s, 8, 7, 6, 5, 4, 3, 2, 1);
    VALUE(128, DW_OP_constu, 0x80, 1);
    VALUE((uint64_t)-128, DW_OP_consts, 0x80, 0x7f);
    VALUE(0x10005, DW_OP_addr, 5, 0, 0, 0, 0, 0, 0, 0); /* where the file is mapped */
    VALUE(133, DW_OP_lit5, DW_OP_plus_uconst, 0x80, 1);
}

static void test_registers_and_memory(void **state)
{
    (void)state;
    VALUE(0x7000 - 8, DW_OP_breg7, 0x78);
    VALUE(17, DW_OP_bregx, DWARF_RA, 1);
    VALUE(0x0800000000007008, DW_OP_breg7, 8, DW_OP_deref);
    VALUE(0x08, DW_OP_breg7, 8, DW_OP_deref_size, 1);
    VALUE(0x7008, DW_OP_breg7, 8, DW_OP_deref_size, 7);
    REFUSED(DW_OP_breg15, 0); /* not known */
    REFUSED(DW_OP_breg17, 0); /* not one of ours */
    REFUSED(DW_OP_bregx, 0xff, 0x7f, 0);
    REFUSED(DW_OP_lit1, DW_OP_deref); /* not to be read */
    REFUSED(DW_OP_breg7, 0, DW_OP_deref_size, 0);
    REFUSED(DW_OP_breg7, 0, DW_OP_deref_size, 9);
}

static void test_arithmetic(void **state)
{
    (void)state;
    VALUE(0x1, DW_OP_lit5, DW_OP_lit3, DW_OP_and);
    VALUE(0x7, DW_OP_lit5, DW_OP_lit3, DW_OP_or);
    VALUE(0x6, DW_OP_lit5, DW_OP_lit3, DW_OP_xor);
    VALUE(8, DW_OP_lit5, DW_OP_lit3, DW_OP_plus);
    VALUE(2, DW_OP_lit5, DW_OP_lit3, DW_OP_minus);
    VALUE(15, DW_OP_lit5, DW_OP_lit3, DW_OP_mul);
    VALUE((uint64_t)-2, DW_OP_const1s, 0xfa, DW_OP_lit3, DW_OP_div);
    VALUE(2, DW_OP_lit5, DW_OP_lit3, DW_OP_mod);
    VALUE(40, DW_OP_lit5, DW_OP_lit3, DW_OP_shl);
    VALUE(0x1fffffffffffffff, DW_OP_const1s, 0xff, DW_OP_lit3, DW_OP_shr);
    VALUE((uint64_t)-1, DW_OP_const1s, 0xff, DW_OP_lit3, DW_OP_shra);
    VALUE(6, DW_OP_const1s, 0xfa, DW_OP_abs);
    VALUE((uint64_t)-5, DW_OP_lit5, DW_OP_neg);
    VALUE(~5ull, DW_OP_lit5, DW_OP_not);
}

static void test_arithmetic_without_a_result(void **state)
{
    (void)state;
    REFUSED(DW_OP_lit5, DW_OP_lit0, DW_OP_div);
    REFUSED(DW_OP_lit5, DW_OP_lit0, DW_OP_mod);
    REFUSED(DW_OP_const8s, 0, 0, 0, 0, 0, 0, 0, 0x80, DW_OP_const1s, 0xff, DW_OP_div);
    REFUSED(DW_OP_lit1, DW_OP_const1u, 64, DW_OP_shl);
    VALUE(1ull << 63, DW_OP_const8s, 0, 0, 0, 0, 0, 0, 0, 0x80, DW_OP_abs);
}

/* Of signed numbers. */
static void test_comparisons(void **state)
{
    (void)state;
    VALUE(0, DW_OP_lit1, DW_OP_const1s, 0xff, DW_OP_eq);
    VALUE(1, DW_OP_lit1, DW_OP_const1s, 0xff, DW_OP_ne);
    VALUE(1, DW_OP_lit1, DW_OP_const1s, 0xff, DW_OP_ge);
    VALUE(1, DW_OP_lit1, DW_OP_const1s, 0xff, DW_OP_gt);
    VALUE(0, DW_OP_lit1, DW_OP_const1s, 0xff, DW_OP_le);
    VALUE(0, DW_OP_lit1, DW_OP_const1s, 0xff, DW_OP_lt);
}

/* The topmost three are told apart by their weights. */
#define WEIGHED                                                                                    \
    DW_OP_lit9, DW_OP_mul, DW_OP_plus, DW_OP_lit9, DW_OP_mul, DW_OP_plus /* a + 9 (b + 9 c) */

static void test_stack(void **state)
{
    (void)state;
    VALUE(1 + 9 * (2 + 9 * 3), DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, WEIGHED);
    VALUE(1 + 9 * (3 + 9 * 2), DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_swap, WEIGHED);
    /* The third becomes the second, and that the topmost. */
    VALUE(3 + 9 * (1 + 9 * 2), DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_rot, WEIGHED);
    VALUE(1 + 9 * (2 + 9 * 2), DW_OP_lit1, DW_OP_lit2, DW_OP_dup, WEIGHED);
    VALUE(1 + 9 * (2 + 9 * 1), DW_OP_lit1, DW_OP_lit2, DW_OP_over, WEIGHED);
    VALUE(2 + 9 * (3 + 9 * 1), DW_OP_lit1, DW_OP_lit2, DW_OP_lit3, DW_OP_pick, 2, WEIGHED);
    VALUE(1, DW_OP_lit1, DW_OP_lit2, DW_OP_drop, DW_OP_nop);
}

/* What ld writes for .plt (bfd/elfxx-x86.c of binutils): past the push of the index, the stack is a
 * word deeper. */
static void test_of_linkage_tables(void **state)
{
    static const uint8_t bytes[] = {11,       DW_OP_breg7, 8,         DW_OP_breg16,
                                    0,        DW_OP_lit15, DW_OP_and, DW_OP_lit11,
                                    DW_OP_ge, DW_OP_lit3,  DW_OP_shl, DW_OP_plus};
    const struct expression_context context = {
        .read_word = read_word, .bytes = bytes, .size = sizeof(bytes)};
    struct registers registers = frame();
    uint64_t value;

    (void)state;
    for (uint64_t pc = 0x1020; pc < 0x1030; pc++) {
        registers.words[DWARF_RA] = pc;
        assert_true(expression_evaluate(&context, 0, NULL, &registers, &value));
        assert_int_equal(value, 0x7008 + (pc >= 0x102b ? 8 : 0));
    }
}

static void test_over_what_is_given(void **state)
{
    const uint64_t cfa = 0x7100;
    uint64_t value;

    (void)state;
    assert_true(evaluate((const uint8_t[]){DW_OP_plus_uconst, 8}, 2, &cfa, &value));
    assert_int_equal(value, 0x7108);
    assert_true(evaluate(NULL, 0, &cfa, &value));
    assert_int_equal(value, cfa);
}

static void test_what_is_refused(void **state)
{
    static const uint8_t longer[] = {3, DW_OP_lit1};
    const struct expression_context context = {
        .read_word = read_word, .bytes = longer, .size = sizeof(longer)};
    const struct registers registers = frame();
    uint64_t value;

    (void)state;
    assert_refused(NULL, 0);
    REFUSED(DW_OP_plus);
    REFUSED(DW_OP_lit1, DW_OP_swap);
    REFUSED(DW_OP_lit1, DW_OP_pick, 1);
    REFUSED(DW_OP_const8u, 1);                   /* cut */
    REFUSED(DW_OP_lit1, DW_OP_skip, 0xfc, 0xff); /* to itself, for ever */
    REFUSED(DW_OP_lit1, DW_OP_bra, 0xfc, 0xff);
    REFUSED(DW_OP_call_frame_cfa);
    REFUSED(DW_OP_reg0);
    REFUSED(DW_OP_lit1, 0xff);
    assert_false(expression_evaluate(&context, 0, NULL, &registers, &value));
    assert_false(expression_evaluate(&context, 2, NULL, &registers, &value));
    assert_false(expression_evaluate(&context, UINT32_MAX, NULL, &registers, &value));
}

static void test_depth(void **state)
{
    uint8_t code[SIZE_MOST];

    (void)state;
    memset(code, DW_OP_lit1, sizeof(code));
    assert_value(code, 64, 1);
    assert_refused(code, 65);
}

/* Each step may read the target's memory. */
static void test_length(void **state)
{
    uint8_t bytes[2 + 1025] = {0x80, 8};
    const struct expression_context context = {
        .read_word = read_word, .bytes = bytes, .size = sizeof(bytes)};
    const struct registers registers = frame();
    uint64_t value;

    (void)state;
    memset(bytes + 2, DW_OP_nop, 1025);
    bytes[2] = DW_OP_lit7;
    assert_true(expression_evaluate(&context, 0, NULL, &registers, &value));
    assert_int_equal(value, 7);
    bytes[0]++;
    assert_false(expression_evaluate(&context, 0, NULL, &registers, &value));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_constants),
        cmocka_unit_test(test_registers_and_memory),
        cmocka_unit_test(test_arithmetic),
        cmocka_unit_test(test_arithmetic_without_a_result),
        cmocka_unit_test(test_comparisons),
        cmocka_unit_test(test_stack),
        cmocka_unit_test(test_of_linkage_tables),
        cmocka_unit_test(test_over_what_is_given),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
