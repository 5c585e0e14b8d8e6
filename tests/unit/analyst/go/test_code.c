/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <elf.h>

#include "analyst/go/binary.h"

static struct go_code *open_code(struct binary *binary)
{
    struct go_code *code = NULL;
    char why[GO_WHY_MAX] = "";

    if (go_code_new(&binary->memory, &binary->maps, why, &code))
        fail_msg("%s: %s", "refused", why);
    return code;
}

/* Refused, for a reason that says `why`. */
static void assert_refused(struct binary *binary, const char *why)
{
    struct go_code *code = NULL;
    char said[GO_WHY_MAX] = "";

    assert_int_equal(go_code_new(&binary->memory, &binary->maps, said, &code), -ENOTSUP);
    assert_null(code);
    if (!strstr(said, why))
        fail_msg("said \"%s\" and not \"%s\"", said, why);
}

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
        assert_int_equal(go_code_entry(code, "main.leaf"), binary_entry(BINARY_LEAF));
        assert_int_equal(go_code_entry(code, "main.lea"), 0);
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

/* Writes return addresses where functions with these stack sizes leave them. Returns the last sp.
 */
static void put_return(struct binary *binary, uint64_t *sp, uint64_t delta, uint64_t pc)
{
    binary_put64(binary, *sp + delta, pc);
    *sp += delta + 8;
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

/* Wrappers are not counted as frames, and still do not go on for ever. */
static void test_wrappers_without_end(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[4]);
    struct go_code *code = open_code(binary);
    struct stack_copy none = {0};
    struct raw_frame frames[8];
    size_t n;

    (void)state;
    binary_put32(binary, binary_func(BINARY_WRAPPER) + binary->layout->tables,
                 binary_add_constant(binary, 0));
    for (uint64_t at = 0; at < BINARY_SEGMENT; at += 8)
        binary_put64(binary, BINARY_STACK + at, binary_entry(BINARY_WRAPPER) + 0x20);
    assert_int_not_equal(go_code_unwind(code, binary_entry(BINARY_WRAPPER) + 0x20, BINARY_STACK,
                                        &none, frames, 8, &n),
                         UNWIND_WHOLE);
    assert_int_equal(n, 0);
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

static void test_no_go(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[0]);
    struct go_code *code = NULL;
    char why[GO_WHY_MAX];

    (void)state;
    memset(binary->data, 0, sizeof(binary->data));
    assert_int_equal(go_code_new(&binary->memory, &binary->maps, why, &code), -ENOENT);
    assert_null(code);
    binary_free(binary);
}

