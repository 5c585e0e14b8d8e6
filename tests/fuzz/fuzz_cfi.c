/* SPDX-License-Identifier: Apache-2.0 */
/* Any .eh_frame and any stack: unwinding ends within its bound. An input is the stack's return
 * addresses as 16-bit offsets into the code, and the section. */
#include "fuzz.h"

#include "analyst/elffile.h"
#include "fence.h"

#define WORDS 32

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
            elffile_unwind(file, at);
        elffile_free(file);
    }
    return 0;
}
