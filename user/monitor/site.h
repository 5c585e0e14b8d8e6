/* SPDX-License-Identifier: Apache-2.0 */
/* Short texts that say where: of one frame, and of a whole stack's site. */
#pragma once

#include <stddef.h>

#include "sample.h"

/* The name of a frame: "FUNCTION", "MODULE+0xOFFSET" or, with neither, "0xADDRESS". Cut to `size`
 * where needed, never inside a character. Returns the length. */
size_t site_frame(const struct frame *frame, char *ret_text, size_t size);

/* The name of a source file without its directories. */
const char *site_file(const char *path);

/* Where a stack stands in its program's own code: "FUNCTION FILE:LINE" with the base name of the
 * file, "FUNCTION", "MODULE+0xOFFSET" or "[unknown]". What doesn't fit is cut from the function. */
void site_text(const struct stack *stack, char *ret_text, size_t size);
