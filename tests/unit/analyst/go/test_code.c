/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>

#include "analyst/go/opened.h"

static void test_every_version(void **state)
{
    (void)state;
    for (size_t i = 0; i < BINARY_LAYOUTS; i++) {
        struct binary *binary = binary_new(&binary_layouts[i]);
        struct go_code *code = open_code(binary);
        struct rpc_range ranges[8];
        uint64_t entry = 0;

        assert_int_equal(go_code_minor(code), binary_layouts[i].minor);
        assert_int_equal(strncmp(go_code_version(code), "go1.", 4), 0);
        assert_int_equal(go_code_variables(code, ranges, 8), 2);
        assert_int_equal(go_code_variables(code, ranges, 1), 1);
        assert_int_equal(ranges[0].address, BINARY_DATA);
        assert_int_equal(ranges[0].length, 0x1000);
        assert_true(go_code_has(code, BINARY_TEXT));
        assert_false(go_code_has(code, BINARY_TEXT - 1));
        assert_false(go_code_has(code, binary_entry(BINARY_FUNCTIONS_MAX)));
        assert_string_equal(go_code_function(code, binary_entry(BINARY_GOPANIC) + 5, &entry),
                            "runtime.gopanic");
        assert_int_equal(entry, binary_entry(BINARY_GOPANIC));
        go_code_free(&code);
        assert_null(code);
        binary_free(binary);
    }
}

static void assert_frame(const struct frame *frame, const char *function, uint32_t line,
                         int inlined)
{
    assert_string_equal(frame->function, function);
    assert_string_equal(frame->file, "/src/main.go");
    assert_int_equal(frame->line, line);
    assert_int_equal(frame->inlined, inlined);
    assert_string_equal(frame->module, "binary");
}

static void test_inlined_calls_come_innermost_first(void **state)
{
    (void)state;
    for (size_t i = 0; i < BINARY_LAYOUTS; i++) {
        struct binary *binary = binary_new(&binary_layouts[i]);
        struct go_code *code = open_code(binary);
        struct raw_frame raw = {binary_entry(BINARY_LEAF) + 0x85, false};
        struct frame frames[SYMBOL_INLINE_MAX];

        for (int again = 0; again < 2; again++) { /* the second time from the cache */
            assert_int_equal(go_code_symbolize(code, &raw, frames), 3);
            assert_frame(&frames[0], "main.inner", 30, 1);
            assert_frame(&frames[1], "main.outer", 20, 1);
            assert_frame(&frames[2], "main.leaf", 11, 0);
            assert_int_equal(frames[2].address, raw.pc);
        }
        go_code_free(&code);
        binary_free(binary);
    }
}

/* A return address belongs to the call before it, an activation to itself. */
static void test_activation_is_looked_up_itself(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[2]);
    struct go_code *code = open_code(binary);
    struct raw_frame raw = {binary_entry(BINARY_LEAF), true};
    struct frame frames[SYMBOL_INLINE_MAX];

    (void)state;
    assert_int_equal(go_code_symbolize(code, &raw, frames), 1);
    assert_frame(&frames[0], "main.leaf", 10, 0);
    raw.activation = false;
    assert_int_equal(go_code_symbolize(code, &raw, frames), 1);
    assert_string_equal(frames[0].function, "runtime.gogo");
    go_code_free(&code);
    binary_free(binary);
}

static void test_unknown_address_has_a_frame(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[2]);
    struct go_code *code = open_code(binary);
    struct raw_frame raw = {0x12345, true};
    struct frame frames[SYMBOL_INLINE_MAX];
    uint64_t entry;

    (void)state;
    assert_int_equal(go_code_symbolize(code, &raw, frames), 1);
    assert_null(frames[0].function);
    assert_int_equal(frames[0].address, 0x12345);
    assert_null(go_code_function(code, 0x12345, &entry));
    go_code_free(&code);
    binary_free(binary);
}

