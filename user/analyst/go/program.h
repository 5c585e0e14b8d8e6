/* SPDX-License-Identifier: Apache-2.0 */
/* The program that runs in the target: its mappings, whether it is Go, which, and whether its
 * goroutines can be read. Asked for anew, ever more rarely, as long as they can't: a runtime may
 * just be starting, or be in a library that is loaded later. Go plugins that are loaded later are
 * taken up. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analyst/go/code.h"
#include "analyst/go/runtime.h"
#include "analyst/mappings.h"
#include "analyst/outbox.h"
#include "analyst/remote.h"
#include "loss.h"
#include "wire.h"

struct program;

/* All are borrowed. -ENOMEM. */
int program_new(struct remote *remote, struct losses *losses, struct program **ret_program);
void program_free(struct program **program);

/* Looks ahead of the first scan, which then takes that for its own if the same code is at the same
 * places. -ECONNRESET, -ENOMEM: any other error is that scan's to meet. */
int program_prepare(struct program *program);

/* Looks what runs in the process, once a scan. `exec_id` tells one program from the next. -errno of
 * the probe. */
int program_update(struct program *program, uint64_t scan, uint64_t exec_id);

/* Changes whenever nothing that was got from here before may be used any more. */
uint64_t program_generation(const struct program *program);

/* NULL: not Go, or not readable. */
struct go_code *program_code(struct program *program);
struct go_runtime *program_runtime(struct program *program);

/* The target's mappings, as of this scan once it is updated. Borrowed. */
struct mappings *program_mappings(struct program *program);

/* Fills in runtime, runtime_version and note. */
void program_describe(const struct program *program, struct outbox *outbox,
                      struct wire_scan *ret_scan);

/* Whether a goroutine that began at this pc is one of the runtime's own, which
 * runtime.NumGoroutine() leaves out. */
bool program_is_system(struct program *program, uint64_t startpc);
