/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One target's address space as elfutils sees it: native stacks from registers and memory, and
 * names for their addresses. The only module that knows elfutils; it does no I/O of its own but
 * through struct unwind_target, so the target is never stopped and tests need no process.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "loss.h"
#include "maps.h"
#include "sample.h"

struct unwinder;

/* How the unwinder reaches its target. All functions return 0 or -errno. */
struct unwind_target {
    /* Copies `size` bytes of the target's memory. All or nothing. */
    int (*read)(void *context, uint64_t address, void *buffer, size_t size);
    /* Opens the file behind a mapping, read-only; the caller owns *ret_fd. */
    int (*open_mapping)(void *context, const struct mapping *mapping, int *ret_fd);
    /* Opens a file of separate debug information by absolute path, in the target's root or in ours;
     * the caller owns *ret_fd and checks that it is the right file (build ID or CRC). */
    int (*open_debug)(void *context, const char *path, int *ret_fd);
    /* Finds what is mapped at an address; its path is borrowed until the next call. -ENOENT:
     * nothing. After another error no stack or name of before unwinder_doubt() is to be used. */
    int (*find_mapping)(void *context, uint64_t address, struct mapping *ret_mapping);
    /* Lists all mappings, borrowed until the next call, where one is not as it was: nothing that
     * was kept by addresses holds any more. Called again where one is not as it was listed either,
     * until an error ends the stack there. */
    int (*list_mappings)(void *context, const struct maps **ret_maps);
    void *context;
    bool careful; /* no debug information is read */
};

/* A copy of part of a thread's stack, taken with its registers: reads inside it cost nothing. */
struct stack_copy {
    uint64_t address;
    const uint8_t *bytes;
    size_t size;
};

/* One frame before it has a name. */
struct raw_frame {
    uint64_t pc;     /* as in the target: for all but activations a return address */
    bool activation; /* the pc is where it stands (innermost frame, or below a signal), not behind a
                        call: look up pc itself, else pc - 1 */
};

/* How an unwind ended. */
enum unwind_end {
    UNWIND_WHOLE,  /* reached the frame whose CFI says it is the outermost */
    UNWIND_CUT,    /* no CFI, or what it takes is not known, or could not be read */
    UNWIND_CAPPED, /* more than `max` frames */
};

/* `target` is copied, its context borrowed. `losses` is borrowed: file_unreadable and debug_refused
 * are counted there, once for each file. */
int unwinder_new(const struct unwind_target *target, struct losses *losses,
                 struct unwinder **ret_unwinder);
void unwinder_free(struct unwinder **unwinder);

/* Makes the modules those of `maps`. Cheap when nothing that is mapped from a file changed; modules
 * that stay keep what was loaded of them. Files are opened when an address in them is first met. */
int unwinder_set_maps(struct unwinder *unwinder, const struct maps *maps);

/* Reads what naming an address of the module that holds `pc` takes, before there is one to name. */
void unwinder_prepare(struct unwinder *unwinder, uint64_t pc);

/* Time has passed, and code may have come and gone: from now on find_mapping() has to show that a
 * module still is where it was before anything is unwound or named by it. Where another one is, all
 * are listed anew. */
void unwinder_doubt(struct unwinder *unwinder);

/* Closes all files, and gives back what was read of them, once no address has been named for
 * UNWIND_REST_NS: mostly those that come are known. What is met anew is opened anew. To be told the
 * time, CLOCK_MONOTONIC, now and then. */
#define UNWIND_REST_NS 30000000000u
void unwinder_rest(struct unwinder *unwinder, uint64_t now_ns);

/* Unwinds one thread from `regs` (enum record_reg order). Writes at most `max` frames, innermost
 * first; at least one, the registers' own pc. */
enum unwind_end unwinder_unwind(struct unwinder *unwinder, const uint64_t *regs,
                                const struct stack_copy *copy, struct raw_frame *ret_frames,
                                size_t max, size_t *ret_n);

#define SYMBOL_INLINE_MAX 64

/*
 * Names one raw frame: writes its inlined frames innermost first, then the frame of the function
 * that really has the code; always at least one, at most SYMBOL_INLINE_MAX. Returns how many.
 * Strings live as long as the unwinder. Results are cached by pc: a second call costs a look-up.
 *
 * Function names are demangled (C++ and Rust, libiberty) and without "@@VERSION". The file is as
 * the line table has it, with the compilation directory where it is relative. `module` is the base
 * name of the mapped file.
 */
size_t unwinder_symbolize(struct unwinder *unwinder, const struct raw_frame *raw,
                          struct frame ret_frames[static SYMBOL_INLINE_MAX]);
