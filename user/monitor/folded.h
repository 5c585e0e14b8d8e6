/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as folded stacks, for flamegraph.pl, speedscope and the like:
 *
 *   recommendd;main.recommend.func1;main.fetchScores;[chan send] 14235
 *
 * One line a stack: target, frames with the outermost first, the reason in brackets, waiters.
 */
#pragma once

#include <stdio.h>

#include "report.h"

/* 0, or -EIO when `out` has failed. */
int folded_write(const struct report *report, FILE *out);
