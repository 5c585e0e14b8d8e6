/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Idle by design: stacks of which a rule, by name, says that standing there is their job. Built-in
 * rules know parts of well-known runtimes from their sources; the user's own are regular
 * expressions.
 */
#pragma once

#include <stddef.h>

#include "ere.h"
#include "sample.h"

#define IDLE_TEXT_MAX 8192 /* bytes of a stack's text that a pattern is matched against */

/* The user's patterns (--ignore), matched against a stack's frames, innermost first, joined by ';':
 * function names, or MODULE+0xOFFSET where there is none. All of it is borrowed. */
struct idle {
    struct ere *const *patterns;
    size_t n_patterns;
};

/* The name of the rule that a stack falls under ("ignore" for the user's own), or NULL. A static
 * string. */
const char *idle_rule(const struct idle *idle, const struct stack *stack);
