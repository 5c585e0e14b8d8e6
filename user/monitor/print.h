/* SPDX-License-Identifier: Apache-2.0 */
/* The one report of "parkwatch report", written to a descriptor. */
#pragma once

#include "options.h"
#include "report.h"

#define PRINT_PIECE (1024 * 1024) /* bytes; most reports are one */

/* `width`: columns of the terminal that text is for; 0: it is for none. Written as it is made,
 * in pieces of PRINT_PIECE: of what makes it fail nothing but write() comes after the first of
 * them. -ENOMEM, or -errno of write(). */
int print_report(const struct report *report, enum report_format format, unsigned width, int fd);
