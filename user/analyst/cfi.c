/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What call frame information there is for an address. libdwfl asks too, but where there is none
 * it goes on with frame pointers (backends/x86_64_unwind.c), which hardly any code keeps: the
 * frames that come out are guesses. So a stack ends before that.
 */
#include <stdlib.h>

#include "unwinder.h"

/* The frame description entry of an address in the target, or NULL; .eh_frame before .debug_frame,
 * as libdwfl/frame_unwind.c has it. The caller frees it. */
static Dwarf_Frame *find_frame(const struct module *module, uint64_t address, Dwarf_Addr *ret_bias)
{
    Dwarf_Frame *frame = NULL;
    Dwarf_CFI *cfi = dwfl_module_eh_cfi(module->dwfl, ret_bias);

    if (cfi && dwarf_cfi_addrframe(cfi, address - *ret_bias, &frame) == 0)
        return frame;
    cfi = dwfl_module_dwarf_cfi(module->dwfl, ret_bias);
    if (cfi && dwarf_cfi_addrframe(cfi, address - *ret_bias, &frame) == 0)
        return frame;
    return NULL;
}

const struct cfi_entry *cfi_find(struct unwinder *unwinder, const struct module *module,
                                 uint64_t address)
{
    /* Multiplied by 2^64 / golden ratio, so that neighbours spread. */
    size_t slot = (address * 0x9e3779b97f4a7c15u) >> 32 & (CFI_CACHE_SLOTS - 1);
    struct cfi_entry *entry = &unwinder->cfi[slot];
    Dwarf_Frame *frame;
    Dwarf_Addr bias;
    bool signal = false;

    if (entry->module == module->id && entry->address == address)
        return entry;
    *entry = (struct cfi_entry){.address = address, .module = module->id};
    frame = find_frame(module, address, &bias);
    if (!frame)
        return entry;
    dwarf_frame_info(frame, NULL, NULL, &signal);
    entry->covered = true;
    entry->signal = signal;
    entry->row = row_read(frame);
    free(frame);
    return entry;
}
