/* SPDX-License-Identifier: Apache-2.0 */
/* The live view on the terminal: in the monitor's loop what HTTP is for a watch. */
#pragma once

#include <stdbool.h>

#include "report.h"

#define TOP_FDS 2

struct top;

/* Takes standard input and output over, which are a terminal. Before the sandbox: curses reads
 * files. `messages`: standard error is a backlog (backlog.h), whose last line is shown. Errors as
 * of screen_new(). */
int top_new(bool messages, struct top **ret_top);

/* Leaves the terminal as it was. */
void top_free(struct top **top);

/* What poll() is to watch for reading. */
void top_fds(const struct top *top, int ret_fds[static TOP_FDS]);

/* Takes keys and shows the report, whatever of both is new. 1: the user quits; 0; -errno. */
int top_run(struct top *top, const struct report *report);

/* Whether the groups of the last report are to stay, as what is shown borrows them. */
bool top_is_paused(const struct top *top);
