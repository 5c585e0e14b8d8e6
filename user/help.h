/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Help texts. What is said of options comes from the table that parses them.
 */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "argument.h"
#include "options.h"

/* One option of the table in options.c. */
struct option_spec {
    const char *name;     /* long name, without dashes */
    char letter;          /* short name; 0: none */
    const char *argument; /* what its argument is called in help; NULL: takes none */
    const char *text;
    unsigned int commands;             /* those that take it: 1 << enum command */
    const char *defaults[COMMAND_MAX]; /* parsed like an argument when the option is not given */

    /* Reads the argument; -EINVAL with *ret_why telling what is wrong with it. NULL: --help and
     * --version. */
    int (*parse)(const char *text, struct options *options, char ret_why[static ARGUMENT_WHY_MAX]);
};

/* The keys of `top`: for its --help, and for its own page. */
#define HELP_TOP_KEYS                                                                              \
    "  Up Down k j           choose a stack; PgUp, PgDn, Home and End go further\n"                \
    "  Enter                 open it: all frames, what it waits on, bounds of its age\n"           \
    "  Esc                   back; drop the filter\n"                                              \
    "  c a g m               sort by count, age of the oldest, growth, memory\n"                   \
    "  s  Left Right         sort by another column\n"                                             \
    "  r                     the other way round\n"                                                \
    "  /                     only stacks with a text in function, file or reason\n"                \
    "  i                     hide or show what is idle by design\n"                                \
    "  p Space               pause: everything stands still until the next one\n"                  \
    "  Tab Shift-Tab         next or previous process\n"                                           \
    "  d                     deadlocks in full\n"                                                  \
    "  l                     what was lost\n"                                                      \
    "  Ctrl-L                draw anew\n"                                                          \
    "  ? h                   help\n"                                                               \
    "  q Ctrl-C              quit; Ctrl-Z suspends\n"

/* The name of a command, as typed. */
const char *help_command_name(enum command command);

/* Prints what `parkwatch --help` prints. */
void help_print_program(FILE *out);

/* Prints what `parkwatch COMMAND --help` prints; of `specs` those that the command takes. */
void help_print_command(FILE *out, enum command command, const struct option_spec *specs,
                        size_t n_specs);
