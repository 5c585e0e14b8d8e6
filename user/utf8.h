/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names from targets as valid and harmless UTF-8. What is not valid, and what could reach beyond
 * its place on a terminal or in a page (controls, escapes, line separators, bidirectional
 * overrides, invisible marks), becomes U+FFFD, one for each bad sequence or character.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define UTF8_REPLACEMENT 0xfffd
#define UTF8_CHAR_MAX    4 /* bytes of one character */

/* The character at `bytes` (at least one byte before `end`), or UTF8_REPLACEMENT in the place of
 * one that is not valid or not harmless. Returns the bytes it took there. */
size_t utf8_next(const char *bytes, const char *end, uint32_t *ret_character);

/* Encodes one character. Returns its bytes. */
size_t utf8_encode(uint32_t character, char ret_bytes[static UTF8_CHAR_MAX]);

/* Copies `length` bytes as clean UTF-8 and ends them with a NUL. What does not fit into `size` (at
 * least 1) is left off, in whole characters. Returns the bytes written without the NUL. */
size_t utf8_clean(const char *bytes, size_t length, char *ret_text, size_t size);

/* Columns that a text takes: its characters; wide and combining ones are not told apart. */
size_t utf8_columns(const char *text);

/* Copies a text that takes no more than `columns` (at least 1): a longer one gets "…" for its
 * middle. `size` must hold columns * UTF8_CHAR_MAX + 1. Returns the columns taken. */
size_t utf8_fit(const char *text, size_t columns, char *ret_text, size_t size);
