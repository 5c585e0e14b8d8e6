/* SPDX-License-Identifier: Apache-2.0 */
/* Compressed sections of a file that is made here, whole and broken. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gelf.h>
#include <libdeflate.h>
#include <zlib.h>

#include "elffile.h"

#include "user/analyst/inflate.h"

#define LENGTH 5000 /* of a section, inflated */

/* The sections, by their number in the file. */
enum { INFO = 1, LOCATIONS, LINES, PLAIN };

/* A section's bytes in the file: its header, and what it is about. */
struct packed {
    Elf64_Chdr header;
    uint8_t bytes[LENGTH];
};

struct fixture {
    struct elffile *file;
    struct packed info, lines;
    uint8_t text[LENGTH];
    Elf *elf;
    void *bytes;
};

static size_t pack(struct packed *packed, const uint8_t text[static LENGTH])
{
    uLongf size = sizeof(packed->bytes);

    packed->header = (Elf64_Chdr){ELFCOMPRESS_ZLIB, 0, LENGTH, 1};
    assert_int_equal(compress(packed->bytes, &size, text, LENGTH), Z_OK);
    return sizeof(packed->header) + size;
}

static Elf64_Shdr *header_of(struct fixture *fixture, size_t number)
{
    return (Elf64_Shdr *)(fixture->file->bytes + 0x400) + number;
}

static Elf64_Chdr *compression_of(struct fixture *fixture, size_t number)
{
    return (Elf64_Chdr *)(fixture->file->bytes + header_of(fixture, number)->sh_offset);
}

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    size_t info_size, lines_size;

    elf_version(EV_CURRENT);
    for (size_t i = 0; i < LENGTH; i++)
        fixture->text[i] = (uint8_t)(i * i >> 4);
    info_size = pack(&fixture->info, fixture->text);
    lines_size = pack(&fixture->lines, fixture->text);
    fixture->file = elffile_new();
    elffile_build(fixture->file,
                  (const struct elffile_section[]){
                      {".debug_info", &fixture->info, info_size, SHT_PROGBITS, 0, 0, false},
                      {".debug_loclists", &fixture->info, info_size, SHT_PROGBITS, 0, 0, false},
                      {".debug_line", &fixture->lines, lines_size, SHT_PROGBITS, 0, 0, false},
                      {".debug_str", fixture->text, LENGTH, SHT_PROGBITS, 0, 0, false},
                  },
                  4);
    for (size_t i = INFO; i <= LINES; i++)
        header_of(fixture, i)->sh_flags = SHF_COMPRESSED;
    *state = fixture;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    elf_end(fixture->elf);
    free(fixture->bytes);
    elffile_free(fixture->file);
    free(fixture);
    return 0;
}

static void inflate_all(struct fixture *fixture)
{
    fixture->elf = elf_memory((char *)fixture->file->bytes, ELFFILE_SIZE);
    assert_non_null(fixture->elf);
    assert_int_equal(inflate_sections(fixture->elf, &fixture->bytes), 0);
}

static void assert_text(struct fixture *fixture, size_t number)
{
    Elf_Scn *section = elf_getscn(fixture->elf, number);
    const Elf_Data *data = elf_getdata(section, NULL);
    GElf_Shdr header;

    assert_non_null(gelf_getshdr(section, &header));
    assert_false(header.sh_flags & SHF_COMPRESSED);
    assert_int_equal(header.sh_size, LENGTH);
    assert_int_equal(data->d_size, LENGTH);
    assert_memory_equal(data->d_buf, fixture->text, LENGTH);
}

static void assert_compressed(struct fixture *fixture, size_t number)
{
    GElf_Shdr header;

    assert_non_null(gelf_getshdr(elf_getscn(fixture->elf, number), &header));
    assert_true(header.sh_flags & SHF_COMPRESSED);
    assert_true(header.sh_size < LENGTH);
}

static void test_sections_are_inflated(void **state)
{
    inflate_all(*state);
    assert_text(*state, INFO);
    assert_text(*state, LINES);
    assert_text(*state, PLAIN);
}

static void test_locations_are_hidden(void **state)
{
    struct fixture *fixture = *state;
    GElf_Shdr header;

    inflate_all(fixture);
    assert_non_null(gelf_getshdr(elf_getscn(fixture->elf, LOCATIONS), &header));
    assert_int_equal(header.sh_type, SHT_NOBITS);
    assert_true(header.sh_size < LENGTH);
}

