/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks by call frame information, over registers and memory that we are given. */
#include "unwind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "cleanup.h"
#include "unwinder.h"

/* enum record_reg, by DWARF's numbers. */
static const uint8_t record_registers[DWARF_REGISTERS] = {
    REGS_AX, REGS_DX,  REGS_CX,  REGS_BX,  REGS_SI,  REGS_DI,  REGS_BP,  REGS_SP, REGS_R8,
    REGS_R9, REGS_R10, REGS_R11, REGS_R12, REGS_R13, REGS_R14, REGS_R15, REGS_IP,
};

#define STACK_PAGE 4096u

/* One unwind under way. */
struct stack_walk {
    struct unwinder *unwinder;
    const uint64_t *regs;
    const struct stack_copy *copy;
    struct raw_frame *frames;
    size_t max;
    size_t n;
    enum unwind_end end;
    bool below_signal;           /* the frame that comes next was interrupted by a signal */
    bool stale;                  /* an address has another module than is known */
    uint64_t last_sp;            /* of the frame that was recorded last */
    const struct module *module; /* of that frame, ... */
    const struct cfi_entry *cfi; /* ... and by what it is unwound */
    uint64_t page_address;       /* of the page beyond the copy that was read last; 0: none */
    uint8_t page[STACK_PAGE];
};

/* Beyond the copy a whole page is fetched at a time: either all of it can be read or nothing. */
static int read_beyond(struct stack_walk *walk, uint64_t address, uint64_t *ret_word)
{
    const struct unwind_target *target = &walk->unwinder->target;
    uint64_t page = address & -(uint64_t)STACK_PAGE;
    int r;

    if (page == 0 || address - page > STACK_PAGE - sizeof(*ret_word))
        return target->read(target->context, address, ret_word, sizeof(*ret_word));
    if (page != walk->page_address) {
        walk->page_address = 0;
        r = target->read(target->context, page, walk->page, STACK_PAGE);
        if (r < 0)
            return r;
        walk->page_address = page;
    }
    memcpy(ret_word, walk->page + (address - page), sizeof(*ret_word));
    return 0;
}

static bool read_word(void *context, uint64_t address, uint64_t *ret_word)
{
    struct stack_walk *walk = context;
    const struct stack_copy *copy = walk->copy;

    if (copy && copy->size >= sizeof(*ret_word) && address >= copy->address &&
        address - copy->address <= copy->size - sizeof(*ret_word)) {
        memcpy(ret_word, copy->bytes + (address - copy->address), sizeof(*ret_word));
        return true;
    }
    return read_beyond(walk, address, ret_word) == 0;
}

/* False, so that callers can return it: the walk ends. */
static bool stop(struct stack_walk *walk, enum unwind_end end)
{
    walk->end = end;
    return false;
}

static void record(struct stack_walk *walk, uint64_t pc, bool activation)
{
    walk->frames[walk->n++] = (struct raw_frame){.pc = pc, .activation = activation};
}

/* Broken CFI can lead from a frame to itself, for ever. */
static bool stands_still(struct stack_walk *walk, uint64_t pc, uint64_t sp)
{
    uint64_t last_sp = walk->last_sp;

    walk->last_sp = sp;
    return walk->n > 0 && sp == last_sp && pc == walk->frames[walk->n - 1].pc;
}

/* Comes to a frame, before it is unwound. False: what must not be unwound ends here. */
static bool enter(struct stack_walk *walk, uint64_t pc, uint64_t sp)
{
    struct unwinder *unwinder = walk->unwinder;
    bool exact = walk->n == 0 || walk->below_signal;
    struct module *module;
    int r;

    if (stands_still(walk, pc, sp))
        return stop(walk, UNWIND_CUT);
    if (walk->n == walk->max)
        return stop(walk, UNWIND_CAPPED);
    module = module_find(unwinder, pc - !exact);
    r = module_show(unwinder, module, pc - !exact);
    if (r) {
        walk->stale = r == -ESTALE;
        return stop(walk, UNWIND_CUT);
    }
    /* What is no code is no return address, but an error of what led here. */
    if (module || walk->n == 0)
        record(walk, pc, exact);
    if (!module || !module_load(unwinder, module))
        return stop(walk, UNWIND_CUT);
    walk->module = module;
    walk->cfi = cfi_find(unwinder, module, pc - !exact);
    if (!walk->cfi->covered)
        return stop(walk, UNWIND_CUT);
    /* The kernel "returns" to the trampoline, which no call precedes either. */
    walk->frames[walk->n - 1].activation |= walk->cfi->signal;
    walk->below_signal = walk->cfi->signal;
    return true;
}

