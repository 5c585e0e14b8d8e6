/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the guards share: programs that do a known piece of work, so that its instructions can be
 * counted. Only what runs below guard_measure() counts, and only in its thread: not what prepares
 * the work, and not a scripted probe at the other end of a socket.
 */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h> /* the unit tests' fakes assert with it; a failure here aborts */

/* The name by which scripts/guard.sh has callgrind collect. */
static __attribute__((noipa)) void guard_measure(void (*work)(void *), void *context)
{
    work(context);
}

static inline void guard_need(bool condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "guard: %s\n", what);
    abort();
}
