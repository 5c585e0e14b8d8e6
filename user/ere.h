/* SPDX-License-Identifier: Apache-2.0 */
/*
 * POSIX extended regular expressions, of bytes as in the C locale, with GNU's \w \W \s \S \b \B \<
 * \> \` and \'. Only whether one matches is told, not where.
 *
 * The C library's matcher begins anew at each byte of a text, and keeps what it has learned for
 * ever: the time that it takes grows with the square of the text's length, and its memory without
 * bound. Whoever chooses the text can make use of both. Here a pattern is a program of bounded
 * length, run over the text once, in all of its states at the same time: the time is at most
 * ERE_STEPS_PER_BYTE for each byte, and memory is not taken.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define ERE_PROGRAM_MAX    1024 /* a byte or a set of them is one; repetitions are written out */
#define ERE_DEPTH_MAX      64   /* of parentheses */
#define ERE_REPEAT_MAX     255  /* RE_DUP_MAX of POSIX */
#define ERE_STEPS_PER_BYTE (2 * ERE_PROGRAM_MAX)

struct ere;

/* -EINVAL: not a regular expression, or one of what is not taken: back-references, and collating
 * elements of several bytes; -E2BIG: too long, repeated too often or nested too deeply; -ENOMEM. */
int ere_new(const char *pattern, struct ere **ret_ere);
void ere_free(struct ere **ere);

/* True if it matches anywhere in a text. *ret_steps (soft): what that took. */
bool ere_matches(const struct ere *ere, const char *text, uint64_t *ret_steps);
