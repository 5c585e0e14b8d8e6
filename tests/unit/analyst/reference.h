/* SPDX-License-Identifier: Apache-2.0 */
/* The same stack by libdwfl's unwinder, to compare with. It reads all call frame information anew,
 * and goes on where ours knows of none: only as far as ours knows, the two have to agree. */
#pragma once

#include <stdlib.h>
#include <string.h>

#include "analyst/unwinder.h"
#include "bpf/record.h"

#define REFERENCE_TID 1 /* elfutils' name for whatever thread is being unwound */

struct reference {
    struct unwinder *unwinder;
    const uint64_t *regs;
    const struct stack_copy *copy;
    struct raw_frame *frames;
    size_t n, max;
    enum unwind_end end;
    bool below_signal, read_failed;
    Elf *arch; /* tells elfutils the architecture */
};

static inline bool reference_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word,
                                  void *context)
{
    struct reference *reference = context;
    const struct unwind_target *target = &reference->unwinder->target;
    const struct stack_copy *copy = reference->copy;

    (void)dwfl;
    if (copy && copy->size >= 8 && address >= copy->address &&
        address - copy->address <= copy->size - 8) {
        memcpy(ret_word, copy->bytes + (address - copy->address), 8);
        return true;
    }
    if (target->read(target->context, address, ret_word, 8) == 0)
        return true;
    reference->read_failed = true;
    return false;
}

static inline bool reference_set(Dwfl_Thread *thread, void *context)
{
    static const uint8_t order[DWARF_REGISTERS] = {
        REGS_AX, REGS_DX,  REGS_CX,  REGS_BX,  REGS_SI,  REGS_DI,  REGS_BP,  REGS_SP, REGS_R8,
        REGS_R9, REGS_R10, REGS_R11, REGS_R12, REGS_R13, REGS_R14, REGS_R15, REGS_IP,
    };
    const struct reference *reference = context;
    Dwarf_Word words[DWARF_REGISTERS];

    for (size_t i = 0; i < DWARF_REGISTERS; i++)
        words[i] = reference->regs[order[i]];
    dwfl_thread_state_register_pc(thread, reference->regs[REGS_IP]);
    return dwfl_thread_state_registers(thread, 0, DWARF_REGISTERS, words);
}

static inline bool reference_thread(Dwfl *dwfl, pid_t tid, void *context, void **ret_context)
{
    (void)dwfl, (void)tid;
    *ret_context = context;
    return true;
}

static inline pid_t reference_next(Dwfl *dwfl, void *context, void **ret_context)
{
    (void)dwfl, (void)context, (void)ret_context;
    return 0;
}

static inline int reference_stop(struct reference *reference, enum unwind_end end)
{
    reference->end = end;
    return DWARF_CB_ABORT;
}

/* The rules of unwind.c, but for those of modules: here none comes or goes. */
static inline int reference_visit(Dwfl_Frame *frame, void *context)
{
    struct reference *reference = context;
    bool exact = reference->n == 0 || reference->below_signal;
    const struct cfi_entry *cfi;
    struct raw_frame *last = reference->frames + reference->n;
    struct module *module;
    Dwarf_Addr pc;

    reference->read_failed = false;
    if (!dwfl_frame_pc(frame, &pc, NULL))
        return reference_stop(reference, UNWIND_CUT);
    if (reference->n == reference->max)
        return reference_stop(reference, UNWIND_CAPPED);
    module = module_find(reference->unwinder, pc - !exact);
    if (!module && reference->n > 0)
        return reference_stop(reference, UNWIND_CUT);
    *last = (struct raw_frame){pc, exact};
    reference->n++;
    if (!module || !module_load(reference->unwinder, module))
        return reference_stop(reference, UNWIND_CUT);
    cfi = cfi_find(reference->unwinder, module, pc - !exact);
    if (!cfi->covered)
        return reference_stop(reference, UNWIND_CUT);
    last->activation |= cfi->signal;
    reference->below_signal = cfi->signal;
    return DWARF_CB_OK;
}

/* Once for an unwinder, before any other: libdwfl takes what it is told to the end of its days. */
static inline void reference_attach(struct reference *reference, struct unwinder *unwinder)
{
    static const Dwfl_Thread_Callbacks callbacks = {
        .next_thread = reference_next,
        .get_thread = reference_thread,
        .memory_read = reference_read,
        .set_initial_registers = reference_set,
    };
    static Elf64_Ehdr header = {
        .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
        .e_type = ET_DYN,
        .e_machine = EM_X86_64,
        .e_version = EV_CURRENT,
        .e_ehsize = sizeof(Elf64_Ehdr),
    };

    reference->unwinder = unwinder;
    reference->arch = elf_memory((char *)&header, sizeof(header));
    if (!reference->arch ||
        !dwfl_attach_state(unwinder->dwfl, reference->arch, REFERENCE_TID, &callbacks, reference))
        abort();
}

/* After the unwinder. */
static inline void reference_detach(struct reference *reference)
{
    elf_end(reference->arch);
}

/* As unwinder_unwind(). Beyond `max`, libdwfl goes on for ever where CFI leads from a frame to
 * itself: what it found until there is as good. */
static inline enum unwind_end reference_unwind(struct reference *reference, const uint64_t *regs,
                                               const struct stack_copy *copy,
                                               struct raw_frame *ret_frames, size_t max,
                                               size_t *ret_n)
{
    int r;

    reference->regs = regs;
    reference->copy = copy;
    reference->frames = ret_frames;
    reference->max = max;
    reference->n = 0;
    reference->below_signal = false;
    r = dwfl_getthread_frames(reference->unwinder->dwfl, REFERENCE_TID, reference_visit, reference);
    if (r == 0)
        reference->end = reference->read_failed ? UNWIND_CUT : UNWIND_WHOLE;
    else if (r != DWARF_CB_ABORT)
        reference->end = UNWIND_CUT;
    *ret_n = reference->n;
    return reference->end;
}
