/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as the texts of Go's /debug/pprof/goroutine: ?debug=1, counts by stack, and ?debug=2,
 * the stacks as a panic prints them.
 *
 * Where they differ from Go's: they hold the waiters that the report counts, those parked past the
 * threshold; a frame has no offset into its function ("+0x25"), as a report does not know it; and
 * ?debug=2 shows each stack once, for the waiter that has been parked the longest, behind a line
 * that says how many stand there.
 */
#pragma once

#include <stdio.h>

#include "report.h"

enum pprof_text { PPROF_TEXT_COUNTS = 1, PPROF_TEXT_STACKS = 2 }; /* as ?debug= names them */

/* Writes waiters of one kind, of one target or, with target NULL, of all. -ENOENT: no target of
 * this name; -EIO: `out` has failed. */
int pprof_text_write(const struct report *report, const char *target, enum sample_kind kind,
                     enum pprof_text text, FILE *out);
