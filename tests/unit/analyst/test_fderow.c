/* SPDX-License-Identifier: Apache-2.0 */
/* Rows of made-up instructions, and of all that real files have: those have to be as libdw has
 * them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dlfcn.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <unistd.h>

#include "analyst/fderow.h"
#include "analyst/framesection.h"
#include "frames.h"

#define START 0x1000
#define SIZE  0x1000

/* What all CIEs of compilers begin with: the CFA is rsp + 8, the return address below it. */
#define CALLED DW_CFA_def_cfa, DWARF_SP, 8, DW_CFA_offset | DWARF_RA, 1

static bool row_by(const uint8_t *cie, size_t cie_size, const uint8_t *code, size_t size,
                   uint64_t address, struct row *ret_row)
{
    struct frames frames = frames_of(0x8000, false);
    struct cfi_section section;
    struct fde fde;
    uint64_t at;

    frames_add_cie(&frames, "zR\x1b", cie, cie_size);
    at = frames_add_fde(&frames, START, SIZE, code, size);
    section = frames_section(&frames);
    assert_true(fde_read(&section, at, &fde));
    return fde_row(&section, &fde, address, ret_row);
}

static bool row_of(const uint8_t *code, size_t size, uint64_t address, struct row *ret_row)
{
    static const uint8_t cie[] = {CALLED};

    return row_by(cie, sizeof(cie), code, size, address, ret_row);
}

static struct row made(const uint8_t *code, size_t size, uint64_t offset)
{
    struct row row;

    assert_true(row_of(code, size, START + offset, &row));
    return row;
}

static void refuse(const uint8_t *code, size_t size)
{
    struct row row;

    assert_false(row_of(code, size, START + SIZE - 1, &row));
}

#define CODE(...)    (const uint8_t[]){__VA_ARGS__}, sizeof((const uint8_t[]){__VA_ARGS__})
#define REFUSED(...) refuse(CODE(__VA_ARGS__))
#define assert_rule(row, number, its_rule, offset)                                                 \
    do {                                                                                           \
        assert_int_equal((row).rules[number], its_rule);                                           \
        assert_int_equal((row).offsets[number], offset);                                           \
        assert_int_equal((row).defined >> (number)&1, (its_rule) != ROW_UNDEFINED);                \
    } while (0)

static void test_convention(void **state)
{
    struct row row;

    (void)state;
    assert_true(row_of(NULL, 0, START, &row));
    assert_false(row.cfa_is_expression);
    assert_int_equal(row.cfa_register, DWARF_SP);
    assert_int_equal(row.cfa_offset, 8);
    assert_rule(row, DWARF_RA, ROW_SAVED, -8);
    assert_rule(row, DWARF_SP, ROW_VALUE, 0);
    for (unsigned int i = 0; i < DWARF_REGISTERS; i++)
        if (i == DWARF_BX || i == DWARF_BP || (i >= DWARF_R12 && i <= DWARF_R15))
            assert_rule(row, i, ROW_SAME, 0);
        else if (i != DWARF_RA && i != DWARF_SP)
            assert_rule(row, i, ROW_UNDEFINED, 0);
}

