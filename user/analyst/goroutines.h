/* SPDX-License-Identifier: Apache-2.0 */
/* The source of goroutine samples: follows every goroutine of a Go program from scan to scan, takes
 * the stack of each park once it is past the threshold, and proves that it is still the same park.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analyst/go/program.h"
#include "analyst/outbox.h"
#include "analyst/remote.h"
#include "loss.h"
#include "wire.h"

struct goroutines_options {
    int64_t threshold_ns; /* waiters below it get no stack and no sample */
    bool proven;          /* only what was seen parked for so long is past it */
    bool one_look;        /* samples are told once, at the end of a scan, and of it alone */
    bool samples;         /* false: only says whether the target runs Go */
};

struct goroutines;

/* `program`, `remote`, `outbox` and `losses` are borrowed. -ENOMEM. */
int goroutines_new(const struct goroutines_options *options, struct program *program,
                   struct remote *remote, struct outbox *outbox, struct losses *losses,
                   struct goroutines **ret_goroutines);
void goroutines_free(struct goroutines **goroutines);

/*
 * Takes one scan, as of ret_scan->time_ns: sends what changed of the samples, and fills in ret_scan
 * what there is of Go and goroutines. `exec_id`: as for program_update(). -ECONNRESET and other
 * -errno of the probe; then the scan is not complete.
 */
int goroutines_scan(struct goroutines *goroutines, uint64_t exec_id, struct wire_scan *ret_scan);
