/* SPDX-License-Identifier: Apache-2.0 */
#include "fde.h"

#include <dwarf.h>
#include <string.h>

#include "registers.h"

#define AUGMENTATION_MAX 8 /* letters; there are some five */

#define ENCODING_FORMAT 0x0f
#define ENCODING_BASE   0x70

/* One entry of either kind. */
struct entry {
    struct cursor body; /* behind its ID */
    bool is_cie;
    uint64_t cie_offset; /* of an FDE */
    uint64_t next;       /* offset of the one that follows */
};

/* The 64-bit format is for sections of over 4 GiB. A length of 0 ends .eh_frame. */
static bool read_entry(const struct cfi_section *section, uint64_t offset, struct entry *ret_entry)
{
    struct cursor cursor = {section->bytes, section->bytes + section->size, false};
    uint64_t length, id, id_at;

    cursor_skip(&cursor, offset);
    length = cursor_unsigned(&cursor, 4);
    if (length == 0 || length == 0xffffffff)
        return false;
    ret_entry->body = cursor_part(&cursor, length);
    ret_entry->next = offset + 4 + length;
    id_at = offset + 4;
    id = cursor_unsigned(&ret_entry->body, 4);
    ret_entry->is_cie = id == (section->is_debug_frame ? DW_CIE_ID_32 : 0);
    ret_entry->cie_offset = section->is_debug_frame ? id : id_at - id;
    return !cursor.failed && !ret_entry->body.failed;
}

bool fde_read_address(const struct cfi_section *section, uint8_t encoding, struct cursor *cursor,
                      uint64_t *ret_address)
{
    uint64_t base = 0;

    if ((encoding & ENCODING_BASE) == DW_EH_PE_pcrel)
        base = section->address + (uint64_t)(cursor->at - section->bytes);
    else if (encoding & ENCODING_BASE)
        return false;
    switch (encoding & ~ENCODING_BASE) {
    case DW_EH_PE_absptr:
    case DW_EH_PE_udata8:
    case DW_EH_PE_sdata8:
        *ret_address = base + cursor_unsigned(cursor, 8);
        break;
    case DW_EH_PE_udata4:
        *ret_address = base + cursor_unsigned(cursor, 4);
        break;
    case DW_EH_PE_sdata4:
        *ret_address = base + (uint64_t)cursor_signed(cursor, 4);
        break;
    default:
        return false;
    }
    return !cursor->failed;
}

static void skip_personality(struct cursor *augmentation)
{
    uint8_t format = cursor_byte(augmentation) & 0x07;

    if (format == DW_EH_PE_absptr || format == DW_EH_PE_udata8)
        cursor_skip(augmentation, 8);
    else if (format == DW_EH_PE_udata4)
        cursor_skip(augmentation, 4);
    else
        augmentation->failed = true;
}

/* What the letters behind 'z' stand for, in their order. */
static bool read_augmentation(struct cursor letters, struct cursor augmentation, struct cie *cie)
{
    while (cursor_left(&letters) > 0)
        switch (cursor_byte(&letters)) {
        case 'L': /* how the address of language-specific data is encoded */
            cursor_byte(&augmentation);
            break;
        case 'P':
            skip_personality(&augmentation);
            break;
        case 'R':
            cie->pointer_encoding = cursor_byte(&augmentation);
            break;
        case 'S':
            cie->signal = true;
            break;
        default:
            return false;
        }
    return !augmentation.failed;
}

/* Version 4 (.debug_frame) has sizes that are others on segmented machines. */
static bool read_version(struct cursor *body, struct cursor *ret_letters, uint8_t *ret_version)
{
    uint8_t version = cursor_byte(body);
    size_t left = cursor_left(body);
    const uint8_t *nul =
        memchr(body->at, 0, left < AUGMENTATION_MAX + 1 ? left : AUGMENTATION_MAX + 1);

    if ((version != 1 && version != 3 && version != 4) || !nul)
        return false;
    *ret_letters = cursor_part(body, (uint64_t)(nul - body->at));
    *ret_version = version;
    cursor_skip(body, 1);
    return version < 4 || cursor_unsigned(body, 2) == 8; /* of addresses, and of no segments */
}

static bool read_cie(const struct cfi_section *section, uint64_t offset, struct cie *ret_cie)
{
    struct cie cie = {.pointer_encoding = DW_EH_PE_absptr};
    struct cursor body, letters, augmentation;
    struct entry entry;
    uint8_t version;

    if (!read_entry(section, offset, &entry) || !entry.is_cie)
        return false;
    body = entry.body;
    if (!read_version(&body, &letters, &version))
        return false;
    cie.code_alignment = cursor_uleb128(&body);
    cie.data_alignment = cursor_sleb128(&body);
    if ((version == 1 ? cursor_byte(&body) : cursor_uleb128(&body)) != DWARF_RA)
        return false;
    if (cursor_left(&letters) > 0) {
        /* Without it nothing tells how long the data are. */
        if (cursor_byte(&letters) != 'z')
            return false;
        cie.has_augmentation = true;
        augmentation = cursor_part(&body, cursor_uleb128(&body));
        if (!read_augmentation(letters, augmentation, &cie))
            return false;
    }
    cie.instructions = body;
    *ret_cie = cie;
    return !body.failed;
}

bool fde_read(const struct cfi_section *section, uint64_t offset, struct fde *ret_fde)
{
    struct entry entry;
    struct cursor body;
    struct fde fde;
    uint64_t size;

    if (!read_entry(section, offset, &entry) || entry.is_cie ||
        !read_cie(section, entry.cie_offset, &fde.cie))
        return false;
    body = entry.body;
    if (!fde_read_address(section, fde.cie.pointer_encoding, &body, &fde.start) ||
        !fde_read_address(section, fde.cie.pointer_encoding & ENCODING_FORMAT, &body, &size) ||
        __builtin_add_overflow(fde.start, size, &fde.end) || size == 0)
        return false;
    if (fde.cie.has_augmentation)
        cursor_skip(&body, cursor_uleb128(&body));
    fde.instructions = body;
    *ret_fde = fde;
    return !body.failed;
}

bool fde_next(const struct cfi_section *section, uint64_t *offset)
{
    struct entry entry;

    if (!read_entry(section, *offset, &entry))
        return false;
    *offset = entry.next;
    return true;
}
