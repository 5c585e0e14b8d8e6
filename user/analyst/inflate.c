/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Debug information takes most of a first look, and most of that is inflating it: libdeflate takes
 * less than half of what zlib does, by which libelf would inflate it.
 */
#include "analyst/inflate.h"

#include <errno.h>
#include <gelf.h>
#include <libdeflate.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"

#define ALIGN     16   /* no section of debug information asks for more */
#define RATIO_MAX 1032 /* of deflate: 258 bytes for 2 bits */

/* A compressed section. */
struct packed {
    Elf_Scn *section;
    GElf_Shdr header;
    const uint8_t *bytes;
    size_t size, full_size;
};

static void cleanup_decompressor(struct libdeflate_decompressor **decompressor)
{
    libdeflate_free_decompressor(*decompressor);
}

/* What dwarf_begin_elf() takes up and nobody here asks for. */
static bool is_unneeded(const char *name)
{
    static const char *const names[] = {".debug_aranges",  ".debug_frame",   ".debug_loc",
                                        ".debug_loclists", ".debug_macinfo", ".debug_macro"};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (!strcmp(name, names[i]))
            return true;
    return false;
}

static const char *name_of(Elf *elf, const GElf_Shdr *header)
{
    size_t names;

    return elf_getshdrstrndx(elf, &names) ? NULL : elf_strptr(elf, names, header->sh_name);
}

static void hide(Elf_Scn *section, GElf_Shdr *header)
{
    header->sh_type = SHT_NOBITS;
    gelf_update_shdr(section, header);
}

/* Whether it is, of a size that it can have. */
static bool is_packed(Elf_Scn *section, struct packed *ret_packed)
{
    struct packed packed = {.section = section};
    GElf_Chdr compression;
    Elf_Data *data;

    if (!gelf_getshdr(section, &packed.header) || !(packed.header.sh_flags & SHF_COMPRESSED) ||
        !gelf_getchdr(section, &compression) || compression.ch_type != ELFCOMPRESS_ZLIB)
        return false;
    data = elf_rawdata(section, NULL);
    if (!data || data->d_size < sizeof(Elf64_Chdr))
        return false;
    packed.bytes = (const uint8_t *)data->d_buf + sizeof(Elf64_Chdr);
    packed.size = data->d_size - sizeof(Elf64_Chdr);
    packed.full_size = compression.ch_size;
    *ret_packed = packed;
    return packed.full_size / RATIO_MAX <= packed.size;
}

static size_t room_for(const struct packed *packed)
{
    return (packed->full_size + ALIGN - 1) & ~(size_t)(ALIGN - 1);
}

/* Of all that are needed; the others are hidden. False: they take more than the whole file, so that
 * there is no end to what would come of the same bytes. */
static bool count_room(Elf *elf, size_t *ret_room)
{
    Elf_Scn *section = NULL;
    struct packed packed;
    size_t room = 0, taken = 0, size = 0;

    while ((section = elf_nextscn(elf, section))) {
        GElf_Shdr header;
        const char *name = gelf_getshdr(section, &header) ? name_of(elf, &header) : NULL;

        if (name && is_unneeded(name))
            hide(section, &header);
        else if (is_packed(section, &packed)) {
            room += room_for(&packed);
            taken += packed.size;
        }
    }
    *ret_room = room;
    return elf_rawfile(elf, &size) && taken <= size;
}

/* As elf_compress() does: elf_getdata() gives the bytes from now on. */
static void replace(const struct packed *packed, void *bytes)
{
    Elf_Data *data = elf_getdata(packed->section, NULL);
    GElf_Shdr header = packed->header;

    if (!data)
        return;
    header.sh_flags &= ~(GElf_Xword)SHF_COMPRESSED;
    header.sh_size = packed->full_size;
    data->d_buf = bytes;
    data->d_size = packed->full_size;
    data->d_type = ELF_T_BYTE;
    gelf_update_shdr(packed->section, &header);
}

int inflate_sections(Elf *elf, void **ret_bytes)
{
    CLEANUP(cleanup_decompressor) struct libdeflate_decompressor *decompressor = NULL;
    AUTO_FREE uint8_t *bytes = NULL;
    Elf_Scn *section = NULL;
    struct packed packed;
    uint8_t *next;
    size_t left;

    if (!count_room(elf, &left))
        return -EBADMSG;
    decompressor = libdeflate_alloc_decompressor();
    next = bytes = malloc(left + 1);
    if (!decompressor || !bytes)
        return -ENOMEM;
    while ((section = elf_nextscn(elf, section))) {
        if (!is_packed(section, &packed))
            continue;
        /* Who writes to the file changes what is mapped of it, also since it was counted. */
        if (room_for(&packed) > left)
            break;
        left -= room_for(&packed);
        if (!libdeflate_zlib_decompress(decompressor, packed.bytes, packed.size, next,
                                        packed.full_size, NULL))
            replace(&packed, next);
        next += room_for(&packed);
    }
    *ret_bytes = TAKE_PTR(bytes);
    return 0;
}