static void test_type_arguments_are_left_out(void **state)
{
    static const struct {
        size_t layout;
        const char *name, *shown;
    } cases[] = {
        {6, "main.Map[go.shape.int,go.shape.[]string].func1", "main.Map[...].func1"},
        {7, "main.Map[go.shape.int,go.shape.[]string].func1", "main.Map[...].func1"},
        {6, "main.T[go.shape.int].M[go.shape.[]int]", "main.T[...]"},
        {7, "main.T[go.shape.int].M[go.shape.[]int]", "main.T[...].M[...]"},
        {7, "main.T[go.shape.int", "main.T[go.shape.int"},
        {7, "main.T[]", "main.T[]"},
        {2, "main.T[...]", "main.T[...]"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct binary *binary = binary_new(&binary_layouts[cases[i].layout]);
        struct go_code *code;
        uint64_t entry;

        binary_put32(binary, binary_func(BINARY_GENERIC) + binary->layout->name,
                     binary_add_name(binary, cases[i].name));
        code = open_code(binary);
        assert_string_equal(go_code_function(code, binary_entry(BINARY_GENERIC) + 4, &entry),
                            cases[i].shown);
        go_code_free(&code);
        binary_free(binary);
    }
}

static void test_unwinds_to_goexit(void **state)
{
    (void)state;
    for (size_t i = 0; i < BINARY_LAYOUTS; i++) {
        struct binary *binary = binary_new(&binary_layouts[i]);
        struct go_code *code = open_code(binary);
        struct stack_copy none = {0};
        struct stack_copy some = {BINARY_STACK, binary->stack, 0x50};
        struct raw_frame frames[8];
        uint64_t sp = BINARY_STACK;
        size_t n;

        put_return(binary, &sp, 0x40, binary_entry(BINARY_WRAPPER) + 0x20);
        put_return(binary, &sp, 0x10, binary_entry(BINARY_GENERIC) + 0x20);
        put_return(binary, &sp, 0x18, binary_entry(BINARY_GOEXIT) + 1);
        for (int copied = 0; copied < 2; copied++) {
            assert_int_equal(go_code_unwind(code, binary_entry(BINARY_LEAF) + 0x20, BINARY_STACK,
                                            copied ? &some : &none, frames, 8, &n),
                             UNWIND_WHOLE);
            assert_int_equal(n, 2); /* without the wrapper and goexit */
            assert_int_equal(frames[0].pc, binary_entry(BINARY_LEAF) + 0x20);
            assert_int_equal(frames[1].pc, binary_entry(BINARY_GENERIC) + 0x20);
            assert_false(frames[0].activation || frames[1].activation);
        }
        go_code_free(&code);
        binary_free(binary);
    }
}

static void test_goroutine_that_has_not_run(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[7]);
    struct go_code *code = open_code(binary);
    struct stack_copy none = {0};
    struct raw_frame frames[8];
    uint64_t sp = BINARY_STACK;
    size_t n;

    (void)state;
    put_return(binary, &sp, 0, binary_entry(BINARY_GOEXIT) + 1);
    assert_int_equal(
        go_code_unwind(code, binary_entry(BINARY_LEAF), BINARY_STACK, &none, frames, 8, &n),
        UNWIND_WHOLE);
    assert_int_equal(n, 1);
    assert_true(frames[0].activation);
    go_code_free(&code);
    binary_free(binary);
}

/* The frame below sigpanic stands at the instruction that failed; a wrapper that panicked itself is
 * shown. */
static void test_frame_below_a_panic(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[5]);
    struct go_code *code = open_code(binary);
    struct stack_copy none = {0};
    struct raw_frame frames[8];
    uint64_t sp = BINARY_STACK;
    size_t n;

    (void)state;
    put_return(binary, &sp, 0x30, binary_entry(BINARY_SIGPANIC) + 0x20);
    put_return(binary, &sp, 0x20, binary_entry(BINARY_WRAPPER) + 0x20);
    put_return(binary, &sp, 0x10, binary_entry(BINARY_GOEXIT) + 1);
    assert_int_equal(go_code_unwind(code, binary_entry(BINARY_GOPANIC) + 0x20, BINARY_STACK, &none,
                                    frames, 8, &n),
                     UNWIND_WHOLE);
    assert_int_equal(n, 3);
    assert_false(frames[1].activation);
    assert_true(frames[2].activation);
    assert_int_equal(frames[2].pc, binary_entry(BINARY_WRAPPER) + 0x20);
    go_code_free(&code);
    binary_free(binary);
}