static void test_versions_that_are_refused(void **state)
{
    static const struct {
        const char *version, *why;
    } cases[] = {
        {"go1.16.15", "older than 1.17"},
        {"go1.9", "older than 1.17"},
        {"go1.999999999999999", "recorded nowhere"},
        {"unknown", "recorded nowhere"},
        {"", "recorded nowhere"},
        {"go1.22\x1b[2J", "recorded nowhere"},
        {"go1.120.1", "recorded nowhere"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct binary *binary = binary_new(&binary_layouts[4]);

        binary_put_version(binary, cases[i].version);
        assert_refused(binary, cases[i].why);
        binary_free(binary);
    }
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

static void test_obfuscated(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[4]);

    (void)state;
    binary_put32(binary, BINARY_TABLES, 0xfffffff9);
    assert_refused(binary, "obfuscated");
    binary_put32(binary, BINARY_TABLES, binary->layout->magic);
    binary_put(binary, BINARY_NAMES + 1, "zzzzzzz.sigpanic", 17);
    assert_refused(binary, "obfuscated");
    binary_free(binary);
}

/* A word of the moduledata or of the function table's header that makes the whole of it
 * unbelievable. */
static void test_spoiled_modules_are_refused(void **state)
{
    static const struct {
        uint64_t address, value;
    } cases[] = {
        /* The header: quantum and size of a pointer, number of functions, where tables are. */
        {BINARY_TABLES + 4, 0x0804000000000000},
        {BINARY_TABLES + 8, 0},
        {BINARY_TABLES + 8, BINARY_FUNCTIONS_MAX + 1},
        {BINARY_TABLES + 8, UINT64_MAX},
        {BINARY_TABLES + 32, 0x68},
        {BINARY_TABLES + 64, UINT64_MAX},
        /* The moduledata: tables that reach into one another or far beyond. */
        {BINARY_MODULEDATA + 8 + 8, 0x10000},
        {BINARY_MODULEDATA + 32, BINARY_UNITS + 4},
        {BINARY_MODULEDATA + 80, BINARY_FILES},
        {BINARY_MODULEDATA + 104 + 8, UINT64_MAX},
        {BINARY_MODULEDATA + 104 + 8, 0x10},
        {BINARY_MODULEDATA + 128, BINARY_FUNCTIONS + 0x1000},
        {BINARY_MODULEDATA + 128, UINT64_MAX},
        {BINARY_MODULEDATA + 128 + 8, 1ull << 40},
        /* Code and variables that are not where such things are. */
        {BINARY_MODULEDATA + 160, BINARY_TABLES},
        {BINARY_MODULEDATA + 168, UINT64_MAX},
        {BINARY_MODULEDATA + 168, BINARY_TEXT},
        {BINARY_MODULEDATA + 176, 8},
        {BINARY_MODULEDATA + 192, UINT64_MAX},
        {BINARY_MODULEDATA + 200, UINT64_MAX},
        {BINARY_MODULEDATA + 216, 1ull << 62},
        {BINARY_MODULEDATA + 320, 16}, /* gofunc */
        /* Sections of code. */
        {BINARY_MODULEDATA + 328, UINT64_MAX - 7},
        {BINARY_MODULEDATA + 336, 0},
        {BINARY_MODULEDATA + 336, 1ull << 61},
        {BINARY_SECTIONS + 16, BINARY_DATA},
        /* The index: where the first function begins, and the last one ends. */
        {BINARY_FUNCTIONS, 16},
        {BINARY_FUNCTIONS + 8 * BINARY_FUNCTIONS_MAX, 16},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct binary *binary = binary_new(&binary_layouts[4]);
        struct go_code *code = NULL;
        char why[GO_WHY_MAX] = "";
        int r;

        binary_put64(binary, cases[i].address, cases[i].value);
        /* A word and its twin: length and capacity of a slice. */
        if (cases[i].address > BINARY_MODULEDATA && cases[i].address < BINARY_MODULEDATA + 160 &&
            (cases[i].address - BINARY_MODULEDATA - 8) % 24 == 8)
            binary_put64(binary, cases[i].address + 8, cases[i].value);
        if (cases[i].address == BINARY_MODULEDATA + 336)
            binary_put64(binary, cases[i].address + 8, cases[i].value);
        r = go_code_new(&binary->memory, &binary->maps, why, &code);
        if (r != -ENOTSUP)
            fail_msg("case %zu: %d", i, r);
        assert_null(code);
        assert_true(why[0]);
        binary_free(binary);
    }
}

/* What a spoilt function costs: its name, its file, its inlined calls or all that is known of it.
 */
static void test_spoiled_functions_lose_what_is_spoilt(void **state)
{
    const struct binary_layout *layout = &binary_layouts[4];
    const uint64_t func = binary_func(BINARY_LEAF), index = binary_index_of(layout, BINARY_LEAF);
    const uint64_t behind = func + layout->func, call = BINARY_GOFUNC + 0x20 + layout->inlined;
    const struct {
        uint64_t address;
        uint32_t value;
        size_t n;
        bool has_name, has_file;
    } cases[] = {
        {func, BINARY_LEAF * BINARY_FUNCTION_SIZE, 3, true, true}, /* as it was */
        {index, 0, 1, false, false},                               /* not ascending */
        {index, UINT32_MAX, 1, true, false},      /* the one before reaches into it */
        {index + 4, UINT32_MAX, 1, false, false}, /* _func outside of the table */
        {index + 4, 0xff0, 1, false, false},      /* or across its end */
        {func, 0x77, 1, false, false},            /* of another place */
        {func + layout->name, UINT32_MAX, 3, false, true},
        {func + layout->name, 0x300, 3, false, true},
        {func + layout->tables + 4, 0x400, 3, true, false},      /* pcfile */
        {func + layout->tables + 8, UINT32_MAX, 3, true, false}, /* pcln */
        {func + layout->unit, 15, 3, true, false},
        {func + layout->unit, UINT32_MAX, 3, true, false},
        {behind + 8, UINT32_MAX, 1, true, true},  /* PCDATA_InlTreeIndex */
        {behind + 28, UINT32_MAX, 1, true, true}, /* FUNCDATA_InlTree */
        {behind + 28, 0xfffffff0, 1, true, true},
        {call + layout->inlined_name, UINT32_MAX, 1, true, true},
        {call + layout->inlined_parent, UINT32_MAX, 1, true, true},
        {call + layout->inlined_parent, 0x85, SYMBOL_INLINE_MAX, true, true}, /* in itself */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct binary *binary = binary_new(layout);
        struct raw_frame raw = {binary_entry(BINARY_LEAF) + 0x85, true};
        struct frame frames[SYMBOL_INLINE_MAX], *last;
        struct go_code *code;
        size_t n;

        binary_put32(binary, cases[i].address, cases[i].value);
        code = open_code(binary);
        n = go_code_symbolize(code, &raw, frames);
        last = &frames[n - 1];
        if (n != cases[i].n || !!last->function != cases[i].has_name ||
            !!last->file != cases[i].has_file)
            fail_msg("case %zu: %zu frames, %s in %s", i, n, last->function, last->file);
        go_code_free(&code);
        binary_free(binary);
    }
}

/* Without a table of how much stack it uses, or with one that lies, a function has no caller. */
static void test_spoiled_stack_sizes(void **state)
{
    static const int32_t deltas[] = {-8, 4, 1 << 30, INT32_MAX - 7};
    struct raw_frame frames[8];
    struct stack_copy none = {0};
    size_t n;

    (void)state;
    for (size_t i = 0; i <= sizeof(deltas) / sizeof(deltas[0]); i++) {
        struct binary *binary = binary_new(&binary_layouts[4]);
        struct go_code *code;
        uint64_t sp = BINARY_STACK;

        put_return(binary, &sp, 0, binary_entry(BINARY_GOEXIT) + 1);
        binary_put32(binary, binary_func(BINARY_LEAF) + binary->layout->tables,
                     i == 0 ? 0 : binary_add_constant(binary, deltas[i - 1]));
        code = open_code(binary);
        assert_int_equal(
            go_code_unwind(code, binary_entry(BINARY_LEAF) + 4, BINARY_STACK, &none, frames, 8, &n),
            UNWIND_CUT);
        go_code_free(&code);
        binary_free(binary);
    }
}

/* Tables that never end, or whose numbers do not: each byte value in turn, all over the values. */
static void test_values_of_any_byte(void **state)
{
    struct raw_frame raw[8], at = {binary_entry(BINARY_LEAF) + 0x85, true};
    struct frame frames[SYMBOL_INLINE_MAX];
    struct stack_copy none = {0};
    size_t n;

    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        struct binary *binary = binary_new(&binary_layouts[byte % BINARY_LAYOUTS]);
        struct go_code *code = open_code(binary);

        memset(binary_at(binary, BINARY_VALUES, 0x400), byte, 0x400);
        assert_in_range(go_code_symbolize(code, &at, frames), 1, SYMBOL_INLINE_MAX);
        go_code_unwind(code, at.pc, BINARY_STACK, &none, raw, 8, &n);
        assert_in_range(n, 0, 8);
        go_code_free(&code);
        binary_free(binary);
    }
}