/* "push %rbp" at 0, "mov %rsp,%rbp" at 1, "pop %rbp" at 0x101, then the next function's. */
static void test_row_of_each_address(void **state)
{
    static const uint8_t code[] = {DW_CFA_advance_loc | 1,
                                   DW_CFA_def_cfa_offset,
                                   16,
                                   DW_CFA_offset | DWARF_BP,
                                   2,
                                   DW_CFA_advance_loc | 3,
                                   DW_CFA_def_cfa_register,
                                   DWARF_BP,
                                   DW_CFA_advance_loc1,
                                   0xfe,
                                   DW_CFA_def_cfa,
                                   DWARF_SP,
                                   8,
                                   DW_CFA_restore | DWARF_BP,
                                   DW_CFA_advance_loc2,
                                   1,
                                   1,
                                   DW_CFA_def_cfa_offset,
                                   24,
                                   DW_CFA_advance_loc4,
                                   0,
                                   1,
                                   0,
                                   0,
                                   DW_CFA_def_cfa_offset,
                                   32};
    static const struct {
        uint64_t offset;
        int32_t cfa_offset;
        uint8_t cfa_register;
        enum row_rule rule;
    } expected[] = {
        {0, 8, DWARF_SP, ROW_SAME},         {1, 16, DWARF_SP, ROW_SAVED},
        {3, 16, DWARF_SP, ROW_SAVED},       {4, 16, DWARF_BP, ROW_SAVED},
        {0x101, 16, DWARF_BP, ROW_SAVED},   {0x102, 8, DWARF_SP, ROW_SAME},
        {0x202, 8, DWARF_SP, ROW_SAME},     {0x203, 24, DWARF_SP, ROW_SAME},
        {0x302, 24, DWARF_SP, ROW_SAME},    {0x303, 32, DWARF_SP, ROW_SAME},
        {SIZE - 1, 32, DWARF_SP, ROW_SAME},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        struct row row = made(code, sizeof(code), expected[i].offset);

        assert_int_equal(row.cfa_register, expected[i].cfa_register);
        assert_int_equal(row.cfa_offset, expected[i].cfa_offset);
        assert_rule(row, DWARF_BP, expected[i].rule, expected[i].rule == ROW_SAVED ? -16 : 0);
    }
}

static void test_rules(void **state)
{
    struct row row;

    (void)state;
    row = made(CODE(DW_CFA_undefined, DWARF_RA, DW_CFA_same_value, 0, DW_CFA_offset_extended, 1, 3,
                    DW_CFA_offset_extended_sf, 2, 0x7e, DW_CFA_val_offset, 4, 5,
                    DW_CFA_val_offset_sf, 5, 0x7f, DW_CFA_register, 8, 9),
               0);
    assert_rule(row, DWARF_RA, ROW_UNDEFINED, 0);
    assert_rule(row, 0, ROW_SAME, 0);
    assert_rule(row, 1, ROW_SAVED, -24);
    assert_rule(row, 2, ROW_SAVED, 16);
    assert_rule(row, 4, ROW_VALUE, -40);
    assert_rule(row, 5, ROW_VALUE, 8);
    assert_rule(row, 8, ROW_REGISTER, 9);
    row = made(CODE(DW_CFA_register, DWARF_RA, 5), 0); /* as of vfork() */
    assert_rule(row, DWARF_RA, ROW_REGISTER, 5);
    row = made(CODE(DW_CFA_register, 8, 99), 0); /* one that we do not have */
    assert_rule(row, 8, ROW_UNDEFINED, 0);
    row = made(CODE(DW_CFA_offset | 17, 1, DW_CFA_offset_extended, 99, 1, DW_CFA_GNU_args_size, 16),
               0);
    assert_int_equal(row.defined, made(CODE(DW_CFA_nop), 0).defined);
    row = made(CODE(DW_CFA_def_cfa_sf, DWARF_BP, 0x7e, DW_CFA_def_cfa_offset_sf, 0x7d), 0);
    assert_int_equal(row.cfa_register, DWARF_BP);
    assert_int_equal(row.cfa_offset, 24);
}

/* Their place in the section is kept. */
static void test_expressions(void **state)
{
    static const uint8_t code[] = {DW_CFA_def_cfa_expression, 2,        DW_OP_breg7, 0,
                                   DW_CFA_expression,         DWARF_BP, 1,           DW_OP_lit1,
                                   DW_CFA_val_expression,     DWARF_BX, 1,           DW_OP_lit2};
    struct row row = made(code, sizeof(code), 0);
    int32_t at = row.cfa_offset;

    (void)state;
    assert_true(row.cfa_is_expression);
    assert_true(at > 0);
    assert_rule(row, DWARF_BP, ROW_EXPRESSION, at + 5);
    assert_rule(row, DWARF_BX, ROW_VALUE_EXPRESSION, at + 9);
    row = made(CODE(DW_CFA_def_cfa_expression, 2, DW_OP_breg7, 0, DW_CFA_def_cfa, DWARF_BP, 8), 0);
    assert_false(row.cfa_is_expression);
    assert_int_equal(row.cfa_register, DWARF_BP);
}

