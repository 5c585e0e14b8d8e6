/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The terminal on standard input and output. The one module that knows curses.
 */
#pragma once

#include <stdbool.h>

#include "canvas.h"
#include "state.h"

struct screen;

/* Takes the terminal over: what of files it takes is read now. -ENOTTY: curses cannot use it;
 * -ENOMEM, -errno. */
int screen_new(struct screen **ret_screen);

/* Leaves the terminal as it was. */
void screen_free(struct screen **screen);

/* What poll() is to watch: the second has signals. */
void screen_fds(const struct screen *screen, int ret_fds[static 2]);

/* The next key. 1: there is one; 0: none yet. */
int screen_read(struct screen *screen, struct input *ret_input);

/* Takes the signals that came: stops the process, with the terminal as it was, where that was
 * asked for, and goes on when it may. *ret_changed: all is to be drawn anew, in what may be another
 * size. -errno: the terminal is gone. */
int screen_signals(struct screen *screen, bool *ret_changed);

/* Its size now. */
void screen_size(const struct screen *screen, unsigned *ret_rows, unsigned *ret_columns);

/* `anew`: whatever is believed to be there. */
void screen_show(struct screen *screen, const struct canvas *canvas, bool anew);
