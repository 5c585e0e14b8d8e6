/* SPDX-License-Identifier: Apache-2.0 */
/* Walks through what a file or a list of mappings says end at their bounds: what lies behind has no
 * name, what lies before has. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <dwarf.h>
#include <stdio.h>

#define ELFFILE_SIZE 0x1000000u

#include "analyst/elffile.h"
#include "analyst/unwinder.h"

#define INFO_MAX     (ELFFILE_SIZE - 0x10000)
#define LIST_RANGES  2000u
#define MANY_ENTRIES (2u << 20)
#define MANY_UNITS   (300u * 1000)
#define FUNCTION     0x100u /* of code that a function has */
#define UNIT_HEADER  11u    /* DWARF 4 */
#define ADDRESS_SIZE 8

/* .debug_info that is being written. */
struct info {
    uint8_t bytes[INFO_MAX];
    size_t size;
    size_t unit; /* where the last one begins */
};

enum {
    ABBREV_UNIT = 1,
    ABBREV_LISTED,
    ABBREV_FUNCTION,
    ABBREV_NAMESPACE,
    ABBREV_EMPTY_UNIT,
    ABBREV_EMPTY,
    ABBREV_COPY,      /* of another entry, with code */
    ABBREV_REFERENCE, /* to another entry */
};

static const uint8_t abbrevs[] = {ABBREV_UNIT,
                                  DW_TAG_compile_unit,
                                  1,
                                  DW_AT_low_pc,
                                  DW_FORM_addr,
                                  DW_AT_high_pc,
                                  DW_FORM_data8,
                                  DW_AT_language,
                                  DW_FORM_data1,
                                  0,
                                  0,
                                  ABBREV_LISTED,
                                  DW_TAG_subprogram,
                                  0,
                                  DW_AT_ranges,
                                  DW_FORM_sec_offset,
                                  0,
                                  0,
                                  ABBREV_FUNCTION,
                                  DW_TAG_subprogram,
                                  0,
                                  DW_AT_low_pc,
                                  DW_FORM_addr,
                                  DW_AT_high_pc,
                                  DW_FORM_data8,
                                  DW_AT_name,
                                  DW_FORM_string,
                                  0,
                                  0,
                                  ABBREV_NAMESPACE,
                                  DW_TAG_namespace,
                                  1,
                                  DW_AT_name,
                                  DW_FORM_string,
                                  0,
                                  0,
                                  ABBREV_EMPTY_UNIT,
                                  DW_TAG_compile_unit,
                                  0,
                                  0,
                                  0,
                                  ABBREV_EMPTY,
                                  DW_TAG_base_type,
                                  0,
                                  0,
                                  0,
                                  ABBREV_COPY,
                                  DW_TAG_subprogram,
                                  0,
                                  DW_AT_low_pc,
                                  DW_FORM_addr,
                                  DW_AT_high_pc,
                                  DW_FORM_data8,
                                  DW_AT_abstract_origin,
                                  DW_FORM_ref4,
                                  0,
                                  0,
                                  ABBREV_REFERENCE,
                                  DW_TAG_subprogram,
                                  0,
                                  DW_AT_abstract_origin,
                                  DW_FORM_ref4,
                                  0,
                                  0,
                                  0};

static void put(struct info *info, const void *bytes, size_t size)
{
    assert_true(size <= sizeof(info->bytes) - info->size);
    memcpy(info->bytes + info->size, bytes, size);
    info->size += size;
}

static void put_u8(struct info *info, uint8_t value)
{
    put(info, &value, sizeof(value));
}

static void put_code(struct info *info, uint64_t start, uint64_t size)
{
    put(info, &start, sizeof(start));
    put(info, &size, sizeof(size));
}

static struct info *info_new(void)
{
    struct info *info = calloc(1, sizeof(*info));

    assert_non_null(info);
    return info;
}

static void begin_unit(struct info *info)
{
    info->unit = info->size;
    info->size += UNIT_HEADER;
}

static void end_unit(struct info *info)
{
    uint32_t length = (uint32_t)(info->size - info->unit) - 4;
    uint8_t *unit = info->bytes + info->unit;

    memcpy(unit, &length, sizeof(length));
    unit[4] = 4; /* version */
    unit[10] = ADDRESS_SIZE;
}

/* The unit of all the code. */
static void begin_code(struct info *info)
{
    begin_unit(info);
    put_u8(info, ABBREV_UNIT);
    put_code(info, ELFFILE_TEXT, ELFFILE_TEXT_SIZE);
    put_u8(info, DW_LANG_C_plus_plus);
}

static struct info *code_new(void)
{
    struct info *info = info_new();