static void test_stack_that_cannot_be_followed(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[4]);
    struct go_code *code = open_code(binary);
    const uint64_t leaf = binary_entry(BINARY_LEAF) + 0x20;
    struct stack_copy none = {0};
    struct raw_frame frames[8];
    uint64_t sp = BINARY_STACK;
    size_t n;

    (void)state;
    /* Into C. */
    put_return(binary, &sp, 0x40, 0x7f0000001000);
    assert_int_equal(go_code_unwind(code, leaf, BINARY_STACK, &none, frames, 8, &n), UNWIND_CUT);
    assert_int_equal(n, 1);
    /* Into a function that moves sp, past which nothing is known. */
    sp = BINARY_STACK;
    put_return(binary, &sp, 0x40, binary_entry(BINARY_SWITCH) + 0x20);
    put_return(binary, &sp, 0, binary_entry(BINARY_GOEXIT) + 1);
    assert_int_equal(go_code_unwind(code, leaf, BINARY_STACK, &none, frames, 8, &n), UNWIND_CUT);
    assert_int_equal(n, 2);
    /* Off the stack, and off the address space. */
    assert_int_equal(go_code_unwind(code, leaf, 8, &none, frames, 8, &n), UNWIND_CUT);
    assert_int_equal(go_code_unwind(code, leaf, UINT64_MAX - 0x3f, &none, frames, 8, &n),
                     UNWIND_CUT);
    assert_int_equal(n, 1);
    /* Not in Go at all. */
    assert_int_equal(go_code_unwind(code, 0x1000, BINARY_STACK, &none, frames, 8, &n), UNWIND_CUT);
    assert_int_equal(n, 0);
    go_code_free(&code);
    binary_free(binary);
}

static void test_system_stack_ends_at_mcall(void **state)
{
    (void)state;
    for (size_t i = 0; i < BINARY_LAYOUTS; i++) {
        struct binary *binary = binary_new(&binary_layouts[i]);
        struct go_code *code = open_code(binary);
        struct stack_copy none = {0};
        struct raw_frame frames[8];
        uint64_t sp = BINARY_STACK;
        size_t n;

        put_return(binary, &sp, 0x40, binary_entry(BINARY_MCALL) + 0x20);
        put_return(binary, &sp, 0x8, binary_entry(BINARY_GENERIC) + 0x20);
        assert_int_equal(go_code_unwind(code, binary_entry(BINARY_LEAF) + 0x20, BINARY_STACK, &none,
                                        frames, 8, &n),
                         UNWIND_WHOLE);
        assert_int_equal(n, 2);
        assert_int_equal(frames[1].pc, binary_entry(BINARY_MCALL) + 0x20);
        go_code_free(&code);
        binary_free(binary);
    }
}

static void test_deep_stack_is_capped(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[4]);
    struct go_code *code = open_code(binary);
    struct stack_copy none = {0};
    struct raw_frame frames[8];
    uint64_t sp = BINARY_STACK;
    size_t n;

    (void)state;
    while (sp + 0x48 <= BINARY_STACK + BINARY_SEGMENT)
        put_return(binary, &sp, 0x40, binary_entry(BINARY_LEAF) + 0x20);
    assert_int_equal(
        go_code_unwind(code, binary_entry(BINARY_LEAF) + 0x20, BINARY_STACK, &none, frames, 8, &n),
        UNWIND_CAPPED);
    assert_int_equal(n, 8);
    go_code_free(&code);
    binary_free(binary);
}

static void test_addresses_of_the_file(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[3]);
    const Elf64_Ehdr header = {
        .e_ident = ELFMAG, .e_phoff = 64, .e_phentsize = sizeof(Elf64_Phdr), .e_phnum = 1};
    const Elf64_Phdr segment = {.p_type = PT_LOAD, .p_vaddr = 0x1000};
    struct raw_frame raw = {binary_entry(BINARY_LEAF) + 0x10, true};
    struct frame frames[SYMBOL_INLINE_MAX];
    struct go_code *code;

    (void)state;
    binary_put(binary, BINARY_BASE, &header, sizeof(header));
    binary_put(binary, BINARY_BASE + 64, &segment, sizeof(segment));
    code = open_code(binary);
    go_code_symbolize(code, &raw, frames);
    assert_int_equal(frames[0].offset, raw.pc - (BINARY_BASE - 0x1000));
    go_code_free(&code);
    binary_free(binary);
}

