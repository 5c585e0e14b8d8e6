/* SPDX-License-Identifier: Apache-2.0 */
#include "framesection.h"

#include <dwarf.h>
#include <string.h>

#define SEARCH_ENCODING (DW_EH_PE_datarel | DW_EH_PE_sdata4) /* the one that linkers write */

static struct cursor whole_image(Elf *elf)
{
    size_t size = 0;
    const uint8_t *bytes = (const uint8_t *)elf_rawfile(elf, &size);

    return (struct cursor){bytes, bytes ? bytes + size : NULL, false};
}

/* The first segment of a type, that of PT_LOAD which holds the address. */
static bool find_segment(Elf *elf, uint32_t type, uint64_t address, GElf_Phdr *ret_segment)
{
    size_t n; /* image_place() has bounded it */

    if (elf_getphdrnum(elf, &n) != 0)
        return false;
    for (size_t i = 0; i < n && gelf_getphdr(elf, (int)i, ret_segment); i++)
        if (ret_segment->p_type == type &&
            (type != PT_LOAD || address - ret_segment->p_vaddr < ret_segment->p_filesz))
            return true;
    return false;
}

/* From an address to the end of what the file has of its segment. */
static struct cursor bytes_at(Elf *elf, uint64_t address)
{
    struct cursor image = whole_image(elf), none = {.failed = true};
    GElf_Phdr segment;
    uint64_t skipped, left;

    if (!find_segment(elf, PT_LOAD, address, &segment))
        return none;
    skipped = address - segment.p_vaddr;
    if (!cursor_skip(&image, segment.p_offset) || !cursor_skip(&image, skipped))
        return none;
    left = segment.p_filesz - skipped;
    return cursor_part(&image, left < cursor_left(&image) ? left : cursor_left(&image));
}

/* What follows .eh_frame_hdr's first four bytes: where .eh_frame is, how many entries there are,
 * and they. Without them, or encoded otherwise, there is no table. */
static bool read_search(struct cursor hdr, uint64_t address, struct fde_table *table)
{
    const struct cfi_section section = {.bytes = hdr.at, .address = address};
    uint8_t version = cursor_byte(&hdr), frame = cursor_byte(&hdr), count = cursor_byte(&hdr),
            search = cursor_byte(&hdr);
    uint64_t n;

    if (version != 1 || !fde_read_address(&section, frame, &hdr, &table->section.address))
        return false;
    if (search != SEARCH_ENCODING || !fde_read_address(&section, count, &hdr, &n) || n == 0 ||
        n > cursor_left(&hdr) / FDE_SEARCH_SIZE)
        return true;
    table->search = hdr.at;
    table->n_search = n;
    table->search_address = address;
    return true;
}

static bool find_by_segment(Elf *elf, struct fde_table *table)
{
    GElf_Phdr segment;
    struct cursor bytes;

    if (!find_segment(elf, PT_GNU_EH_FRAME, 0, &segment))
        return false;
    bytes = bytes_at(elf, segment.p_vaddr);
    if (bytes.failed || !read_search(bytes, segment.p_vaddr, table))
        return true;
    bytes = bytes_at(elf, table->section.address);
    table->section.bytes = bytes.at;
    table->section.size = cursor_left(&bytes);
    return true;
}

/* By SHF_COMPRESSED, or, before there was that, by ".z" in the name; libdw may have done it. False:
 * it is broken, or is what libdw would inflate again. */
static bool inflate(Elf_Scn *section, GElf_Shdr *header, const char *name, Elf_Data **ret_data)
{
    bool is_gnu = strncmp(name, ".z", 2) == 0;

    if (header->sh_flags & SHF_COMPRESSED) {
        if (elf_compress(section, 0, 0) < 0)
            return false;
    } else if (is_gnu) {
        elf_compress_gnu(section, 0, 0); /* there is no telling what it was by how it fails */
    }
    *ret_data = elf_getdata(section, NULL);
    if (!*ret_data || !(*ret_data)->d_buf || !gelf_getshdr(section, header))
        return false;
    return !is_gnu || (*ret_data)->d_size < 4 || memcmp((*ret_data)->d_buf, "ZLIB", 4) != 0;
}

static void find_by_name(Elf *elf, const char *name, const char *deflated, struct fde_table *table)
{
    Elf_Scn *section = NULL;
    GElf_Shdr header;
    size_t names;

    if (elf_getshdrstrndx(elf, &names) != 0)
        return;
    while ((section = elf_nextscn(elf, section))) {
        const char *its = gelf_getshdr(section, &header) && header.sh_type != SHT_NOBITS
                              ? elf_strptr(elf, names, header.sh_name)
                              : NULL;
        Elf_Data *data;

        if (!its || (strcmp(its, name) != 0 && strcmp(its, deflated) != 0))
            continue;
        if (inflate(section, &header, its, &data))
            table->section = (struct cfi_section){
                .bytes = data->d_buf, .size = data->d_size, .address = header.sh_addr};
        return;
    }
}

void framesection_find_eh(Elf *elf, struct fde_table *ret_table)
{
    *ret_table = (struct fde_table){.places = NULL};
    if (!find_by_segment(elf, ret_table))
        find_by_name(elf, ".eh_frame", ".eh_frame", ret_table);
}

void framesection_find_debug(Elf *elf, struct fde_table *ret_table)
{
    *ret_table = (struct fde_table){.places = NULL};
    find_by_name(elf, ".debug_frame", ".zdebug_frame", ret_table);
    ret_table->section.is_debug_frame = true;
}
