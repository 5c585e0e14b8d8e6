/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as JSON: what `report --format json` prints and /api/v1/report serves. Names are
 * stable; what is not known is null.
 */
#pragma once

#include <stdio.h>

#include "report.h"

/* Writes group by group, so that memory is that of one group. 0, -ENOMEM, or -EIO when `out` has
 * failed; then what is written so far is not complete. */
int json_write(const struct report *report, FILE *out);