/* A section that is not what it says leaves the others as they would be. */
static void assert_info_is_refused(struct fixture *fixture)
{
    inflate_all(fixture);
    assert_compressed(fixture, INFO);
    assert_text(fixture, LINES);
}

static void test_bytes_that_are_damaged(void **state)
{
    struct fixture *fixture = *state;
    uint8_t *bytes = (uint8_t *)(compression_of(fixture, INFO) + 1);

    bytes[header_of(fixture, INFO)->sh_size / 2] ^= 1;
    assert_info_is_refused(fixture);
}

static void test_bytes_that_end_early(void **state)
{
    struct fixture *fixture = *state;

    header_of(fixture, INFO)->sh_size /= 2;
    assert_info_is_refused(fixture);
}

static void test_less_than_there_is(void **state)
{
    struct fixture *fixture = *state;

    compression_of(fixture, INFO)->ch_size = LENGTH - 1;
    assert_info_is_refused(fixture);
}

static void test_more_than_there_is(void **state)
{
    struct fixture *fixture = *state;

    compression_of(fixture, INFO)->ch_size = LENGTH + 1;
    assert_info_is_refused(fixture);
}

/* It would take all memory there is. */
static void test_more_than_can_be(void **state)
{
    struct fixture *fixture = *state;

    compression_of(fixture, INFO)->ch_size = 1ull << 50;
    assert_info_is_refused(fixture);
}

static void test_other_ways_to_compress(void **state)
{
    struct fixture *fixture = *state;

    compression_of(fixture, INFO)->ch_type = 0x70000000;
    assert_info_is_refused(fixture);
}

static void test_header_that_is_cut(void **state)
{
    struct fixture *fixture = *state;

    header_of(fixture, INFO)->sh_size = sizeof(Elf64_Chdr) - 1;
    assert_info_is_refused(fixture);
}

static void test_section_beyond_the_file(void **state)
{
    struct fixture *fixture = *state;

    header_of(fixture, INFO)->sh_offset = ELFFILE_SIZE - 8;
    assert_info_is_refused(fixture);
}

/* Each of them is possible; of thousands of headers, all of the same bytes, much would come. */
static void test_sections_that_overlap(void **state)
{
    struct fixture *fixture = *state;
    Elf64_Shdr *info = header_of(fixture, INFO), *lines = header_of(fixture, LINES);

    info->sh_size = ELFFILE_SIZE - info->sh_offset;
    lines->sh_offset = info->sh_offset;
    lines->sh_size = info->sh_size;
    fixture->elf = elf_memory((char *)fixture->file->bytes, ELFFILE_SIZE);
    assert_int_equal(inflate_sections(fixture->elf, &fixture->bytes), -EBADMSG);
    assert_null(fixture->bytes);
}

static struct fixture *changed;

static void *allocate_and_change(size_t size)
{
    compression_of(changed, INFO)->ch_size = LENGTH;
    return malloc(size);
}

/* By the target, whose file it may be, once the room for what comes of it was counted: then comes
 * all that has room, and nothing beyond. */
static void test_file_that_changes_meanwhile(void **state)
{
    struct fixture *fixture = *state;

    compression_of(fixture, INFO)->ch_size = 16;
    changed = fixture;
    libdeflate_set_memory_allocator(allocate_and_change, free);
    inflate_all(fixture);
    libdeflate_set_memory_allocator(malloc, free);
    assert_text(fixture, INFO);
    assert_compressed(fixture, LINES);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_sections_are_inflated, setup, teardown),
        cmocka_unit_test_setup_teardown(test_locations_are_hidden, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes_that_are_damaged, setup, teardown),
        cmocka_unit_test_setup_teardown(test_bytes_that_end_early, setup, teardown),
        cmocka_unit_test_setup_teardown(test_less_than_there_is, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_than_there_is, setup, teardown),
        cmocka_unit_test_setup_teardown(test_more_than_can_be, setup, teardown),
        cmocka_unit_test_setup_teardown(test_other_ways_to_compress, setup, teardown),
        cmocka_unit_test_setup_teardown(test_header_that_is_cut, setup, teardown),
        cmocka_unit_test_setup_teardown(test_section_beyond_the_file, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sections_that_overlap, setup, teardown),
        cmocka_unit_test_setup_teardown(test_file_that_changes_meanwhile, setup, teardown),
    };

    return cmocka_run_group_tests_name("inflate", tests, NULL, NULL);
}
