/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages held back: while a program has the terminal for its screen, what it and its roles write
 * to standard error goes into memory, and to the terminal at the end. Where there is too much, its
 * beginning is kept, and a line says so.
 */
#pragma once

#include <stdbool.h>

#define BACKLOG_SIZE     65536
#define BACKLOG_LINE_MAX 512

struct backlog {
    int saved_fd; /* what standard error was; -1: nothing is held back */
};

/* Begins, if standard error is a terminal: any other is left alone. Roles started later take part.
 * -errno: it is as before. */
int backlog_begin(struct backlog *backlog);

/* Gives standard error back, and writes there what was held back. */
void backlog_end(struct backlog *backlog);

/* The newest line, cut, as log.h wrote it; "": none yet. In any role. -errno. */
int backlog_newest(char ret_line[static BACKLOG_LINE_MAX]);
