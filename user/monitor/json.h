/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The report as JSON: what `report --format json` prints and /api/v1/report serves. Names are
 * stable; what is not known is null.
 */
#pragma once

#include <stdint.h>
#include <stdio.h>

#include "report.h"

#define JSON_MAX_NONE SIZE_MAX

/*
 * Takes no memory of its own. `max`: bytes that it is to stay within. Each target has its part of
 * them, and of what those before it did not need; what there is no room for, of the groups those
 * with the fewest waiters, is left out, and told in groups_left_out, waiters_left_out and
 * deadlocks_left_out.
 *
 * 0; 1: something was left out; -EIO when `out` has failed: what is written is then not complete.
 */
int json_write(const struct report *report, size_t max, FILE *out);
