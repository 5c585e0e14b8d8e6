/* SPDX-License-Identifier: Apache-2.0 */
/* Build ids of object files (the note NT_GNU_BUILD_ID) as text: what profiles and debuginfod know
 * files by. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BUILD_ID_MAX      64 /* bytes; linkers make 8 to 32 */
#define BUILD_ID_TEXT_MAX (2 * BUILD_ID_MAX + 1)

/* Lower-case hexadecimal. false: it is empty or longer than BUILD_ID_MAX, and the text "". */
bool buildid_format(const void *bytes, size_t size, char ret_text[static BUILD_ID_TEXT_MAX]);

/* Whether buildid_format() could have made this text. */
bool buildid_is(const char *text);