/* As before and behind a part that returns. */
static void test_remembered(void **state)
{
    static const uint8_t code[] = {DW_CFA_def_cfa_offset,    16,
                                   DW_CFA_offset | DWARF_BP, 2,
                                   DW_CFA_advance_loc | 16,  DW_CFA_remember_state,
                                   DW_CFA_def_cfa_offset,    8,
                                   DW_CFA_restore_extended,  DWARF_BP,
                                   DW_CFA_advance_loc | 16,  DW_CFA_restore_state};
    struct row row = made(code, sizeof(code), 16);

    (void)state;
    assert_int_equal(row.cfa_offset, 8);
    assert_rule(row, DWARF_BP, ROW_SAME, 0);
    row = made(code, sizeof(code), 32);
    assert_int_equal(row.cfa_offset, 16);
    assert_rule(row, DWARF_BP, ROW_SAVED, -16);
}

static void test_location_that_is_set(void **state)
{
    struct row row;
    struct frames frames = frames_of(0x8000, false);
    static const uint8_t cie[] = {CALLED};
    /* To 0x1100, as an address of its own in .eh_frame is written: from where it stands. */
    uint8_t code[] = {DW_CFA_set_loc, 0, 0, 0, 0, DW_CFA_def_cfa_offset, 16};
    struct cfi_section section;
    struct fde fde;
    uint64_t at;
    int32_t distance;

    (void)state;
    frames_add_cie(&frames, "zR\x1b", cie, sizeof(cie));
    at = frames.size + 4 + 4 + 8 + 1 + 1; /* the number's, behind lengths, addresses, the opcode */
    distance = START + 0x100 - (int32_t)(frames.address + at);
    memcpy(code + 1, &distance, sizeof(distance));
    at = frames_add_fde(&frames, START, SIZE, code, sizeof(code));
    section = frames_section(&frames);
    assert_true(fde_read(&section, at, &fde));
    assert_true(fde_row(&section, &fde, START + 0xff, &row));
    assert_int_equal(row.cfa_offset, 8);
    assert_true(fde_row(&section, &fde, START + 0x100, &row));
    assert_int_equal(row.cfa_offset, 16);
}

static void test_what_is_refused(void **state)
{
    struct row row;

    (void)state;
    REFUSED(DW_CFA_restore_state);           /* nothing is remembered */
    REFUSED(DW_CFA_advance_loc2, 1);         /* cut */
    REFUSED(DW_CFA_def_cfa, DWARF_SP, 0x80); /* cut */
    REFUSED(DW_CFA_def_cfa_register, 17);
    REFUSED(DW_CFA_def_cfa_offset, 0x80, 0x80, 0x80, 0x80, 8); /* 2 GiB */
    REFUSED(DW_CFA_offset | 3, 0x80, 0x80, 0x80, 0x80, 2);
    REFUSED(DW_CFA_expression, 3, 2, DW_OP_lit1); /* longer than what is there */
    REFUSED(DW_CFA_def_cfa_expression, 1, DW_OP_lit1, DW_CFA_def_cfa_offset, 8);
    REFUSED(DW_CFA_GNU_window_save); /* of SPARC */
    REFUSED(DW_CFA_high_user);
    REFUSED(DW_CFA_register, DWARF_RA, 99); /* there is a caller, and no telling who */
    REFUSED(DW_CFA_same_value, DWARF_RA);
    assert_false(row_by(CODE(DW_CFA_def_cfa, DWARF_SP, 8), NULL, 0, START, &row));
    assert_false(row_by(CODE(DW_CFA_nop), NULL, 0, START, &row)); /* no CFA */
    assert_false(row_by(CODE(DW_CFA_def_cfa_offset, 8), NULL, 0, START, &row));
    assert_false(row_by(CODE(CALLED, DW_CFA_restore | 3), NULL, 0, START, &row));
    assert_false(row_by(CODE(CALLED, DW_CFA_advance_loc | 1), NULL, 0, START, &row));
}