/* Each byte of moduledata, header, index and functions, spoilt alone. */
static void test_every_byte_spoilt(void **state)
{
    static const struct {
        uint64_t from, to;
    } areas[] = {
        {BINARY_MODULEDATA, BINARY_MODULEDATA + 0x180},
        {BINARY_BUILDINFO, BINARY_BUILDINFO + 0x30},
        {BINARY_TABLES, BINARY_TABLES + 0x60},
        {BINARY_FUNCTIONS, BINARY_FUNCTIONS + 0x80},
        {BINARY_FUNCS, BINARY_FUNCS + 0x80 * BINARY_FUNCTIONS_MAX},
        {BINARY_GOFUNC, BINARY_GOFUNC + 0x60},
    };
    struct binary *binary = binary_new(&binary_layouts[7]);

    (void)state;
    for (size_t i = 0; i < sizeof(areas) / sizeof(areas[0]); i++)
        for (uint64_t at = areas[i].from; at < areas[i].to; at++) {
            uint8_t *byte = binary_at(binary, at, 1);
            struct raw_frame raw[8] = {{binary_entry(BINARY_LEAF) + 0x85, true}};
            struct frame frames[SYMBOL_INLINE_MAX];
            struct stack_copy none = {0};
            struct go_code *code = NULL;
            char why[GO_WHY_MAX];
            size_t n;

            *byte ^= 0xff;
            if (go_code_new(&binary->memory, &binary->maps, why, &code) == 0) {
                assert_in_range(go_code_symbolize(code, raw, frames), 1, SYMBOL_INLINE_MAX);
                go_code_unwind(code, raw[0].pc, BINARY_STACK, &none, raw, 8, &n);
            }
            go_code_free(&code);
            *byte ^= 0xff;
        }
    binary_free(binary);
}

