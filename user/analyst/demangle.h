/* SPDX-License-Identifier: Apache-2.0 */
/* Function names as their programmers wrote them. */
#pragma once

#include <stdbool.h>

/* Whether a symbol looks like a C++ or Rust name, not like a C one. */
bool demangle_is_mangled(const char *symbol);

#define DEMANGLED_MAX 4095 /* bytes: longer readable names are cut; as INTERNS_LENGTH_MAX */

/* Demangles a C++ or Rust symbol name; anything else comes back as it is. What a reader of stacks
 * doesn't look at is left out: parameters and return types of C++, the hash of Rust, "@@VERSION".
 * The caller frees the result; NULL: out of memory. */
char *demangle(const char *symbol);