/* libdw makes room for all up to the one that is named: for that of 170 million, 1.36 GB. */
static void test_numbers_of_registers(void **state)
{
    (void)state;
    made(CODE(DW_CFA_undefined, 0xff, 1), 0);
    REFUSED(DW_CFA_undefined, 0x80, 2);
    REFUSED(DW_CFA_offset_extended_sf, 0xff, 0xff, 0x87, 0x51, 1);
    REFUSED(DW_CFA_register, 3, 0x80, 2);
}

static void test_states_remembered_in_one_another(void **state)
{
    uint8_t code[17];

    (void)state;
    memset(code, DW_CFA_remember_state, sizeof(code));
    made(code, 16, 0);
    refuse(code, 17);
}

/* One entry of nothing but "advance by 0". */
static void test_instructions_without_end(void **state)
{
    const size_t most = 128 * 1024, head = 4 + 4 + 16;
    uint8_t *bytes = calloc(1, 64 + head + most + 1);
    struct frames frames = frames_of(0, true);
    static const uint8_t cie[] = {CALLED};

    (void)state;
    frames_add_cie(&frames, "", cie, sizeof(cie));
    for (size_t more = 0; more < 2; more++) {
        struct cfi_section section = {.is_debug_frame = true};
        const uint64_t range[] = {START, SIZE};
        uint32_t length = (uint32_t)(head - 4 + most + more);
        struct fde fde;
        struct row row;

        memcpy(bytes, frames.bytes, frames.size);
        memcpy(bytes + frames.size, &length, sizeof(length));
        memcpy(bytes + frames.size + 8, range, sizeof(range));
        memset(bytes + frames.size + head, DW_CFA_advance_loc, most + more);
        section.bytes = bytes;
        section.size = frames.size + head + most + more;
        assert_true(fde_read(&section, frames.size, &fde));
        assert_int_equal(cursor_left(&fde.instructions), most + more);
        assert_int_equal(fde_row(&section, &fde, START, &row), !more);
    }
    free(bytes);
}

/* An expression of libdw's own making, as dwarf_frame_register() says: the CFA, plus an offset, as
 * a place or as a value. Those of the file follow the CFA, too. */
static void assert_ops(const Dwarf_Op *ops, size_t n, enum row_rule rule, int32_t offset)
{
    bool is_value = ops[n - 1].atom == DW_OP_stack_value;

    if (rule == ROW_REGISTER) {
        assert_int_equal(ops[0].atom, DW_OP_regx);
        assert_int_equal(ops[0].number, offset);
        return;
    }
    assert_int_equal(ops[0].atom, DW_OP_call_frame_cfa);
    assert_int_equal(is_value, rule == ROW_VALUE || rule == ROW_VALUE_EXPRESSION);
    if (rule == ROW_EXPRESSION || rule == ROW_VALUE_EXPRESSION)
        return;
    assert_true(rule == ROW_SAVED || rule == ROW_VALUE);
    if (offset == 0) {
        assert_int_equal(n, 1 + is_value);
        return;
    }
    assert_int_equal(n, 2 + is_value);
    assert_int_equal(ops[1].atom, DW_OP_plus_uconst);
    assert_int_equal((int64_t)ops[1].number, offset);
}

/* The rule that libdw has where ours is the convention's: of those that are left as they were, it
 * takes rax for rbx (backends/x86_64_cfi.c of elfutils 0.188). */
static enum row_rule rule_of_libdw(const struct row *row, int number)
{
    enum row_rule rule = row->rules[number];

    if (number == 0 && rule == ROW_UNDEFINED)
        return ROW_SAME;
    return number == DWARF_BX && rule == ROW_SAME ? ROW_UNDEFINED : rule;
}

