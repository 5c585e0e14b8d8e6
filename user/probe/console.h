/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal that `top` lends to the monitor: checked before, and put right where that cannot do
 * it itself any more. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>
#include <termios.h>

#include "backlog.h"

#define CONSOLE_WHY_MAX   256
#define CONSOLE_RESET_MAX 256

struct console {
    bool open;
    struct termios modes; /* as they were */
    size_t reset_length;
    char reset[CONSOLE_RESET_MAX]; /* leaves the screen, shows the cursor, in default colours */
    struct backlog backlog;
};

#define CONSOLE_NONE ((struct console){.backlog = {.saved_fd = -1}})

/* Standard input and output have to be a terminal of a known kind, and this process in its
 * foreground: it waits for that as any program does. From here on messages are held back. -ENOTTY,
 * -errno: `ret_why` says what is wrong, in one line. */
int console_open(struct console *console, char ret_why[static CONSOLE_WHY_MAX]);

bool console_holds_messages(const struct console *console);

/* The monitor left the screen and stopped, as SIGTSTP asked of it: stops this process, too, and
 * lets the monitor go on with it. */
void console_suspend(const struct console *console, pid_t monitor);

/* The monitor ended without leaving the screen. Nothing where the terminal is another's now. */
void console_reset(const struct console *console);

/* Prints what was held back. */
void console_close(struct console *console);
