/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as text for people.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

#include "report.h"

struct text_options {
    unsigned width; /* columns; 0: not a terminal, the default width */
    bool terminal;  /* bold and dim are understood */
};

/* 0, or -EIO when `out` has failed. */
int text_write(const struct report *report, const struct text_options *options, FILE *out);
