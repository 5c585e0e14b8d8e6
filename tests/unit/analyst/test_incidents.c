/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What brought down other readers of hostile programs, against the one behind unwind.h. Each file
 * is mapped, unwound from and named at many addresses: names and frames may be missing, and that is
 * all.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <zlib.h>

#include "analyst/elffile.h"
#include "analyst/go/memos.h"
#include "analyst/go/process.h"
#include "analyst/go/runtime.h"

#define NOTE_AT 0x800u /* in the file: between its headers and the code */
#define VAST_AT 0x100000000000ul
#define VAST    (1ul << 30)

static size_t allocated; /* bytes, by all since it was 0 */

/* The sanitizers call it of every allocation. */
void __sanitizer_malloc_hook(const volatile void *memory, size_t size);
void __sanitizer_malloc_hook(const volatile void *memory, size_t size)
{
    (void)memory;
    allocated += size;
}

/* Goes through the code by all ways that there are. Returns whether any of it had a name. */
static bool look_at(struct elffile *file)
{
    bool named = false;

    for (uint64_t at = ELFFILE_TEXT; at < ELFFILE_TEXT + 0x400; at += 0x20) {
        const struct raw_frame raw = {ELFFILE_BASE + at, true};
        struct frame frames[SYMBOL_INLINE_MAX];

        elffile_unwind(file, at);
        unwinder_symbolize(file->unwinder, &raw, frames);
        named |= frames[0].function != NULL;
    }
    return named;
}

static bool look_at_section(const char *name, uint32_t type, const void *bytes, size_t size)
{
    const struct elffile_section section = {name, bytes, size, type, 0, 0, true};
    struct elffile *file = elffile_new();
    bool named;

    elffile_build(file, &section, 1);
    elffile_map(file);
    named = look_at(file);
    elffile_free(file);
    return named;
}

/* A CIE whose augmentation has no NUL before its section ends (OpenTelemetry's profiler, 2026). */
static void test_augmentation_without_an_end(void **state)
{
    uint8_t frame[64] = {60, 0, 0, 0, /* length */ 0, 0, 0, 0, /* a CIE */ 1, 'z'};

    (void)state;
    memset(frame + 10, 'R', sizeof(frame) - 10);
    for (size_t size = 8; size <= sizeof(frame); size++)
        look_at_section(".eh_frame", SHT_PROGBITS, frame, size);
}

/* Its length goes beyond the section, or round. */
static void test_frame_longer_than_its_section(void **state)
{
    static const uint32_t lengths[] = {0x7fffffff, 0xfffffff0, 0xffffffff, 64, 1};
    uint8_t frame[64] = {0};

    (void)state;
    for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
        memset(frame, 0xff, sizeof(frame));
        memcpy(frame, &lengths[i], sizeof(lengths[i]));
        look_at_section(".eh_frame", SHT_PROGBITS, frame, sizeof(frame));
    }
}

/* Puts a word into a file that is otherwise in order, and looks at it. */
static void look_at_spoilt(size_t at, uint64_t value, size_t size)
{
    static const char symbols[] = "\0work";
    const Elf64_Sym table[] = {{0}, {1, 0x12, 0, 3, ELFFILE_TEXT, 0x100}};
    const struct elffile_section sections[] = {
        {".symtab", table, sizeof(table), SHT_SYMTAB, 2, sizeof(table[0]), false},
        {".strtab", symbols, sizeof(symbols), SHT_STRTAB, 0, 0, false},
    };
    struct elffile *file = elffile_new();

    elffile_build(file, sections, 2);
    memcpy(file->bytes + at, &value, size);
    elffile_map(file);
    assert_true(look_at(file) || size);
    elffile_free(file);
}

/* Offsets and counts of headers and sections beyond the file, and round (OBI CVE-2026-45676). */
static void test_offsets_beyond_the_file(void **state)
{
    static const uint64_t values[] = {0, 1, ELFFILE_SIZE - 1, 1ull << 31, 1ull << 63, UINT64_MAX};
    static const size_t halves[] = {54, 56, 58, 60, 62}; /* of the ELF header */

    (void)state;
    look_at_spoilt(0, 0, 0);
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
        look_at_spoilt(offsetof(Elf64_Ehdr, e_phoff), values[i], 8);
        look_at_spoilt(offsetof(Elf64_Ehdr, e_shoff), values[i], 8);
        for (size_t half = 0; half < sizeof(halves) / sizeof(halves[0]); half++)
            look_at_spoilt(halves[half], values[i], 2);
        for (size_t at = 64; at < 64 + sizeof(Elf64_Phdr); at += 8)
            look_at_spoilt(at, values[i], 8);
        for (size_t at = 0x400; at < 0x400 + 4 * sizeof(Elf64_Shdr); at += 8)
            look_at_spoilt(at, values[i], 8);
    }
}

