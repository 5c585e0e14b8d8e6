/* SPDX-License-Identifier: Apache-2.0 */
/* The commands "report", "watch" and "top": the probe, which the program itself becomes. It
 * attaches, starts the other roles, and holds the privileges that they do without. */
#pragma once

#include "options.h"

/* All say themselves what went wrong, in one line, and return the program's exit code. */
int probe_report(const struct options *options);
int probe_watch(const struct options *options);
int probe_top(const struct options *options);
