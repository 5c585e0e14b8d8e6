/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as text for people.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "monitor/page.h"
#include "report.h"

struct text_options {
    unsigned width; /* columns; 0: not a terminal, the default width */
    bool terminal;  /* bold and dim are understood */
};

/* Parts of it, of whole lines: who it is; what it uses; how many wait; one deadlock; what was lost,
 * which is nothing where nothing was. */
void text_heading_write(const struct page *page, const struct target_report *target);
void text_resources_write(const struct page *page, const struct target_report *target);
void text_state_write(const struct page *page, int64_t threshold_ns,
                      const struct target_report *target);
void text_deadlock_write(const struct page *page, const struct target_report *target,
                         const struct deadlock *deadlock);
void text_losses_write(const struct page *page, const struct losses *losses);

/* 0, or -EIO when `out` has failed. */
int text_write(const struct report *report, const struct text_options *options, FILE *out);
