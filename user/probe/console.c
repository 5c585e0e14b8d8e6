/* SPDX-License-Identifier: Apache-2.0 */
/* The terminal before and after the monitor had it. */
#include "probe/console.h"

#include <curses.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <unistd.h>

static int refuse(char ret_why[static CONSOLE_WHY_MAX], int error, const char *why)
{
    snprintf(ret_why, CONSOLE_WHY_MAX, "%s", why);
    return error;
}

static int check_kind(char ret_why[static CONSOLE_WHY_MAX])
{
    const char *kind = getenv("TERM");
    int known;

    if (setupterm(NULL, STDOUT_FILENO, &known) == OK && tigetstr("cup") && tigetstr("clear"))
        return 0;
    snprintf(ret_why, CONSOLE_WHY_MAX,
             kind && *kind ? "the terminal '%.64s' (TERM) is not known or cannot move its cursor; "
                             "'parkwatch report' needs none"
                           : "TERM is not set%s; 'parkwatch report' needs no terminal",
             kind && *kind ? kind : "");
    return -ENOTTY;
}

/* Who is started in the background waits until it is taken to the foreground. */
static int come_to_front(void)
{
    if (tcgetpgrp(STDIN_FILENO) != getpgrp())
        raise(SIGTTOU);
    return tcgetpgrp(STDIN_FILENO) == getpgrp() ? 0 : -ENOTTY;
}

/* One capability of the terminal; delays have no meaning any more. */
static void add_reset(struct console *console, const char *capability)
{
    const char *text = tigetstr(capability);
    size_t length;

    if (!text || text == (const char *)-1)
        return;
    length = strcspn(text, "$");
    if (console->reset_length + length > CONSOLE_RESET_MAX)
        return;
    memcpy(console->reset + console->reset_length, text, length);
    console->reset_length += length;
}

int console_open(struct console *console, char ret_why[static CONSOLE_WHY_MAX])
{
    int r;

    if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO))
        return refuse(ret_why, -ENOTTY,
                      "top needs a terminal on standard input and output; 'parkwatch report' and "
                      "'parkwatch watch' need none");
    r = check_kind(ret_why);
    if (r)
        return r;
    if (come_to_front())
        return refuse(ret_why, -ENOTTY, "top is not in the foreground of its terminal");
    if (tcgetattr(STDIN_FILENO, &console->modes))
        return refuse(ret_why, -errno, "the modes of the terminal cannot be read");
    add_reset(console, "sgr0");
    add_reset(console, "op");
    add_reset(console, "rmkx");
    add_reset(console, "cnorm");
    add_reset(console, "rmcup");
    signal(SIGTTOU, SIG_IGN);
    r = backlog_begin(&console->backlog);
    if (r)
        return refuse(ret_why, r, "messages cannot be held back");
    console->open = true;
    return 0;
}

bool console_holds_messages(const struct console *console)
{
    return console->backlog.saved_fd >= 0;
}

void console_suspend(const struct console *console, pid_t monitor)
{
    if (!console->open)
        return;
    raise(SIGSTOP);
    kill(monitor, SIGCONT);
}

void console_reset(const struct console *console)
{
    ssize_t n;

    if (!console->open || tcgetpgrp(STDIN_FILENO) != getpgrp())
        return;
    n = write(STDOUT_FILENO, console->reset, console->reset_length);
    (void)n; /* there is nobody to tell */
    tcsetattr(STDIN_FILENO, TCSADRAIN, &console->modes);
}

void console_close(struct console *console)
{
    if (console->open)
        backlog_end(&console->backlog);
    console->open = false;
}