static void assert_same_row(const struct row *row, Dwarf_Frame *frame)
{
    Dwarf_Op *ops, memory[3];
    size_t n;

    assert_int_equal(dwarf_frame_cfa(frame, &ops, &n), 0);
    if (!row->cfa_is_expression) {
        assert_int_equal(n, 1);
        assert_int_equal(ops[0].atom, DW_OP_bregx);
        assert_int_equal(ops[0].number, row->cfa_register);
        assert_int_equal((int64_t)ops[0].number2, row->cfa_offset);
    }
    for (int i = 0; i < DWARF_REGISTERS; i++) {
        assert_int_equal(dwarf_frame_register(frame, i, memory, &ops, &n), 0);
        if (n > 0)
            assert_ops(ops, n, row->rules[i], row->offsets[i]);
        else
            assert_int_equal(rule_of_libdw(row, i), ops ? ROW_UNDEFINED : ROW_SAME);
    }
}

/* Some addresses of each entry: its first and last, and what is between them at a stride. */
static size_t compare_entry(struct fde_table *table, const struct fde *fde, Dwarf_CFI *cfi)
{
    uint64_t stride = (fde->end - fde->start) / 5 + 1;
    size_t n = 0;

    for (uint64_t at = fde->start;; at = at + stride < fde->end ? at + stride : fde->end - 1) {
        Dwarf_Frame *frame = NULL;
        bool signal = false;
        struct fde found;
        struct row row;

        assert_int_equal(dwarf_cfi_addrframe(cfi, at, &frame), 0);
        assert_true(fde_table_find(table, at, &found));
        assert_int_equal(found.start, fde->start);
        assert_int_equal(found.end, fde->end);
        assert_true(fde_row(&table->section, &found, at, &row));
        dwarf_frame_info(frame, NULL, NULL, &signal);
        assert_int_equal(found.cie.signal, signal);
        assert_same_row(&row, frame);
        free(frame);
        n++;
        if (at == fde->end - 1)
            return n;
    }
}

/* All entries of a file, as they stand in it. Returns how many addresses were compared. */
static size_t compare_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    Elf *elf = elf_begin(fd, ELF_C_READ_MMAP_PRIVATE, NULL);
    Dwarf_CFI *cfi = dwarf_getcfi_elf(elf);
    struct fde_table table;
    uint64_t offset = 0, at;
    size_t n = 0;

    assert_non_null(cfi);
    framesection_find_eh(elf, &table);
    assert_non_null(table.section.bytes);
    assert_non_null(table.search);
    for (at = 0; fde_next(&table.section, &offset); at = offset) {
        struct fde fde;

        if (fde_read(&table.section, at, &fde))
            n += compare_entry(&table, &fde, cfi);
    }
    fde_table_clear(&table);
    dwarf_cfi_end(cfi);
    elf_end(elf);
    close(fd);
    return n;
}

static const char *path_of(const char *symbol)
{
    Dl_info info;

    assert_true(dladdr(dlsym(RTLD_DEFAULT, symbol), &info));
    return info.dli_fname;
}

/* The C library has some thousand functions, among them those of signal handlers and of linkage
 * tables; libdw is compiled otherwise, this program with sanitizers. */
static void test_as_libdw_has_them(void **state)
{
    (void)state;
    elf_version(EV_CURRENT);
    assert_true(compare_file(path_of("gnu_get_libc_version")) > 10000);
    assert_true(compare_file(path_of("dwarf_getcfi_elf")) > 1000);
    assert_true(compare_file("/proc/self/exe") > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_convention),
        cmocka_unit_test(test_row_of_each_address),
        cmocka_unit_test(test_rules),
        cmocka_unit_test(test_expressions),
        cmocka_unit_test(test_remembered),
        cmocka_unit_test(test_location_that_is_set),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_numbers_of_registers),
        cmocka_unit_test(test_states_remembered_in_one_another),
        cmocka_unit_test(test_instructions_without_end),
        cmocka_unit_test(test_as_libdw_has_them),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
