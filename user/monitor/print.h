/* SPDX-License-Identifier: Apache-2.0 */
/* The one report of "parkwatch report", written to a descriptor. */
#pragma once

#include "options.h"
#include "report.h"

/* `width`: columns of the terminal that text is for; 0: it is for none. Made whole before its first
 * byte is written: what is printed is never half a report. -ENOMEM, or -errno of write(). */
int print_report(const struct report *report, enum report_format format, unsigned width, int fd);
