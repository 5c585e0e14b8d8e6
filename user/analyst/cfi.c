/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What call frame information there is for an address. Where there is none a stack ends: frame
 * pointers, which hardly any code keeps, would give guesses.
 *
 * It is read here and not by libdw, which makes room for as many registers as an instruction names
 * (libdw/cfi.c:enough_registers() of elfutils 0.188: up to 2 GiB for one), nor by libdwfl, which
 * goes through an entry's instructions anew for each frame of each stack.
 */
#include "cleanup.h"
#include "debugfile.h"
#include "fderow.h"
#include "framesection.h"
#include "unwinder.h"

/* In a file of separate debug information. */
static void seek_separate(struct module *module, Elf *own, struct cfi *cfi)
{
    AUTO_FREE char *path = NULL;
    int fd = debugfile_find_separate(&module->context, own, &path);

    if (fd < 0 || image_open(fd, &cfi->elf) < 0)
        return;
    if (image_apart(own, cfi->elf, &cfi->bias))
        framesection_find_debug(cfi->elf, &cfi->table);
    if (!cfi->table.section.bytes) /* most have none, and may be large */
        elf_end(TAKE_PTR(cfi->elf));
}

static void seek(struct module *module, enum cfi_kind kind)
{
    struct cfi *cfi = &module->cfi[kind];
    GElf_Addr bias = 0;
    Elf *elf = dwfl_module_getelf(module->dwfl, &bias);

    cfi->sought = true;
    cfi->bias = bias;
    if (!elf)
        return;
    if (kind == CFI_EH_FRAME)
        framesection_find_eh(elf, &cfi->table);
    else
        framesection_find_debug(elf, &cfi->table);
    if (kind == CFI_DEBUG_FRAME && !cfi->table.section.bytes &&
        !module->context.unwinder->target.careful)
        seek_separate(module, elf, cfi);
}

static bool find_row(struct module *module, enum cfi_kind kind, struct cfi_entry *entry)
{
    struct cfi *cfi = &module->cfi[kind];
    struct fde fde;

    if (!cfi->sought)
        seek(module, kind);
    if (!fde_table_find(&cfi->table, entry->address - cfi->bias, &fde) ||
        !fde_row(&cfi->table.section, &fde, entry->address - cfi->bias, &entry->row))
        return false;
    entry->kind = kind;
    entry->signal = fde.cie.signal;
    return true;
}

const struct cfi_entry *cfi_find(struct unwinder *unwinder, struct module *module, uint64_t address)
{
    /* The upper bits of a product with 2^64 / golden ratio, over which neighbours spread. */
    size_t slot = (address * 0x9e3779b97f4a7c15u) >> (64 - CFI_CACHE_BITS);
    struct cfi_entry *entry = &unwinder->cfi[slot];

    /* Expressions are not in the row, but in the section. */
    if (entry->module == module->id && entry->address == address &&
        entry->openings == module->openings)
        return entry;
    *entry =
        (struct cfi_entry){.address = address, .module = module->id, .openings = module->openings};
    entry->covered =
        find_row(module, CFI_EH_FRAME, entry) || find_row(module, CFI_DEBUG_FRAME, entry);
    return entry;
}

struct expression_context cfi_expressions(const struct module *module, enum cfi_kind kind)
{
    const struct cfi *cfi = &module->cfi[kind];

    return (struct expression_context){
        .bytes = cfi->table.section.bytes, .size = cfi->table.section.size, .bias = cfi->bias};
}

void cfi_forget(struct module *module)
{
    for (int kind = 0; kind < CFI_KINDS; kind++) {
        fde_table_clear(&module->cfi[kind].table);
        elf_end(module->cfi[kind].elf);
        module->cfi[kind] = (struct cfi){.sought = false};
    }
}
