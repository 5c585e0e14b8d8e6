/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "analyst/go/buildinfo.h"
#include "analyst/go/opened.h"
#include "analyst/go/pclntab.h"
#include "analyst/go/window.h"

#define LONG_STACK (64ul << 20)

/* As binary_read_ranges(), but that the stack is mapped over and over behind its beginning. */
static int read_long_stack(void *context, const struct rpc_range *ranges, size_t n,
                           const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    struct rpc_range here[RPC_RANGES_MAX];

    for (size_t i = 0; i < n; i++) {
        here[i] = ranges[i];
        if (ranges[i].address >= BINARY_STACK && ranges[i].address < BINARY_STACK + LONG_STACK)
            here[i].address = BINARY_STACK + ranges[i].address % 4096;
    }
    return binary_read_ranges(context, here, n, ret_bytes, ret_lengths);
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
    binary->memory.read_ranges = read_long_stack;
    binary->n_reads = 0;
    assert_int_not_equal(go_code_unwind(code, binary_entry(BINARY_WRAPPER) + 0x20, BINARY_STACK,
                                        &none, frames, 8, &n),
                         UNWIND_WHOLE);
    assert_int_equal(n, 0);
    assert_in_range(binary->n_reads, 1, 100);
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

/* As garble does: no version, and tables with a magic of their own. That it is Go is known still.
 */
static void test_obfuscated_without_a_version(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[4]);

    (void)state;
    binary_put_version(binary, "unknown");
    binary_put32(binary, BINARY_TABLES, 0xfffffff9);
    assert_refused(binary, "Go of unknown version: no function table of a known kind");
    binary_free(binary);
}

/* A word of the moduledata or of the function table's header that makes the whole of it
 * unbelievable. */
static void test_spoilt_modules_are_refused(void **state)
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

/* As binary_read_ranges(), but that the page of the index is mapped over and over behind it. */
static int read_vast(void *context, const struct rpc_range *ranges, size_t n,
                     const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    struct rpc_range here[RPC_RANGES_MAX];

    for (size_t i = 0; i < n; i++) {
        here[i] = ranges[i];
        if (ranges[i].address > BINARY_FUNCTIONS &&
            !binary_at(context, ranges[i].address, ranges[i].length))
            here[i].address = BINARY_FUNCTIONS + ranges[i].address % 4096;
    }
    return binary_read_ranges(context, here, n, ret_bytes, ret_lengths);
}

/* A table of 60 million functions that fits its bytes, of which the target has but 4096: the search
 * for one by its name gives up. */
static void test_functions_without_end(void **state)
{
    const uint64_t n = BINARY_FUNCTIONS_MAX + 4096 / 8 * 117000;
    struct binary *binary = binary_new(&binary_layouts[4]);
    const struct binary_layout *layout = binary->layout;
    struct go_code *code = NULL;
    char why[GO_WHY_MAX] = "";

    (void)state;
    binary->memory.read_ranges = read_vast;
    binary_put64(binary, BINARY_TABLES + 8, n);
    binary_put_slice(binary, BINARY_MODULEDATA + 104, BINARY_FUNCTIONS, 1ull << 30);
    binary_put_slice(binary, BINARY_MODULEDATA + 128, BINARY_FUNCTIONS, n + 1);
    binary_put32(binary, binary_func(BINARY_SIGPANIC) + layout->name,
                 binary_add_name(binary, "obfuscated"));
    assert_int_equal(go_code_new(&binary->memory, &binary->maps, why, &code), -ENOTSUP);
    assert_non_null(strstr(why, "obfuscated"));
    assert_true(binary->n_reads < n * 8 / GO_WINDOW_SIZE / 2);
    binary_free(binary);
}

/* A table of values that goes on for a gigabyte and never comes to the instruction: each pair of it
 * changes the value, for no instructions. */
static void test_values_without_end(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[4]);
    struct go_windows *windows;
    struct go_module module = {.values = {BINARY_DATA + BINARY_SEGMENT, 1ull << 30}};
    struct go_function function = {.module = &module, .entry = BINARY_TEXT, .end = BINARY_TEXT + 1};
    int32_t value;

    (void)state;
    binary->memory.read_ranges = read_vast;
    for (uint64_t at = 0; at < 4096; at += 2)
        binary_put(binary, BINARY_FUNCTIONS + at, "\2", 2);
    assert_int_equal(go_windows_new(&binary->memory, &windows), 0);
    assert_false(go_function_value(windows, &function, 2, BINARY_TEXT, &value));
    assert_in_range(binary->n_reads, 4, 1000); /* a window each */
    go_windows_free(&windows);
    binary_free(binary);
}

/* What a spoilt function costs: its name, its file, its inlined calls or all that is known of it.
 */
