/* SPDX-License-Identifier: Apache-2.0 */
/* Build ids among notes in memory, good and bad. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>

#include "analyst/go/binary.h"
#include "analyst/go/object.h"

#define NOTES_AT 0x400u /* in the file */

struct fixture {
    struct binary *binary;
    struct go_windows *windows;
    Elf64_Phdr segment;
    uint64_t next; /* where the next note goes, in the file */
};

static int setup(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));

    fixture->binary = binary_new(&binary_layouts[3]);
    fixture->next = NOTES_AT;
    fixture->segment = (Elf64_Phdr){.p_type = PT_NOTE, .p_vaddr = 0x1000 + NOTES_AT, .p_align = 4};
    *state = fixture;
    return go_windows_new(&fixture->binary->memory, &fixture->windows);
}

static int teardown(void **state)
{
    struct fixture *fixture = *state;

    go_windows_free(&fixture->windows);
    binary_free(fixture->binary);
    free(fixture);
    return 0;
}

static void add_note(struct fixture *fixture, const char name[4], uint32_t type,
                     const void *content, uint32_t size)
{
    const Elf64_Nhdr note = {.n_namesz = 4, .n_descsz = size, .n_type = type};
    uint64_t at = BINARY_BASE + fixture->next, align = fixture->segment.p_align;
    uint64_t behind = (sizeof(note) + 4 + align - 1) & -align;

    binary_put(fixture->binary, at, &note, sizeof(note));
    binary_put(fixture->binary, at + sizeof(note), name, 4);
    binary_put(fixture->binary, at + behind, content, size < 256 ? size : 0);
    fixture->next += behind + ((size + align - 1) & -align);
}

/* The object, with a segment of the notes that were added so far but for the last `outside` bytes.
 */
static bool find(struct fixture *fixture, uint64_t outside, char ret_text[static BUILD_ID_TEXT_MAX])
{
    const Elf64_Ehdr header = {
        .e_ident = ELFMAG, .e_phoff = 64, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 2};
    const Elf64_Phdr load = {.p_type = PT_LOAD, .p_vaddr = 0x1000};

    fixture->segment.p_filesz = fixture->next - NOTES_AT - outside;
    binary_put(fixture->binary, BINARY_BASE, &header, sizeof(header));
    binary_put(fixture->binary, BINARY_BASE + 64, &fixture->segment, sizeof(fixture->segment));
    binary_put(fixture->binary, BINARY_BASE + 64 + sizeof(load), &load, sizeof(load));
    go_windows_clear(fixture->windows);
    return go_object_build_id(fixture->windows, &fixture->binary->maps,
                              &fixture->binary->maps.mappings[1], ret_text);
}

static void test_among_others(void **state)
{
    struct fixture *fixture = *state;
    char text[BUILD_ID_TEXT_MAX];

    add_note(fixture, "GNU", NT_GNU_ABI_TAG, "abcd", 4);
    add_note(fixture, "Go\0", NT_GNU_BUILD_ID, "abcde", 5);
    add_note(fixture, "GNU", NT_GNU_BUILD_ID, "\x01\x23\xef", 3);
    assert_true(find(fixture, 0, text));
    assert_string_equal(text, "0123ef");
}

static void test_padded_to_eight(void **state)
{
    struct fixture *fixture = *state;
    char text[BUILD_ID_TEXT_MAX];

    fixture->segment.p_align = 8;
    add_note(fixture, "GNU", NT_GNU_PROPERTY_TYPE_0, "abcde", 5);
    add_note(fixture, "GNU", NT_GNU_BUILD_ID, "\x01\x23", 2);
    assert_true(find(fixture, 0, text));
    assert_string_equal(text, "0123");
}

/* As Go's linker leaves it. */
static void test_behind_the_segment(void **state)
{
    struct fixture *fixture = *state;
    char text[BUILD_ID_TEXT_MAX];

    add_note(fixture, "Go\0", 4, "go", 2);
    add_note(fixture, "GNU", NT_GNU_BUILD_ID, "\xab\xcd\xef\x01", 4);
    assert_true(find(fixture, 20, text));
    assert_string_equal(text, "abcdef01");
    add_note(fixture, "GNU", NT_GNU_BUILD_ID, "\xab\xcd\xef\x02", 4);
    assert_true(find(fixture, 20, text));
    assert_string_equal(text, "abcdef01");
}

static void test_none(void **state)
{
    struct fixture *fixture = *state;
    char text[BUILD_ID_TEXT_MAX];

    assert_false(find(fixture, 0, text));
    add_note(fixture, "Go\0", 4, "go", 2);
    add_note(fixture, "Go\0", 4, "go", 2);
    assert_false(find(fixture, 20, text));
}

static void test_hostile_lengths(void **state)
{
    static const uint32_t sizes[] = {0, BUILD_ID_MAX + 1, 4096, UINT32_MAX - 3, UINT32_MAX};
    static const char bytes[256];
    struct fixture *fixture = *state;
    char text[BUILD_ID_TEXT_MAX];

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        fixture->next = NOTES_AT;
        add_note(fixture, "GNU", NT_GNU_BUILD_ID, bytes, sizes[i]);
        assert_false(find(fixture, 0, text));
    }
    fixture->next = NOTES_AT;
    add_note(fixture, "GNU", NT_GNU_BUILD_ID, bytes, BUILD_ID_MAX);
    assert_true(find(fixture, 0, text));
    binary_put32(fixture->binary, BINARY_BASE + NOTES_AT, UINT32_MAX); /* of the name */
    assert_false(find(fixture, 0, text));
}

static void test_notes_that_are_nowhere(void **state)
{
    struct fixture *fixture = *state;
    char text[BUILD_ID_TEXT_MAX];

    add_note(fixture, "GNU", NT_GNU_BUILD_ID, "\x01", 1);
    fixture->segment.p_vaddr = UINT64_MAX - 8;
    assert_false(find(fixture, 0, text));
    fixture->segment.p_vaddr = 0x70000000;
    assert_false(find(fixture, 0, text));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_among_others, setup, teardown),
        cmocka_unit_test_setup_teardown(test_padded_to_eight, setup, teardown),
        cmocka_unit_test_setup_teardown(test_behind_the_segment, setup, teardown),
        cmocka_unit_test_setup_teardown(test_none, setup, teardown),
        cmocka_unit_test_setup_teardown(test_hostile_lengths, setup, teardown),
        cmocka_unit_test_setup_teardown(test_notes_that_are_nowhere, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