    begin_code(info);
    return info;
}

static void put_function_at(struct info *info, uint64_t start, uint64_t size, const char *name)
{
    put_u8(info, ABBREV_FUNCTION);
    put_code(info, start, size);
    put(info, name, strlen(name) + 1);
}

static void put_function(struct info *info, const char *name)
{
    put_function_at(info, ELFFILE_TEXT, FUNCTION, name);
}

/* The name of a byte of the code; the caller frees. "": none. */
static char *name_at(struct info *info, uint64_t offset)
{
    static uint64_t list[LIST_RANGES + 1][2];
    const struct elffile_section sections[] = {
        {".debug_info", info->bytes, info->size, SHT_PROGBITS, 0, 0, false},
        {".debug_abbrev", abbrevs, sizeof(abbrevs), SHT_PROGBITS, 0, 0, false},
        {".debug_ranges", list, sizeof(list), SHT_PROGBITS, 0, 0, false},
    };
    const struct raw_frame raw = {ELFFILE_BASE + ELFFILE_TEXT + offset, true};
    struct frame frames[SYMBOL_INLINE_MAX];
    struct elffile *file = elffile_new();
    char *name;

    for (size_t i = 0; i < LIST_RANGES; i++) /* of nothing */
        list[i][0] = list[i][1] = 16;
    end_unit(info);
    elffile_build(file, sections, 3);
    elffile_map(file);
    assert_int_equal(unwinder_symbolize(file->unwinder, &raw, frames), 1);
    name = strdup(frames[0].function ? frames[0].function : "");
    elffile_free(file);
    free(info);
    return name;
}

static void assert_named_at(struct info *info, uint64_t offset, const char *expected)
{
    char *name = name_at(info, offset);

    assert_string_equal(name, expected);
    free(name);
}

static void assert_named(struct info *info, const char *expected)
{
    assert_named_at(info, 0, expected);
}

/* So many entries before the function, all of which have one long list of ranges. */
static struct info *listed_entries(size_t n)
{
    static const uint32_t offset = 0;
    struct info *info = code_new();

    for (size_t i = 0; i < n; i++) {
        put_u8(info, ABBREV_LISTED);
        put(info, &offset, sizeof(offset));
    }
    put_function(info, "last");
    return info;
}

static void test_ranges_that_entries_share(void **state)
{
    (void)state;
    assert_named(listed_entries(100), "last");
    assert_named(listed_entries(10000), "");
}

static struct info *nested_scopes(size_t n)
{
    struct info *info = code_new();

    for (size_t i = 0; i < n; i++) {
        put_u8(info, ABBREV_NAMESPACE);
        put(info, "n", 2);
    }
    put_function(info, "f");
    return info;
}

static void test_scopes_in_one_another(void **state)
{
    (void)state;
    assert_named(nested_scopes(0), "f");
    assert_named(nested_scopes(3), "n::n::n::f");
    assert_named(nested_scopes(10000), "");
}

static struct info *units_before(size_t n)
{
    struct info *info = info_new();

    for (size_t i = 0; i < n; i++) {
        begin_unit(info);
        put_u8(info, ABBREV_EMPTY_UNIT);
        end_unit(info);
    }
    begin_code(info);
    put_function(info, "last");
    return info;
}

static void test_units(void **state)
{
    (void)state;
    assert_named(units_before(100), "last");
    assert_named(units_before(MANY_UNITS), "");
}

/* A function around the address, and so many behind its beginning that end before the address. */
static struct info *overlapping(size_t n)
{
    struct info *info = code_new();

    put_function_at(info, ELFFILE_TEXT, ELFFILE_TEXT_SIZE, "around");
    for (size_t i = 1; i <= n; i++)
        put_function_at(info, ELFFILE_TEXT + 2 * i, 1, "short");
    return info;
}

static void test_functions_that_overlap(void **state)
{
    (void)state;
    assert_named_at(overlapping(10), ELFFILE_TEXT_SIZE - 1, "around");
    assert_named_at(overlapping(1000), ELFFILE_TEXT_SIZE - 1, "");
}

static void put_reference(struct info *info, uint32_t entry)
{
    put(info, &entry, sizeof(entry));
}

/* A function whose name is found by way of `n` entries. */
static struct info *origins(size_t n)
{
    const uint32_t size = 1 + sizeof(uint32_t); /* of an entry */
    struct info *info = code_new();

    put_u8(info, ABBREV_COPY);
    put_code(info, ELFFILE_TEXT, FUNCTION);
    put_reference(info, (uint32_t)info->size + sizeof(uint32_t));
    for (size_t i = 1; i < n; i++) {
        put_u8(info, ABBREV_REFERENCE);
        put_reference(info, (uint32_t)info->size - 1 + size);
    }
    put_function_at(info, ELFFILE_TEXT + FUNCTION, 1, "named");
    return info;
}

