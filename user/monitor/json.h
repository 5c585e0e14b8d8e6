/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as JSON: what `report --format json` prints and /api/v1/report serves. Names are
 * stable; what is not known is null.
 */
#pragma once

#include <stdio.h>

#include "report.h"

/* Takes no memory of its own. 0, or -EIO when `out` has failed: what is written is then not
 * complete.
 */
int json_write(const struct report *report, FILE *out);
