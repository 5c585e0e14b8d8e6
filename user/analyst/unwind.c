/* SPDX-License-Identifier: Apache-2.0 */
/* Stacks by call frame information: by its rows, and by libdwfl's unwinder, over registers and
 * memory that we give it. */
#include "unwind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bpf/record.h"
#include "cleanup.h"
#include "unwinder.h"

#define UNWIND_TID 1 /* elfutils' name for whatever thread is being unwound */

#define DWARF_SP 7

/* DWARF's numbers of the registers (System V ABI for AMD64, figure 3.36), by enum record_reg. */
static const uint8_t dwarf_registers[DWARF_REGISTERS] = {
    REGS_AX, REGS_DX,  REGS_CX,  REGS_BX,  REGS_SI,  REGS_DI,  REGS_BP,  REGS_SP, REGS_R8,
    REGS_R9, REGS_R10, REGS_R11, REGS_R12, REGS_R13, REGS_R14, REGS_R15, REGS_IP,
};

#define STACK_PAGE 4096u

/* One unwind under way. */
struct stack_walk {
    const uint64_t *regs;
    const struct stack_copy *copy;
    struct raw_frame *frames;
    size_t max;
    size_t n;
    enum unwind_end end;
    bool below_signal;     /* the frame that comes next was interrupted by a signal */
    bool read_failed;      /* in the step that is under way */
    uint64_t last_sp;      /* of the frame that was recorded last */
    const struct row *row; /* by which it is unwound */
    struct module *load;   /* the walk came to a module that has to be loaded first */
    bool stale;            /* ... or to an address that another module has than is known */
    uint64_t page_address; /* of the page beyond the copy that was read last; 0: none */
    uint8_t page[STACK_PAGE];
};

/* Beyond the copy a whole page is fetched at a time: either all of it can be read or nothing. */
static int read_beyond(struct unwinder *unwinder, uint64_t address, uint64_t *ret_word)
{
    const struct unwind_target *target = &unwinder->target;
    struct stack_walk *walk = unwinder->walk;
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
    struct unwinder *unwinder = context;
    struct stack_walk *walk = unwinder->walk;
    const struct stack_copy *copy = walk->copy;

    if (copy && copy->size >= sizeof(*ret_word) && address >= copy->address &&
        address - copy->address <= copy->size - sizeof(*ret_word)) {
        memcpy(ret_word, copy->bytes + (address - copy->address), sizeof(*ret_word));
        return true;
    }
    if (read_beyond(unwinder, address, ret_word) < 0) {
        walk->read_failed = true;
        return false;
    }
    return true;
}

/* Dwfl_Thread_Callbacks.memory_read. */
static bool read_for_dwfl(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *ret_word, void *context)
{
    uint64_t word;

    (void)dwfl;
    if (!read_word(context, address, &word))
        return false;
    *ret_word = word;
    return true;
}

static bool set_registers(Dwfl_Thread *thread, void *context)
{
    const struct unwinder *unwinder = context;
    Dwarf_Word words[DWARF_REGISTERS];

    for (size_t i = 0; i < DWARF_REGISTERS; i++)
        words[i] = unwinder->walk->regs[dwarf_registers[i]];
    dwfl_thread_state_register_pc(thread, unwinder->walk->regs[REGS_IP]);
    return dwfl_thread_state_registers(thread, 0, DWARF_REGISTERS, words);
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *context, void **ret_thread_context)
{
    (void)dwfl;
    (void)tid;
    *ret_thread_context = context;
    return true;
}

/* Elfutils wants to have it, though threads are only asked for by TID. */
static pid_t next_thread(Dwfl *dwfl, void *context, void **thread_context)
{
    (void)dwfl;
    (void)context;
    (void)thread_context;
    return 0;
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
    .next_thread = next_thread,
    .get_thread = get_thread,
    .memory_read = read_for_dwfl,
    .set_initial_registers = set_registers,
};

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

/* Called for each frame before it is unwound. False: what must not be unwound ends here. */
static bool enter(struct unwinder *unwinder, uint64_t pc, uint64_t sp)
{
    struct stack_walk *walk = unwinder->walk;
    bool exact = walk->n == 0 || walk->below_signal;
    const struct cfi_entry *cfi;
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
    if (module && module_is_unloaded(module)) {
        walk->load = module;
        return false;
    }
    /* What is no code is no return address, but an error of what led here. */
    if (module || walk->n == 0)
        record(walk, pc, exact);
    if (!module || module->state != MODULE_LOADED)
        return stop(walk, UNWIND_CUT);
    cfi = cfi_find(unwinder, module, pc - !exact);
    if (!cfi->covered)
        return stop(walk, UNWIND_CUT);
    /* The kernel "returns" to the trampoline, which no call precedes either. */
    walk->frames[walk->n - 1].activation |= cfi->signal;
    walk->below_signal = cfi->signal;
    walk->row = &cfi->row;
    return true;
}