static struct registers innermost(const uint64_t *regs)
{
    struct registers registers;

    for (int i = 0; i < DWARF_REGISTERS; i++)
        registers.words[i] = regs[record_registers[i]];
    registers.known = (1u << DWARF_REGISTERS) - 1;
    return registers;
}

/* Goes on to the caller. False: there is none, or none that could be found. That there is none is
 * said by the CFI, or by a return address of 0, by which makers of coroutines mark the bottom. */
static bool leave(struct stack_walk *walk, struct registers *registers)
{
    const bool has_caller = walk->cfi->row.defined >> DWARF_RA & 1;
    struct expression_context context = cfi_expressions(walk->module, walk->cfi->kind);

    context.read_word = read_word;
    context.context = walk;
    if (!row_apply(&walk->cfi->row, &context, registers) || !register_is_known(registers, DWARF_SP))
        return stop(walk, UNWIND_CUT);
    if (!register_is_known(registers, DWARF_RA))
        return stop(walk, has_caller ? UNWIND_CUT : UNWIND_WHOLE);
    if (!registers->words[DWARF_RA])
        return stop(walk, UNWIND_WHOLE);
    return true;
}

static void walk_stack(struct stack_walk *walk)
{
    struct registers registers = innermost(walk->regs);

    walk->n = 0;
    walk->below_signal = false;
    walk->stale = false;
    while (enter(walk, registers.words[DWARF_RA], registers.words[DWARF_SP]) &&
           leave(walk, &registers))
        ;
}

enum unwind_end unwinder_unwind(struct unwinder *unwinder, const uint64_t *regs,
                                const struct stack_copy *copy, struct raw_frame *ret_frames,
                                size_t max, size_t *ret_n)
{
    struct stack_walk walk = {
        .unwinder = unwinder, .regs = regs, .copy = copy, .frames = ret_frames, .max = max};

    /* Ends, because list_mappings() does. */
    do
        walk_stack(&walk);
    while (walk.stale && modules_renew(unwinder) == 0);
    if (walk.n == 0)
        record(&walk, regs[REGS_IP], true);
    *ret_n = walk.n;
    return walk.end;
}

/* Dwfl_Callbacks.find_elf: hands over what module_load() has opened. */
static int find_elf(Dwfl_Module *dwfl, void **userdata, const char *name, Dwarf_Addr base,
                    char **ret_path, Elf **ret_elf)
{
    struct module_context *context = *userdata;

    (void)dwfl;
    (void)name;
    (void)base;
    (void)ret_path;
    *ret_elf = TAKE_PTR(context->module->elf);
    return -1;
}

static const Dwfl_Callbacks callbacks = {
    .find_elf = find_elf,
    .find_debuginfo = debugfile_find,
};

static int start_elfutils(struct unwinder *unwinder)
{
    if (elf_version(EV_CURRENT) == EV_NONE)
        return -ENOTSUP;
    unwinder->dwfl = dwfl_begin(&callbacks);
    return unwinder->dwfl ? 0 : -ENOMEM;
}

int unwinder_new(const struct unwind_target *target, struct losses *losses,
                 struct unwinder **ret_unwinder)
{
    CLEANUP(unwinder_free) struct unwinder *unwinder = calloc(1, sizeof(*unwinder));
    int r;

    if (!unwinder)
        return -ENOMEM;
    unwinder->target = *target;
    unwinder->losses = losses;
    r = interns_new(&unwinder->interns);
    if (r == 0)
        r = symbol_cache_new(&unwinder->symbols);
    if (r == 0)
        r = start_elfutils(unwinder);
    if (r < 0)
        return r;
    *ret_unwinder = TAKE_PTR(unwinder);
    return 0;
}

void unwinder_free(struct unwinder **unwinder)
{
    struct unwinder *u = *unwinder;

    if (!u)
        return;
    for (size_t i = 0; i < u->n_modules; i++)
        debuginfo_free(&u->modules[i]->debuginfo);
    if (u->dwfl)
        dwfl_end(u->dwfl);
    modules_free(u);
    symbol_cache_free(&u->symbols);
    interns_free(&u->interns);
    free(u);
    *unwinder = NULL;
}
