/* SPDX-License-Identifier: Apache-2.0 */
/* What a pattern becomes, between the parser that writes it and the machine that runs it: a program
 * for a machine of many states (Thompson, 1968). Jumps are relative, so that a part of it can be
 * moved and copied. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "ere.h"

enum op {
    OP_BYTES, /* one of a set goes on with the next */
    OP_FORK,  /* goes on at both */
    OP_JUMP,
    OP_ASSERT,
    OP_MATCH,
};

/* Where a text has to be, between two bytes of it. */
enum assertion { AT_START, AT_END, AT_WORD_START, AT_WORD_END, AT_WORD_EDGE, AT_NO_WORD_EDGE };

struct step {
    uint8_t op;
    uint8_t assertion;
    int16_t to[2]; /* relative; OP_JUMP: the first */
    uint64_t set[4];
};

struct ere {
    size_t n;
    struct step program[ERE_PROGRAM_MAX];
};

/* Writes the program of a pattern into an empty one; errors are those of ere_new(). */
int ere_parse(const char *pattern, struct ere *ere);