static void test_other_forms_of_versions(void **state)
{
    static const struct {
        const char *version;
        int minor;
    } cases[] = {
        {"devel go1.27-1a2b3c4d Tue Nov 3", 127},
        {"go1.27rc2 X:nosynctest", 127},
        {"go1.31.0", 131}, /* not known yet: tried with the newest layout */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct binary *binary = binary_new(&binary_layouts[7]);
        struct go_code *code;

        binary_put_version(binary, cases[i].version);
        code = open_code(binary);
        assert_string_equal(go_code_version(code), cases[i].version);
        assert_int_equal(go_code_minor(code), cases[i].minor);
        go_code_free(&code);
        binary_free(binary);
    }
}

/* Before 1.18 build information points to the runtime's own string. */
static void test_version_behind_a_pointer(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[0]);
    struct go_code *code;

    (void)state;
    binary_put8(binary, BINARY_BUILDINFO + 15, 0);
    binary_put64(binary, BINARY_BUILDINFO + 16, BINARY_DATA + 0x900);
    binary_put64(binary, BINARY_DATA + 0x900, BINARY_DATA + 0x920);
    binary_put64(binary, BINARY_DATA + 0x908, 7);
    binary_put(binary, BINARY_DATA + 0x920, "go1.17.1", 8);
    code = open_code(binary);
    assert_string_equal(go_code_version(code), "go1.17.");
    go_code_free(&code);
    binary_put64(binary, BINARY_DATA + 0x908, UINT64_MAX);
    assert_refused(binary, "recorded nowhere");
    binary_put64(binary, BINARY_BUILDINFO + 16, UINT64_MAX);
    assert_refused(binary, "recorded nowhere");
    binary_free(binary);
}

/* Without build information the runtime's own string tells, unless there are others like it. */
static void test_version_among_the_strings(void **state)
{
    static const char text[] = "go1.24.4go1.23.1go1.19.8go1.24.4 ";
    struct binary *binary = binary_new(&binary_layouts[4]);
    const uint64_t strings = BINARY_DATA + 0x1100; /* its variables with pointers */
    struct go_code *code;

    (void)state;
    memset(binary_at(binary, BINARY_BUILDINFO, 64), 0, 64);
    binary_put(binary, BINARY_TABLES + 0x5000, text, sizeof(text));
    assert_refused(binary, "recorded nowhere");
    binary_put64(binary, strings, BINARY_TABLES + 0x5000);
    binary_put64(binary, strings + 8, 8);
    binary_put64(binary, strings + 16, BINARY_TABLES + 0x5010); /* of other tables */
    binary_put64(binary, strings + 24, 8);
    binary_put64(binary, strings + 32, BINARY_TABLES + 0x5018);
    binary_put64(binary, strings + 40, 8);
    binary_put64(binary, strings + 48, UINT64_MAX); /* no string */
    binary_put64(binary, strings + 56, 8);
    code = open_code(binary);
    assert_string_equal(go_code_version(code), "go1.24.4");
    go_code_free(&code);
    binary_put64(binary, strings + 48, BINARY_TABLES + 0x5008); /* might be, too */
    assert_refused(binary, "recorded nowhere");
    binary_free(binary);
}

/* Sections with a gap between them: what is behind it is further away than its offset says. */
static void test_several_sections(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[5]);
    const uint64_t first = 4 * BINARY_FUNCTION_SIZE, gap = 0x400;
    const uint64_t all = BINARY_FUNCTIONS_MAX * BINARY_FUNCTION_SIZE;
    struct go_code *code;
    uint64_t entry;

    (void)state;
    binary_put_slice(binary, BINARY_MODULEDATA + 328, BINARY_SECTIONS, 2);
    binary_put64(binary, BINARY_SECTIONS + 8, first);
    binary_put64(binary, BINARY_SECTIONS + 24, first);
    binary_put64(binary, BINARY_SECTIONS + 32, all);
    binary_put64(binary, BINARY_SECTIONS + 40, BINARY_TEXT + first + gap);
    binary_put64(binary, BINARY_MODULEDATA + 168, BINARY_TEXT + all + gap);
    binary_put64(binary, BINARY_MODULEDATA + 184, BINARY_TEXT + all + gap);
    code = open_code(binary);
    assert_string_equal(go_code_function(code, BINARY_TEXT + first + gap + 4, &entry), "main.leaf");
    assert_int_equal(entry, BINARY_TEXT + first + gap);
    assert_null(go_code_function(code, BINARY_TEXT + first + 4, &entry));
    assert_string_equal(go_code_function(code, BINARY_TEXT + first - 1, &entry), "runtime.gogo");
    go_code_free(&code);
    binary_free(binary);
}

