/* SPDX-License-Identifier: Apache-2.0 */
/* Any debug information and line tables: addresses get functions, inlined calls, files and lines,
 * or none. An input is the sections, each behind its length in two bytes. */
#include "fuzz.h"

#include "analyst/elffile.h"
#include "fence.h"

static const char *const names[] = {
    ".debug_info",    ".debug_abbrev",   ".debug_line", ".debug_str",   ".debug_ranges",
    ".debug_aranges", ".debug_rnglists", ".debug_addr", ".debug_types", ".debug_line_str",
};

#define SECTIONS (sizeof(names) / sizeof(names[0]))

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct elffile *file = elffile_new();
    struct elffile_section sections[SECTIONS];
    size_t n = 0;

    for (; n < SECTIONS && input.left; n++) {
        size_t length = take_u16(&input);

        if (length > input.left)
            length = input.left;
        sections[n] =
            (struct elffile_section){names[n], input.data, length, SHT_PROGBITS, 0, 0, false};
        input.data += length;
        input.left -= length;
    }
    elffile_build(file, sections, n);
    elffile_map(file);
    FENCE
    {
        for (uint64_t at = ELFFILE_TEXT; at < ELFFILE_TEXT + 0x100; at += 0x20)
            elffile_name(file, at);
        elffile_free(file);
    }
    return 0;
}
