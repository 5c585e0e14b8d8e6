/* SPDX-License-Identifier: Apache-2.0 */
/* ELF files before elfutils' libdwfl gets them: which are usable, and where they lie. */
#include <errno.h>
#include <stdlib.h>

#include <gelf.h>

#include "cleanup.h"
#include "unwinder.h"

#define IMAGE_COPY_MAX     (64 * 1024) /* bytes; the vDSO has 4 to 16 KiB */
#define IMAGE_SEGMENTS_MAX 4096
#define IMAGE_ALIGN_MAX    (1ull << 30) /* the largest page there is */
#define IMAGE_PAGE         4096ull

static bool is_usable(Elf *elf)
{
    GElf_Ehdr header;

    return elf_kind(elf) == ELF_K_ELF && gelf_getclass(elf) == ELFCLASS64 &&
           gelf_getehdr(elf, &header) && header.e_machine == EM_X86_64 &&
           (header.e_type == ET_EXEC || header.e_type == ET_DYN);
}

int image_open(int fd, Elf **ret_elf)
{
    AUTO_CLOSE int owned = fd;
    Elf *elf = elf_begin(owned, ELF_C_READ_MMAP_PRIVATE, NULL);

    /* FDREAD: nothing will be read through the descriptor any more, the mapping has it all. Targets
     * have hundreds of libraries and an analyst few descriptors. */
    if (!elf || !is_usable(elf) || elf_cntl(elf, ELF_C_FDREAD) != 0) {
        elf_end(elf);
        return -ENOEXEC;
    }
    *ret_elf = elf;
    return 0;
}

int image_copy(const struct unwind_target *target, const struct mapping *mapping, Elf **ret_elf,
               void **ret_bytes)
{
    AUTO_FREE char *bytes = NULL;
    uint64_t size = mapping->end - mapping->start;
    Elf *elf;
    int r;

    if (size > IMAGE_COPY_MAX)
        return -E2BIG;
    bytes = malloc(size);
    if (!bytes)
        return -ENOMEM;
    r = target->read(target->context, mapping->start, bytes, size);
    if (r < 0)
        return r;
    elf = elf_memory(bytes, size);
    if (!elf || !is_usable(elf)) {
        elf_end(elf);
        return -ENOEXEC;
    }
    *ret_elf = elf;
    *ret_bytes = TAKE_PTR(bytes);
    return 0;
}

/* Of its first segment. */
static bool first_address(Elf *elf, GElf_Addr *ret_address)
{
    GElf_Phdr segment;
    size_t n;

    if (elf_getphdrnum(elf, &n))
        return false;
    for (size_t i = 0; i < n && gelf_getphdr(elf, (int)i, &segment); i++)
        if (segment.p_type == PT_LOAD) {
            *ret_address = segment.p_vaddr;
            return true;
        }
    return false;
}

bool image_apart(Elf *own, Elf *apart, uint64_t *bias)
{
    GElf_Addr address, its;

    if (!first_address(own, &address) || !first_address(apart, &its))
        return false;
    *bias += address - its;
    return true;
}

/* The loader maps whole pages, so a segment's mapping starts at or before the segment. */
static bool segment_holds(const GElf_Phdr *segment, const struct mapping *mapping)
{
    uint64_t first_page = segment->p_offset & -IMAGE_PAGE;

    return segment->p_type == PT_LOAD && (segment->p_flags & PF_X) &&
           mapping->offset >= first_page &&
           mapping->offset - first_page < segment->p_filesz + (segment->p_offset - first_page);
}

int image_place(Elf *elf, const struct mapping *mapping, struct image_place *ret_place)
{
    struct image_place place = {0};
    bool first = true, found = false;
    GElf_Phdr segment;
    uint64_t top = 0, align = 0;
    size_t n;

    if (elf_getphdrnum(elf, &n) != 0 || n > IMAGE_SEGMENTS_MAX)
        return -ENOEXEC;
    for (size_t i = 0; i < n; i++) {
        if (!gelf_getphdr(elf, (int)i, &segment))
            return -ENOEXEC;
        if (segment.p_type != PT_LOAD)
            continue;
        /* libdwfl/dwfl_module_getdwarf.c:open_elf() takes the first segment's address rounded down
         * to p_align as what the module's start corresponds to. The real start may differ: p_align
         * is often larger than the pages that the loader uses. */
        if (first) {
            align = segment.p_align;
            place.low = segment.p_vaddr & -align;
        }
        first = false;
        if (!found && segment_holds(&segment, mapping)) {
            place.bias = mapping->start - (segment.p_vaddr - segment.p_offset + mapping->offset);
            found = true;
        }
        if (segment.p_vaddr + segment.p_memsz > top)
            top = segment.p_vaddr + segment.p_memsz;
    }
    if (!found || align > IMAGE_ALIGN_MAX || top <= place.low)
        return -ENOEXEC;
    place.low += place.bias;
    place.high = top + place.bias;
    if (place.low >= place.high)
        return -ENOEXEC;
    *ret_place = place;
    return 0;
}
