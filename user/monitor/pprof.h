/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as `go tool pprof` reads it: profile.proto, gzipped, in the shape of Go's own
 * goroutine profile (runtime/pprof), for goroutines and for threads.
 *
 * It holds the waiters that the report counts: those parked past the threshold, all that run or
 * wait for less are missing. Each group is one sample with these labels: wait_reason; oldest, how
 * long the oldest waiter has been parked; idle, the rule by which the group is idle by design;
 * created_by; target, where the profile is of several; and those that the program itself gave.
 *
 * Addresses are in their module's own numbering, as the files have them, so that profiles of two
 * runs compare and a file found by pprof fits; mappings carry no memory range, which pprof takes to
 * mean just that. They are known by their files' GNU build ids, as Go's own profiles have them:
 * pprof compares no other kind, and refuses a file of which one of another kind was given. Frames
 * of no module keep the address in the target.
 */
#pragma once

#include <stdio.h>

#include "report.h"

#define PPROF_ALL_KINDS SAMPLE_KIND_MAX

/*
 * Writes the profile of one target, or with target NULL of all of them. Its sample type is
 * "goroutine" or "threads", in "count"; with PPROF_ALL_KINDS it has both.
 *
 * -ENOENT: no target of this name; -EIO: `out` has failed; -ENOMEM, -EFBIG.
 */
int pprof_write(const struct report *report, const char *target, enum sample_kind kind, FILE *out);