static void test_spoilt_functions_lose_what_is_spoilt(void **state)
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
        {func + layout->tables + 4, 0x408, 3, true, false},      /* pcfile */
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
static void test_spoilt_stack_sizes(void **state)
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
    binary->memory = (struct go_memory){.read = read_nothing, .read_ranges = read_no_ranges};
    go_code_symbolize(code, raw, frames); /* from what was read before */
    assert_int_equal(go_code_unwind(code, raw[0].pc, BINARY_STACK, &none, raw, 8, &n), UNWIND_CUT);
    assert_int_equal(n, 1);
    assert_int_equal(go_code_new(&binary->memory, &binary->maps, why, &other), -ENOENT);
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

static void map(struct binary *binary, const char *text)
{
    maps_free(&binary->maps);
    assert_int_equal(maps_parse(text, strlen(text), &binary->maps), 0);
}

/* Data of half a terabyte in front of that which the modules are in. */
static void test_data_without_end(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[4]);

    (void)state;
    map(binary, "400000-410000 r-xp 00000000 fe:01 77 /srv/binary\n"
                "508000-518000 r--p 00010000 fe:01 77 /srv/binary\n"
                "520000-540000 rw-p 00040000 fe:01 77 /srv/binary\n"
                "600000-610000 rw-p 00020000 fe:01 77 /srv/binary\n");
    go_code_free(&(struct go_code *){open_code(binary)});
    map(binary, "400000-410000 r-xp 00000000 fe:01 77 /srv/binary\n"
                "700000-8000000000 rw-p 00040000 fe:01 77 /srv/binary\n");
    binary->n_reads = 0;
    assert_refused(binary, "more data than is searched");
    assert_in_range(binary->n_reads, 512, 600);
    binary_free(binary);
}

/* Headers of build information in front of what is to be found: `n` of them, a moduledata behind.
 */
static struct binary *binary_behind_headers(size_t n)
{
    const uint64_t behind = 0x8000, size = 0x1000;
    struct binary *binary = binary_new(&binary_layouts[4]);

    memcpy(binary->data + behind, binary->data, size);
    memset(binary->data, 0, size);
    binary_put64(binary, BINARY_MODULEDATA + behind + binary->layout->sections,
                 BINARY_SECTIONS + behind);
    for (size_t i = 0; i < n; i++)
        memcpy(binary->data + i * GO_BUILDINFO_ALIGN, "\xff Go buildinf:\x08\x02", 16);
    return binary;
}

static void test_headers_without_end(void **state)
{
    struct binary *binary = binary_behind_headers(100);

    (void)state;
    go_code_free(&(struct go_code *){open_code(binary)});
    binary_free(binary);
    binary = binary_behind_headers(1000);
    assert_refused(binary, "no function table of a known kind");
    binary_free(binary);
}

/* Plugins, of which there is one for each page of code. */
static void test_plugins_without_end(void **state)
{
    struct binary *binary = binary_new(&binary_layouts[5]);
    const uint64_t first = 0x410000, page = 0x1000, n = 80, size = 0x300;
    struct rpc_range ranges[64];
    struct go_code *code;

    (void)state;
    map(binary, "400000-500000 r-xp 00000000 fe:01 77 /srv/binary\n"
                "508000-518000 r--p 00010000 fe:01 77 /srv/binary\n"
                "600000-610000 rw-p 00020000 fe:01 77 /srv/binary\n");
    for (uint64_t i = 0; i < n; i++) {
        uint8_t *plugin = binary_at(binary, binary_add_plugin(binary, first + i * page), size);

        memcpy(binary->data + 0x1000 + i * size, plugin, size);
        memset(plugin, 0, size);
    }
    code = open_code(binary);
    assert_true(go_code_has(code, first + 10 * page));
    assert_true(go_code_has(code, first + 50 * page));
    assert_false(go_code_has(code, first + 70 * page));
    assert_false(go_code_has(code, first + (n - 1) * page));
    assert_false(go_code_has_grown(code));
    assert_int_equal(go_code_variables(code, ranges, 64), 64);
    go_code_free(&code);
    binary_free(binary);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wrappers_without_end),
        cmocka_unit_test(test_no_go),
        cmocka_unit_test(test_versions_that_are_refused),
        cmocka_unit_test(test_obfuscated),
        cmocka_unit_test(test_obfuscated_without_a_version),
        cmocka_unit_test(test_spoilt_modules_are_refused),
        cmocka_unit_test(test_functions_without_end),
        cmocka_unit_test(test_values_without_end),
        cmocka_unit_test(test_spoilt_functions_lose_what_is_spoilt),
        cmocka_unit_test(test_spoilt_stack_sizes),
        cmocka_unit_test(test_values_of_any_byte),
        cmocka_unit_test(test_every_byte_spoilt),
        cmocka_unit_test(test_target_that_is_gone),
        cmocka_unit_test(test_overlapping_modules),
        cmocka_unit_test(test_data_without_end),
        cmocka_unit_test(test_headers_without_end),
        cmocka_unit_test(test_plugins_without_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