/* A plugin is a module like any other; it is met when its code is mapped, as `text` says. */
static void take_up_plugin(const char *text)
{
    struct binary *binary = binary_new(&binary_layouts[5]);
    struct raw_frame frames[8];
    struct stack_copy none = {0};
    struct go_code *code = open_code(binary);
    struct maps more = {0};
    struct rpc_range ranges[16];
    size_t n;

    assert_int_equal(go_code_unwind(code, 0x404010, BINARY_STACK, &none, frames, 8, &n),
                     UNWIND_CUT);
    assert_int_equal(go_code_update(code, &binary->maps), 0);
    assert_int_equal(go_code_variables(code, ranges, 16), 2);
    assert_int_equal(maps_parse(text, strlen(text), &more), 0);
    assert_false(go_code_has_grown(code));
    binary_put64(binary, BINARY_MODULEDATA + 576, binary_add_plugin(binary, 0x404000));
    assert_true(go_code_has_grown(code));
    assert_int_equal(go_code_update(code, &binary->maps), 0); /* no new code is mapped */
    assert_false(go_code_has(code, 0x404010));
    assert_int_equal(go_code_update(code, &more), 0);
    assert_true(go_code_has(code, 0x404010));
    assert_false(go_code_has_grown(code));
    assert_int_equal(go_code_variables(code, ranges, 16), 4);
    go_code_unwind(code, 0x404010, BINARY_STACK, &none, frames, 8, &n);
    assert_int_equal(n, 1);
    maps_free(&more);
    go_code_free(&code);
    binary_free(binary);
}

static void test_plugin_that_comes_later(void **state)
{
    (void)state;
    take_up_plugin("400000-402000 r-xp 00000000 fe:01 77 /srv/program\n"
                   "402000-410000 r-xp 00002000 fe:01 77 /srv/program\n"
                   "508000-518000 r--p 00010000 fe:01 77 /srv/program\n"
                   "600000-610000 rw-p 00020000 fe:01 77 /srv/program\n");
}

/* As many mappings of code as before: something else is gone. */
static void test_plugin_in_place_of_another_library(void **state)
{
    (void)state;
    take_up_plugin("400000-410000 r-xp 00000000 fe:01 78 /srv/plugin\n"
                   "508000-518000 r--p 00010000 fe:01 78 /srv/plugin\n"
                   "600000-610000 rw-p 00020000 fe:01 78 /srv/plugin\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_version),
        cmocka_unit_test(test_inlined_calls_come_innermost_first),
        cmocka_unit_test(test_activation_is_looked_up_itself),
        cmocka_unit_test(test_unknown_address_has_a_frame),
        cmocka_unit_test(test_type_arguments_are_left_out),
        cmocka_unit_test(test_unwinds_to_goexit),
        cmocka_unit_test(test_goroutine_that_has_not_run),
        cmocka_unit_test(test_frame_below_a_panic),
        cmocka_unit_test(test_stack_that_cannot_be_followed),
        cmocka_unit_test(test_system_stack_ends_at_mcall),
        cmocka_unit_test(test_deep_stack_is_capped),
        cmocka_unit_test(test_addresses_of_the_file),
        cmocka_unit_test(test_other_forms_of_versions),
        cmocka_unit_test(test_version_behind_a_pointer),
        cmocka_unit_test(test_version_among_the_strings),
        cmocka_unit_test(test_several_sections),
        cmocka_unit_test(test_plugin_that_comes_later),
        cmocka_unit_test(test_plugin_in_place_of_another_library),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