/* A build id whose note has a length that is small, huge or round (Inspektor Gadget
 * GHSA-7cfq-5mhv-jrp9). */
static void test_notes_of_any_length(void **state)
{
    static const uint32_t lengths[] = {0, 1, 3, 20, 4096, 0x7fffffff, 0xfffffff4, UINT32_MAX};
    const Elf64_Phdr segment = {.p_type = PT_NOTE,
                                .p_offset = NOTE_AT,
                                .p_vaddr = NOTE_AT,
                                .p_filesz = 0x200,
                                .p_memsz = 0x200,
                                .p_align = 4};
    const uint16_t segments = 2;

    (void)state;
    for (size_t i = 0; i < 64; i++) {
        Elf64_Nhdr note = {lengths[i / 8], lengths[i % 8], NT_GNU_BUILD_ID};
        struct elffile *file = elffile_new();

        elffile_build(file, NULL, 0);
        memcpy(file->bytes + offsetof(Elf64_Ehdr, e_phnum), &segments, sizeof(segments));
        memcpy(file->bytes + 64 + sizeof(segment), &segment, sizeof(segment));
        memcpy(file->bytes + NOTE_AT, &note, sizeof(note));
        memcpy(file->bytes + NOTE_AT + sizeof(note), "GNU", 4);
        elffile_map(file);
        look_at(file);
        elffile_free(file);
    }
}

/* A rule for register 170 million, for which libdw makes room up to it: 1.36 GB at once. */
static void test_registers_without_end(void **state)
{
    static const uint8_t frame[] = {
        /* CIE: "zR", pc-relative; the caller's sp is rsp + 8, its pc below that. */
        20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0,
        /* FDE of all the code: DW_CFA_offset_extended_sf, ULEB128 170000000, 1. */
        20, 0, 0, 0, 28, 0, 0, 0, 0xe0, 0xef, 0xff, 0xff, 0, 0x10, 0, 0, 0, 0x11, 0x80, 0xfd, 0x87,
        0x51, 1, 0};

    (void)state;
    allocated = 0;
    look_at_section(".eh_frame", SHT_PROGBITS, frame, sizeof(frame));
    assert_in_range(allocated, 1, 64 << 20);
}

/* What leads on is not known, so that nobody knows whether the stack is whole. */
static void test_return_address_that_is_lost(void **state)
{
    static const uint8_t frame[] = {
        /* CIE: "zR", pc-relative; the caller's sp is rsp + 8, its pc below that. */
        20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0,
        /* FDE of the first half of the code. */
        20, 0, 0, 0, 28, 0, 0, 0, 0xe0, 0xef, 0xff, 0xff, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
        /* FDE of the other: the return address is in rdi. */
        20, 0, 0, 0, 52, 0, 0, 0, 0xc8, 0xf7, 0xff, 0xff, 0, 8, 0, 0, 0, 0x09, 16, 5, 0, 0, 0, 0};
    struct elffile_section section = {".eh_frame", frame, sizeof(frame), SHT_PROGBITS, 0, 0, true};
    const uint64_t caller = ELFFILE_BASE + ELFFILE_TEXT + 0x810;
    struct elffile *file = elffile_new();
    struct elffile_stack stack;

    (void)state;
    memcpy(file->stack + 64, &caller, sizeof(caller));
    elffile_build(file, &section, 1);
    elffile_map(file);
    elffile_take_stack(file, ELFFILE_TEXT + 0x10, &stack);
    assert_int_equal(stack.n, 2);
    assert_int_equal(stack.frames[1].pc, caller);
    assert_int_equal(stack.end, UNWIND_CUT);
    elffile_free(file);
}

/* CFI that leads from a frame to itself. */
static void test_frames_without_end(void **state)
{
    static const uint8_t frame[] = {
        /* CIE: "zR", pc-relative; the caller's sp is rsp + 8, its pc below that. */
        20, 0, 0, 0, 0, 0, 0, 0, 1, 'z', 'R', 0, 1, 0x78, 16, 1, 0x1b, 0x0c, 7, 8, 0x90, 1, 0, 0,
        /* FDE of all the code: the caller's sp is rsp itself, its pc is where it points to. */
        20, 0, 0, 0, 28, 0, 0, 0, 0xe0, 0xef, 0xff, 0xff, 0, 0x10, 0, 0, 0, 0x0e, 0, 0x90, 0, 0, 0,
        0, 0, 0, 0, 0};
    struct elffile_section section = {".eh_frame", frame, sizeof(frame), SHT_PROGBITS, 0, 0, true};
    const uint64_t start = ELFFILE_BASE + ELFFILE_TEXT, self = start + 0x20;
    const uint64_t regs[RECORD_REGS] = {[REGS_SP] = ELFFILE_STACK, [REGS_IP] = start};
    const struct stack_copy none = {0};
    struct elffile *file = elffile_new();
    struct raw_frame frames[32];
    size_t n;

    (void)state;
    memcpy(file->stack, &self, sizeof(self));
    elffile_build(file, &section, 1);
    elffile_map(file);
    assert_int_equal(unwinder_unwind(file->unwinder, regs, &none, frames, 32, &n), UNWIND_CUT);
    assert_int_equal(n, 2);
    elffile_free(file);
}

