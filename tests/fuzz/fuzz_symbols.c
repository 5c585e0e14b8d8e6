/* SPDX-License-Identifier: Apache-2.0 */
/* Any symbol table and its strings: addresses get names, or none. An input is the strings' length,
 * the strings, and the symbols. */
#include "fuzz.h"

#include "analyst/elffile.h"
#include "fence.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct elffile *file = elffile_new();
    size_t names = take_u16(&input);
    struct elffile_section sections[] = {
        {".symtab", NULL, 0, SHT_SYMTAB, 2, sizeof(Elf64_Sym), false},
        {".strtab", NULL, 0, SHT_STRTAB, 0, 0, false},
    };

    if (names > input.left)
        names = input.left;
    sections[1].bytes = input.data;
    sections[1].size = names;
    sections[0].bytes = input.data + names;
    sections[0].size = input.left - names;
    elffile_build(file, sections, 2);
    elffile_map(file);
    FENCE
    {
        for (uint64_t at = ELFFILE_TEXT; at < ELFFILE_TEXT + 0x200; at += 0x10)
            elffile_name(file, at);
        elffile_free(file);
    }
    return 0;
}
