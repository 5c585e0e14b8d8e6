/* SPDX-License-Identifier: Apache-2.0 */
/* The commands "report", "watch" and "top": the probe, which the program itself becomes. It
 * attaches, starts the other roles, and holds the privileges that they do without.
 *
 *   probe ──── orders, news ──── reader of target 1 ──── rpc.h ──── analyst of target 1 ─┐
 *     │   └─── orders, news ──── reader of target 2 ──── rpc.h ──── analyst of target 2 ─┤
 *     └──────────────────────────── wire.h ──────────────────────── monitor ─── wire.h ──┘
 *
 * Its one loop only supervises: it waits for messages and for clocks, never for a target, a reader
 * or an analyst (attached.h, crew.h, reader.h). All that it waits for is the monitor, and that for
 * a few seconds. */
#pragma once

#include "options.h"

/* All say themselves what went wrong, in one line, and return the program's exit code. */
int probe_report(const struct options *options);
int probe_watch(const struct options *options);
int probe_top(const struct options *options);
