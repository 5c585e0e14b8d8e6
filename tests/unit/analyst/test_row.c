/* SPDX-License-Identifier: Apache-2.0 */
/* One step from a frame to its caller. What rows are made of real code's CFI: test_unwind. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyst/row.h"

#define STACK 0x7000

/* Each word of the stack holds its own address and a mark, but one that cannot be read. */
#define MARK       0x100000
#define UNREADABLE (STACK + 24)

static bool read_word(void *context, uint64_t address, uint64_t *ret_word)
{
    unsigned int *n_reads = context;

    ++*n_reads;
    *ret_word = address + MARK;
    return address != UNREADABLE;
}

static struct row_frame frame_at(uint64_t sp)
{
    struct row_frame frame;

    for (int i = 0; i < ROW_REGISTERS; i++) {
        frame.words[i] = 0x10 + (uint64_t)i;
        frame.known[i] = true;
    }
    frame.words[ROW_SP] = sp;
    return frame;
}

/* As after "push %rbp; push %rbx; sub $16, %rsp". */
static const struct row usual = {
    .simple = true,
    .cfa_register = ROW_SP,
    .cfa_offset = 48,
    .rules = {[ROW_BX] = ROW_SAVED,
              [ROW_BP] = ROW_SAVED,
              [ROW_SP] = ROW_VALUE,
              [ROW_R12] = ROW_SAME,
              [ROW_R13] = ROW_SAME,
              [ROW_R14] = ROW_SAME,
              [ROW_R15] = ROW_SAME,
              [ROW_RA] = ROW_SAVED},
    .offsets = {[ROW_BX] = -40, [ROW_BP] = -16, [ROW_RA] = -8},
};

static void test_offsets_from_the_cfa(void **state)
{
    struct row_frame frame = frame_at(STACK);
    unsigned int n_reads = 0;

    (void)state;
    assert_true(row_apply(&usual, read_word, &n_reads, &frame));
    assert_int_equal(n_reads, 3);
    assert_int_equal(frame.words[ROW_RA], STACK + 40 + MARK);
    assert_int_equal(frame.words[ROW_BP], STACK + 32 + MARK);
    assert_int_equal(frame.words[ROW_BX], STACK + 8 + MARK);
    assert_int_equal(frame.words[ROW_SP], STACK + 48);
    assert_int_equal(frame.words[ROW_R12], 0x10 + ROW_R12);
    for (int i = 0; i < ROW_REGISTERS; i++)
        assert_true(frame.known[i]);
}

static void test_cfa_by_another_register(void **state)
{
    struct row row = usual;
    struct row_frame frame = frame_at(STACK);
    unsigned int n_reads = 0;

    (void)state;
    row.cfa_register = ROW_BP;
    row.cfa_offset = -16;
    frame.words[ROW_BP] = STACK + 16;
    row.offsets[ROW_SP] = 8;
    assert_true(row_apply(&row, read_word, &n_reads, &frame));
    assert_int_equal(frame.words[ROW_SP], STACK + 8);
    assert_int_equal(frame.words[ROW_RA], STACK - 8 + MARK);
}

/* As at the start of a program or of a thread. */
static void test_outermost(void **state)
{
    struct row row = usual;
    struct row_frame frame = frame_at(STACK);
    unsigned int n_reads = 0;

    (void)state;
    row.rules[ROW_RA] = ROW_UNDEFINED;
    assert_true(row_apply(&row, read_word, &n_reads, &frame));
    assert_false(frame.known[ROW_RA]);
    assert_int_equal(n_reads, 2);
}

/* The others are, and what was not known does not become it. */
static void test_unreadable_word_is_not_known(void **state)
{
    struct row_frame frame = frame_at(UNREADABLE - 8);
    unsigned int n_reads = 0;

    (void)state;
    frame.known[ROW_R15] = false;
    assert_true(row_apply(&usual, read_word, &n_reads, &frame));
    assert_false(frame.known[ROW_BX]);
    assert_false(frame.known[ROW_R15]);
    assert_true(frame.known[ROW_BP]);
    assert_true(frame.known[ROW_RA]);
}

static void assert_refused(const struct row *row, struct row_frame frame)
{
    const struct row_frame before = frame;
    unsigned int n_reads = 0;

    assert_false(row_apply(row, read_word, &n_reads, &frame));
    assert_int_equal(n_reads, 0);
    assert_memory_equal(frame.words, before.words, sizeof(frame.words));
    assert_memory_equal(frame.known, before.known, sizeof(frame.known));
}

static void test_what_takes_more(void **state)
{
    const struct row other = {.simple = false};
    struct row_frame frame = frame_at(STACK);

    (void)state;
    assert_refused(&other, frame);
    frame.known[ROW_SP] = false;
    assert_refused(&usual, frame);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_offsets_from_the_cfa),
        cmocka_unit_test(test_cfa_by_another_register),
        cmocka_unit_test(test_outermost),
        cmocka_unit_test(test_unreadable_word_is_not_known),
        cmocka_unit_test(test_what_takes_more),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