/* The right file by its sum, and no object file: names are missing, and that is counted. */
static void test_debug_file_that_is_none(void **state)
{
    static const char text[] = "no object file";
    char link[12] = "x.debug", path[64];
    const struct elffile_section section = {
        ".gnu_debuglink", link, sizeof(link), SHT_PROGBITS, 0, 0, false};
    uint32_t sum = (uint32_t)crc32(0, (const Bytef *)text, sizeof(text));
    struct elffile *file = elffile_new();
    int fd = memfd_create("debug", MFD_CLOEXEC);

    (void)state;
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    memcpy(link + 8, &sum, sizeof(sum));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    file->debug = path;
    elffile_build(file, &section, 1);
    elffile_map(file);
    elffile_name(file, ELFFILE_TEXT);
    assert_null(file->debug); /* it was opened */
    assert_int_equal(file->losses.count[LOSS_debug_refused], 1);
    elffile_free(file);
    close(fd);
}

/* With process.h: no stack of its is looked at. */
enum unwind_end go_code_unwind(struct go_code *code, uint64_t pc, uint64_t sp,
                               const struct stack_copy *copy, struct raw_frame *ret_frames,
                               size_t max, size_t *ret_n)
{
    (void)code, (void)pc, (void)sp, (void)copy, (void)ret_frames, (void)max;
    *ret_n = 0;
    return UNWIND_CUT;
}

/* The array's first 128 KiB are mapped over and over, for a gibibyte. */
static uint64_t vast(uint64_t address)
{
    return address >= VAST_AT && address < VAST_AT + VAST ? ARRAY_AT + (address - VAST_AT) % 0x20000
                                                          : address;
}

static int read_vast(void *context, uint64_t address, void *buffer, size_t size)
{
    return process_read(context, vast(address), buffer, size);
}

static int read_vast_ranges(void *context, const struct rpc_range *ranges, size_t n,
                            const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    struct rpc_range here[RPC_RANGES_MAX];

    for (size_t i = 0; i < n; i++)
        here[i] = (struct rpc_range){vast(ranges[i].address), ranges[i].length};
    return process_read_ranges(context, here, n, ret_bytes, ret_lengths);
}

/* A list of `n` goroutines, of which the process lists no more than those that it has. Returns how
 * many are believed; `before` it is proven that this is Go, or behind that. */
static size_t list(uint64_t n, bool before)
{
    struct process *process = process_new(124, 20);
    struct go_runtime *runtime = NULL;
    struct memos memos = {0};
    char why[GO_WHY_MAX];
    size_t listed;

    process->memory.read = read_vast;
    process->memory.read_ranges = read_vast_ranges;
    if (before)
        process_set_allgs(process, VAST_AT, n, n);
    allocated = 0;
    go_runtime_new((struct go_code *)process, &process->memory, why, &runtime);
    if (!before)
        process_set_allgs(process, VAST_AT, n, n);
    if (runtime)
        memos_grow(&memos, runtime);
    listed = memos.n;
    memos_clear(&memos);
    go_runtime_free(&runtime);
    free(process);
    return listed;
}

/* A size that is read from the target, of a gibibyte that it has, though of few pages
 * (OpenTelemetry's profiler, 2026). */
static void test_list_of_a_gibibyte(void **state)
{
    (void)state;
    assert_int_equal(list(24, true), 24);
    assert_true(allocated > 0);
    for (int before = 0; before < 2; before++) {
        assert_int_equal(list(VAST / sizeof(uint64_t), before), 0);
        assert_in_range(allocated, 1, VAST / 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_augmentation_without_an_end),
        cmocka_unit_test(test_frame_longer_than_its_section),
        cmocka_unit_test(test_offsets_beyond_the_file),
        cmocka_unit_test(test_notes_of_any_length),
        cmocka_unit_test(test_registers_without_end),
        cmocka_unit_test(test_return_address_that_is_lost),
        cmocka_unit_test(test_frames_without_end),
        cmocka_unit_test(test_debug_file_that_is_none),
        cmocka_unit_test(test_list_of_a_gibibyte),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