static void start_walk(struct stack_walk *walk)
{
    walk->n = 0;
    walk->below_signal = false;
    walk->load = NULL;
    walk->stale = false;
}

/* enum row_register by enum record_reg. */
static struct row_frame innermost(const uint64_t *regs)
{
    static const uint8_t registers[ROW_REGISTERS] = {REGS_BX,  REGS_BP,  REGS_SP,  REGS_R12,
                                                     REGS_R13, REGS_R14, REGS_R15, REGS_IP};
    struct row_frame frame;

    for (int i = 0; i < ROW_REGISTERS; i++) {
        frame.words[i] = regs[registers[i]];
        frame.known[i] = true;
    }
    return frame;
}

/* The caller's pc is undefined, or 0, by which makers of coroutines mark the bottom; or else it is
 * not known whether there is one. */
static enum unwind_end end_of(const struct stack_walk *walk)
{
    return walk->read_failed ? UNWIND_CUT : UNWIND_WHOLE;
}

/* False: a frame takes libdwfl. */
static bool walk_by_rows(struct unwinder *unwinder)
{
    struct stack_walk *walk = unwinder->walk;
    struct row_frame frame = innermost(walk->regs);

    start_walk(walk);
    while (enter(unwinder, frame.words[ROW_RA], frame.words[ROW_SP])) {
        walk->read_failed = false;
        if (!row_apply(walk->row, read_word, unwinder, &frame) || !frame.known[ROW_SP])
            return false;
        if (!frame.known[ROW_RA] || !frame.words[ROW_RA]) {
            walk->end = end_of(walk);
            break;
        }
    }
    return true;
}

static int visit_frame(Dwfl_Frame *frame, void *context)
{
    struct unwinder *unwinder = context;
    struct stack_walk *walk = unwinder->walk;
    Dwarf_Addr pc;
    Dwarf_Word sp;

    walk->read_failed = false;
    if (!dwfl_frame_pc(frame, &pc, NULL) || dwfl_frame_reg(frame, DWARF_SP, &sp) != 0) {
        stop(walk, UNWIND_CUT);
        return DWARF_CB_ABORT;
    }
    return enter(unwinder, pc, sp) ? DWARF_CB_OK : DWARF_CB_ABORT;
}

static void walk_by_dwfl(struct unwinder *unwinder)
{
    struct stack_walk *walk = unwinder->walk;
    int r;

    start_walk(walk);
    r = dwfl_getthread_frames(unwinder->dwfl, UNWIND_TID, visit_frame, unwinder);
    /* Libdwfl says so as well when the return address could not be read. */
    if (r == 0)
        walk->end = end_of(walk);
    else if (r != DWARF_CB_ABORT)
        walk->end = UNWIND_CUT;
}

/* One attempt. True: it has to be repeated, modules had to be listed or one be loaded. */
static bool attempt(struct unwinder *unwinder)
{
    struct stack_walk *walk = unwinder->walk;

    if (!walk_by_rows(unwinder))
        walk_by_dwfl(unwinder);
    if (walk->stale)
        return modules_renew(unwinder) == 0;
    if (walk->load)
        module_load(unwinder, walk->load);
    return walk->load;
}

enum unwind_end unwinder_unwind(struct unwinder *unwinder, const uint64_t *regs,
                                const struct stack_copy *copy, struct raw_frame *ret_frames,
                                size_t max, size_t *ret_n)
{
    struct stack_walk walk = {.regs = regs, .copy = copy, .frames = ret_frames, .max = max};

    unwinder->walk = &walk;
    /* Ends, because a module is tried once only, and list_mappings() ends. */
    while (attempt(unwinder))
        ;
    unwinder->walk = NULL;
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
    unwinder->arch = image_arch();
    if (!unwinder->dwfl || !unwinder->arch)
        return -ENOMEM;
    if (!dwfl_attach_state(unwinder->dwfl, unwinder->arch, UNWIND_TID, &thread_callbacks, unwinder))
        return -ENOTSUP;
    return 0;
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
    elf_end(u->arch);
    modules_free(u);
    symbol_cache_free(&u->symbols);
    interns_free(&u->interns);
    free(u);
    *unwinder = NULL;
}