static struct info *origin_of_itself(void)
{
    struct info *info = code_new();
    const uint32_t entry = (uint32_t)info->size;

    put_u8(info, ABBREV_COPY);
    put_code(info, ELFFILE_TEXT, FUNCTION);
    put_reference(info, entry);
    return info;
}

static void test_origins(void **state)
{
    (void)state;
    assert_named(origins(3), "named");
    assert_named(origins(1000), "");
    assert_named(origin_of_itself(), "");
}

/* What is not found out is the scope, not the name. */
static struct info *entries_before_a_scope(size_t n)
{
    struct info *info = code_new();

    for (size_t i = 0; i < n; i++)
        put_u8(info, ABBREV_EMPTY);
    put_u8(info, ABBREV_NAMESPACE);
    put(info, "n", 2);
    put_function(info, "f");
    return info;
}

static void test_entries_before_a_scope(void **state)
{
    (void)state;
    assert_named(entries_before_a_scope(100), "n::f");
    assert_named(entries_before_a_scope(MANY_ENTRIES), "f");
}

/* A file of debug information that is read to check its sum, and has no end. */
static void test_sum_of_a_file_without_end(void **state)
{
    static const char link[16] = "x.debug\0\0\0\0\0\1\2\3\4";
    const struct elffile_section section = {
        ".gnu_debuglink", link, sizeof(link), SHT_PROGBITS, 0, 0, false};
    const struct raw_frame raw = {ELFFILE_BASE + ELFFILE_TEXT, true};
    struct frame frames[SYMBOL_INLINE_MAX];
    struct elffile *file = elffile_new();

    (void)state;
    file->debug = "/dev/zero";
    elffile_build(file, &section, 1);
    elffile_map(file);
    assert_int_equal(unwinder_symbolize(file->unwinder, &raw, frames), 1);
    assert_null(file->debug); /* it was opened */
    assert_null(frames[0].function);
    elffile_free(file);
}

/* Mappings of anonymous code, each a module of its own. */
static void test_modules(void **state)
{
    static struct mapping mappings[MODULES_MAX + 2];
    const struct maps maps = {.mappings = mappings, .n = MODULES_MAX + 2};
    struct elffile *file = elffile_new();
    struct frame frames[SYMBOL_INLINE_MAX];

    (void)state;
    for (size_t i = 0; i < maps.n; i++)
        mappings[i] = (struct mapping){.start = (2 * i + 1) << 12,
                                       .end = (2 * i + 2) << 12,
                                       .executable = true,
                                       .path = "[code]"};
    elffile_build(file, NULL, 0);
    elffile_map(file);
    for (int i = 0; i < 2; i++) { /* made, and found unchanged */
        assert_int_equal(unwinder_set_maps(file->unwinder, &maps), 0);
        for (size_t k = 0; k < maps.n; k += MODULES_MAX / 2) {
            const struct raw_frame raw = {mappings[k].start, true};

            assert_int_equal(unwinder_symbolize(file->unwinder, &raw, frames), 1);
            assert_true(!frames[0].module == (k >= MODULES_MAX));
        }
    }
    elffile_free(file);
}

static void test_strings(void **state)
{
    const size_t most = INTERNS_BYTES_MAX / INTERNS_LENGTH_MAX;
    char text[INTERNS_LENGTH_MAX + 2];
    struct interns *interns;
    const char *first;
    size_t n = 0;

    (void)state;
    memset(text, 'a', sizeof(text));
    text[sizeof(text) - 1] = '\0';
    assert_int_equal(interns_new(&interns), 0);
    first = interns_keep(interns, text);
    assert_int_equal(strlen(first), INTERNS_LENGTH_MAX);
    do {
        snprintf(text, 9, "%08zx", n);
        text[8] = 'a';
    } while (interns_keep(interns, text) && ++n <= most);
    assert_in_range(n, most - most / 8, most);
    memset(text, 'a', 8);
    assert_ptr_equal(interns_keep(interns, text), first); /* what is known still is */
    interns_free(&interns);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ranges_that_entries_share),
        cmocka_unit_test(test_scopes_in_one_another),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_functions_that_overlap),
        cmocka_unit_test(test_origins),
        cmocka_unit_test(test_entries_before_a_scope),
        cmocka_unit_test(test_sum_of_a_file_without_end),
        cmocka_unit_test(test_modules),
        cmocka_unit_test(test_strings),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