/* Memory that vanishes: nothing but failed reads. */
static int read_nothing(void *context, uint64_t address, void *buffer, size_t size)
{
    (void)context, (void)address, (void)buffer, (void)size;
    return -EFAULT;
}

static int read_no_ranges(void *context, const struct rpc_range *ranges, size_t n,
                          const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    (void)context, (void)ranges, (void)n, (void)ret_bytes, (void)ret_lengths;
    return -ESRCH;
}

static void test_target_that_is_gone(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[4]);
    struct raw_frame raw[8] = {{binary_entry(BINARY_LEAF) + 0x85, true}};
    struct frame frames[SYMBOL_INLINE_MAX];
    struct stack_copy none = {0};
    struct go_code *code = open_code(binary), *other = NULL;
    char why[GO_WHY_MAX];
    size_t n;

    (void)state;
    binary->memory = (struct go_memory){read_nothing, read_no_ranges, NULL};
    go_code_symbolize(code, raw, frames); /* from what was read before */
    assert_int_equal(go_code_unwind(code, raw[0].pc, BINARY_STACK, &none, raw, 8, &n), UNWIND_CUT);
    assert_int_equal(n, 1);
    assert_int_equal(go_code_new(&binary->memory, &binary->maps, why, &other), -ENOENT);
    go_code_free(&code);
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

/* Two moduledata of the same code: the second is not believed. */
static void test_overlapping_modules(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[5]);
    struct go_code *code;
    struct rpc_range ranges[8];

    (void)state;
    memcpy(binary->data + 0xa00, binary->data + 0x200, 0x200);
    code = open_code(binary);
    assert_int_equal(go_code_variables(code, ranges, 8), 2);
    go_code_free(&code);
    binary_free(binary);
}

/* A plugin is a module like any other; it is met when its code is mapped. */
static void test_plugin_that_comes_later(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[5]);
    struct raw_frame frames[8];
    struct stack_copy none = {0};
    struct go_code *code = open_code(binary);
    struct maps more = {0};
    static const char text[] = "400000-402000 r-xp 00000000 fe:01 77 /srv/program\n"
                               "402000-410000 r-xp 00002000 fe:01 77 /srv/program\n"
                               "508000-518000 r--p 00010000 fe:01 77 /srv/program\n"
                               "600000-610000 rw-p 00020000 fe:01 77 /srv/program\n";
    struct rpc_range ranges[16];
    size_t n;

    (void)state;
    assert_int_equal(go_code_unwind(code, 0x404010, BINARY_STACK, &none, frames, 8, &n),
                     UNWIND_CUT);
    assert_int_equal(go_code_update(code, &binary->maps), 0);
    assert_int_equal(go_code_variables(code, ranges, 16), 2);
    assert_int_equal(maps_parse(text, sizeof(text) - 1, &more), 0);
    binary_add_plugin(binary, 0x404000);
    assert_int_equal(go_code_update(code, &binary->maps), 0); /* no new code is mapped */
    assert_false(go_code_has(code, 0x404010));
    assert_int_equal(go_code_update(code, &more), 0);
    assert_true(go_code_has(code, 0x404010));
    assert_int_equal(go_code_variables(code, ranges, 16), 4);
    go_code_unwind(code, 0x404010, BINARY_STACK, &none, frames, 8, &n);
    assert_int_equal(n, 1);
    maps_free(&more);
    go_code_free(&code);
    binary_free(binary);
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
        cmocka_unit_test(test_deep_stack_is_capped),
        cmocka_unit_test(test_wrappers_without_end),
        cmocka_unit_test(test_addresses_of_the_file),
        cmocka_unit_test(test_no_go),
        cmocka_unit_test(test_versions_that_are_refused),
        cmocka_unit_test(test_other_forms_of_versions),
        cmocka_unit_test(test_version_behind_a_pointer),
        cmocka_unit_test(test_version_among_the_strings),
        cmocka_unit_test(test_obfuscated),
        cmocka_unit_test(test_spoiled_modules_are_refused),
        cmocka_unit_test(test_spoiled_functions_lose_what_is_spoilt),
        cmocka_unit_test(test_spoiled_stack_sizes),
        cmocka_unit_test(test_values_of_any_byte),
        cmocka_unit_test(test_every_byte_spoilt),
        cmocka_unit_test(test_target_that_is_gone),
        cmocka_unit_test(test_several_sections),
        cmocka_unit_test(test_overlapping_modules),
        cmocka_unit_test(test_plugin_that_comes_later),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
