/* SPDX-License-Identifier: Apache-2.0 */
/* Where files have their call frame information. Real ones: test_fderow. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dwarf.h>

#include "analyst/framesection.h"
#include "elffile.h"
#include "frames.h"

#define HDR    0x3000u /* of .eh_frame_hdr, in the file and in memory */
#define FRAMES 0x4000u
#define USUAL                                                                                      \
    {                                                                                              \
        1, DW_EH_PE_pcrel | DW_EH_PE_sdata4, DW_EH_PE_udata4, DW_EH_PE_datarel | DW_EH_PE_sdata4   \
    }

/* A file with an entry for its code, as linkers place it; the table has one entry as well. */
static struct elffile *file_with(const uint8_t encodings[static 4], uint32_t n)
{
    struct elffile *file = elffile_new();
    const Elf64_Phdr segment = {
        .p_type = PT_GNU_EH_FRAME, .p_offset = HDR, .p_vaddr = HDR, .p_filesz = 20, .p_memsz = 20};
    const uint16_t segments = 2;
    struct frames frames = frames_of(FRAMES, false);
    uint32_t words[] = {FRAMES - (HDR + 4), n, ELFFILE_TEXT - HDR, FRAMES - HDR};

    frames_add_cie(&frames, "zR\x1b", NULL, 0);
    words[3] += (uint32_t)frames_add_fde(&frames, ELFFILE_TEXT, ELFFILE_TEXT_SIZE, NULL, 0);
    elffile_build(file, NULL, 0);
    memcpy(file->bytes + offsetof(Elf64_Ehdr, e_phnum), &segments, sizeof(segments));
    memcpy(file->bytes + 64 + sizeof(segment), &segment, sizeof(segment));
    memcpy(file->bytes + HDR, encodings, 4);
    memcpy(file->bytes + HDR + 4, words, sizeof(words));
    memcpy(file->bytes + FRAMES, frames.bytes, frames.size);
    return file;
}

/* Whether the code is found, and whether by the linker's table. */
static bool finds(struct elffile *file, bool *ret_by_search)
{
    Elf *elf;
    struct fde_table table;
    struct fde fde;
    bool found;

    elf_version(EV_CURRENT);
    elf = elf_memory((char *)file->bytes, sizeof(file->bytes));
    assert_non_null(elf);
    framesection_find_eh(elf, &table);
    found = fde_table_find(&table, ELFFILE_TEXT + 0x10, &fde);
    *ret_by_search = table.search;
    fde_table_clear(&table);
    elf_end(elf);
    return found;
}

static void test_as_linkers_place_it(void **state)
{
    static const uint8_t usual[4] = USUAL;
    struct elffile *file = file_with(usual, 1);
    bool by_search;

    (void)state;
    assert_true(finds(file, &by_search));
    assert_true(by_search);
    elffile_free(file);
}

/* Without the table, or with one that is encoded otherwise or longer than the file, entries are
 * gone through. */
static void test_table_that_is_not_to_be_read(void **state)
{
    static const uint8_t usual[4] = USUAL;
    static const uint8_t others[][4] = {
        {1, 0x1b, DW_EH_PE_omit, DW_EH_PE_omit},
        {1, 0x1b, 0x03, 0x1b},
        {1, 0x1b, 0x01, 0x3b},
    };
    static const uint32_t counts[] = {0, ELFFILE_SIZE / 8, UINT32_MAX};
    struct elffile *file;
    bool by_search;

    (void)state;
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        file = file_with(others[i], 1);
        assert_true(finds(file, &by_search));
        assert_false(by_search);
        elffile_free(file);
    }
    for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
        file = file_with(usual, counts[i]);
        assert_true(finds(file, &by_search));
        assert_false(by_search);
        elffile_free(file);
    }
}

static void test_place_that_is_none(void **state)
{
    static const uint8_t usual[4] = USUAL, version[4] = {2, 0x1b, 0x03, 0x3b};
    const uint32_t beyond = 0x10000000;
    const uint64_t address = ELFFILE_SIZE;
    struct elffile *file = file_with(version, 1);
    bool by_search;

    (void)state;
    assert_false(finds(file, &by_search));
    elffile_free(file);
    file = file_with(usual, 1);
    memcpy(file->bytes + HDR + 4, &beyond, sizeof(beyond));
    assert_false(finds(file, &by_search));
    elffile_free(file);
    file = file_with(usual, 1);
    memcpy(file->bytes + 64 + sizeof(Elf64_Phdr) + offsetof(Elf64_Phdr, p_vaddr), &address,
           sizeof(address));
    assert_false(finds(file, &by_search));
    elffile_free(file);
}

static bool finds_in(const char *name, uint32_t type, bool is_debug_frame)
{
    struct frames frames = frames_of(ELFFILE_SECTIONS, is_debug_frame);
    struct elffile_section section = {name, NULL, 0, type, 0, 0, !is_debug_frame};
    struct elffile *file = elffile_new();
    struct fde_table table;
    struct fde fde;
    bool found;
    Elf *elf;

    frames_add_cie(&frames, is_debug_frame ? "" : "zR\x1b", NULL, 0);
    frames_add_fde(&frames, ELFFILE_TEXT, ELFFILE_TEXT_SIZE, NULL, 0);
    section.bytes = frames.bytes;
    section.size = frames.size;
    elffile_build(file, &section, 1);
    elf_version(EV_CURRENT);
    elf = elf_memory((char *)file->bytes, sizeof(file->bytes));
    if (is_debug_frame)
        framesection_find_debug(elf, &table);
    else
        framesection_find_eh(elf, &table);
    found =
        fde_table_find(&table, ELFFILE_TEXT, &fde) && fde.end == ELFFILE_TEXT + ELFFILE_TEXT_SIZE;
    fde_table_clear(&table);
    elf_end(elf);
    elffile_free(file);
    return found;
}

static void test_by_name(void **state)
{
    (void)state;
    assert_true(finds_in(".eh_frame", SHT_PROGBITS, false));
    assert_true(finds_in(".debug_frame", SHT_PROGBITS, true));
    assert_true(finds_in(".zdebug_frame", SHT_PROGBITS, true)); /* inflated before */
    assert_false(finds_in(".eh_frame", SHT_NOBITS, false));     /* of a file of debug information */
    assert_false(finds_in(".gnu.frame", SHT_PROGBITS, false));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_linkers_place_it),
        cmocka_unit_test(test_table_that_is_not_to_be_read),
        cmocka_unit_test(test_place_that_is_none),
        cmocka_unit_test(test_by_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
