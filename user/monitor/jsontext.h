/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes JSON as it comes, without a tree of values in memory: a report of many groups has
 * millions. Commas are put where they belong; that brackets match and that keys differ is the
 * caller's part.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define JSONTEXT_BUFFER 4096

struct jsontext {
    FILE *out;
    bool comma;    /* the next value or key needs one before it */
    size_t passed; /* bytes that went on to `out` */
    size_t used;   /* bytes held back in the buffer */
    char buffer[JSONTEXT_BUFFER];
};

/* With `out` NULL nothing is written, and what would be is only counted. */
void jsontext_init(struct jsontext *to, FILE *out);

/* Bytes so far. */
size_t jsontext_written(const struct jsontext *to);

/* Writes what is still held back. 0, or -EIO when `out` has failed, now or before. */
int jsontext_finish(struct jsontext *to);

/* '{' or '[', and '}' or ']'. */
void jsontext_begin(struct jsontext *to, char bracket);
void jsontext_end(struct jsontext *to, char bracket);

/* The name of the value that follows. */
void jsontext_key(struct jsontext *to, const char *name);

/* A string of any bytes: those that utf8_clean() refuses become U+FFFD. NULL: null. */
void jsontext_string(struct jsontext *to, const char *text);

void jsontext_number(struct jsontext *to, uint64_t number);

/* `number` / 10^`digits`, without zeros at its end; `digits` is 9 at most. */
void jsontext_decimal(struct jsontext *to, int64_t number, unsigned digits);

/* A number as a string: "0x" and its hexadecimal digits, or, with `width`, that many digits. */
void jsontext_hex(struct jsontext *to, uint64_t number, unsigned width);

void jsontext_bool(struct jsontext *to, bool value);
void jsontext_null(struct jsontext *to);

/* A line break for the reader's sake, after the comma that is due. */
void jsontext_line(struct jsontext *to);
