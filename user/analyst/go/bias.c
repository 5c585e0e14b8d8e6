/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/bias.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>

#define SEGMENTS_MAX 256

/* Where the file's first bytes are, its header. */
static const struct mapping *first_of(const struct maps *maps, const struct mapping *mapping)
{
    const struct mapping *at = mapping;

    while (at > maps->mappings && at->offset != 0)
        at--;
    return at->offset == 0 && at->inode == mapping->inode && at->device == mapping->device ? at
                                                                                           : NULL;
}

uint64_t go_bias(struct go_windows *windows, const struct maps *maps, const struct mapping *mapping)
{
    const struct mapping *first = first_of(maps, mapping);
    Elf64_Ehdr header;
    Elf64_Phdr segment;

    if (!first || go_windows_copy(windows, first->start, &header, sizeof(header)) ||
        memcmp(header.e_ident, ELFMAG, SELFMAG) != 0 || header.e_phentsize != sizeof(segment))
        return 0;
    for (size_t i = 0; i < header.e_phnum && i < SEGMENTS_MAX; i++) {
        if (go_windows_copy(windows, first->start + header.e_phoff + i * sizeof(segment), &segment,
                            sizeof(segment)))
            return 0;
        /* The kernel maps whole pages: what is below the segment's start comes along. */
        if (segment.p_type == PT_LOAD)
            return first->start - (segment.p_vaddr - segment.p_offset);
    }
    return 0;
}
