/* SPDX-License-Identifier: Apache-2.0 */
/* Any .eh_frame and any stack: unwinding ends within its bound, and comes to the same by rows as by
 * libdwfl. An input is the stack's return addresses as 16-bit offsets into the code, and the
 * section. */
#include "fuzz.h"

#include "analyst/elffile.h"
#include "analyst/unwinder.h"
#include "fence.h"

#define WORDS 32

static void leave_rows_to_libdwfl(struct unwinder *unwinder)
{
    for (size_t i = 0; i < CFI_CACHE_SLOTS; i++)
        unwinder->cfi[i].row.simple = false;
}

static void unwind_twice(struct elffile *file, uint64_t offset)
{
    struct elffile_stack by_rows, by_libdwfl;

    memset(file->unwinder->cfi, 0, sizeof(file->unwinder->cfi));
    elffile_take_stack(file, offset, &by_rows);
    leave_rows_to_libdwfl(file->unwinder);
    elffile_take_stack(file, offset, &by_libdwfl);
    check(by_rows.end == by_libdwfl.end && by_rows.n == by_libdwfl.n);
    for (size_t i = 0; i < by_rows.n; i++)
        check(by_rows.frames[i].pc == by_libdwfl.frames[i].pc &&
              by_rows.frames[i].activation == by_libdwfl.frames[i].activation);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct elffile *file = elffile_new();
    struct elffile_section section = {".eh_frame", NULL, 0, SHT_PROGBITS, 0, 0, true};

    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word = ELFFILE_BASE + take_u16(&input);

        memcpy(file->stack + 64 + 8 * i, &word, sizeof(word));
    }
    section.bytes = input.data;
    section.size = input.left;
    elffile_build(file, &section, 1);
    elffile_map(file);
    FENCE
    {
        for (uint64_t at = ELFFILE_TEXT; at < ELFFILE_TEXT + 0x100; at += 0x20)
            unwind_twice(file, at);
        elffile_free(file);
    }
    return 0;
}
