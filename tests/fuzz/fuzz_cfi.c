/* SPDX-License-Identifier: Apache-2.0 */
/* Any .eh_frame and any stack: unwinding ends within its bound, and as far as both come, libdwfl
 * comes to the same. An input is the stack's return addresses as 16-bit offsets into the code, and
 * the section. */
#include "fuzz.h"

#include "analyst/elffile.h"
#include "analyst/reference.h"
#include "fence.h"

#define WORDS 32

/* Ours may end before, where it refuses what libdwfl takes; and theirs, which takes rbx for lost
 * (backends/x86_64_cfi.c of elfutils 0.188). */
static void unwind_twice(struct elffile *file, struct reference *reference, uint64_t offset)
{
    struct elffile_stack ours, theirs;

    elffile_take_stack(file, offset, &ours);
    theirs.end = reference_unwind(reference, ours.regs, &ours.copy, theirs.frames,
                                  ELFFILE_FRAMES_MAX, &theirs.n);
    for (size_t i = 0; i < ours.n && i < theirs.n; i++)
        check(ours.frames[i].pc == theirs.frames[i].pc &&
              ours.frames[i].activation == theirs.frames[i].activation);
}

/* One unwinder takes all inputs, each as another file; after a crash within elfutils, another. */
static struct elffile *file;
static struct reference reference;

static void begin(void)
{
    file = elffile_new();
    elffile_map(file);
    reference_attach(&reference, file->unwinder);
}

static void show(struct input *input)
{
    struct elffile_section section = {".eh_frame", NULL, 0, SHT_PROGBITS, 0, 0, true};

    for (size_t i = 0; i < WORDS; i++) {
        uint64_t word = ELFFILE_BASE + take_u16(input);

        memcpy(file->stack + 64 + 8 * i, &word, sizeof(word));
    }
    memset(file->bytes, 0, sizeof(file->bytes));
    section.bytes = input->data;
    section.size = input->left;
    elffile_build(file, &section, 1);
    elffile_show(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    bool passed = false;

    if (!file)
        begin();
    FENCE
    {
        show(&input);
        for (uint64_t at = ELFFILE_TEXT; at < ELFFILE_TEXT + 0x100; at += 0x20)
            unwind_twice(file, &reference, at);
        passed = true;
    }
    if (!passed)
        file = NULL;
    return 0;
}
