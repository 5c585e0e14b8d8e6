/* SPDX-License-Identifier: Apache-2.0 */
#include "demangle.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "cleanup.h"

/* Longer names take the demangler time and memory that grow faster than they do. */
#define DEMANGLE_LENGTH_MAX 4096

/* "name@@VERSION" and "name@VERSION" (symbol versioning), "name@plt". */
static size_t length_without_version(const char *symbol)
{
    const char *at = strchr(symbol, '@');

    return at && at != symbol ? (size_t)(at - symbol) : strlen(symbol);
}

/* Rust's v0 names start with _R, its legacy ones are Itanium names that end in "17h" and a hash.
 * libiberty tells both from C++ itself; this only saves C names the attempt. */
bool demangle_is_mangled(const char *symbol)
{
    return strncmp(symbol, "_Z", 2) == 0 || strncmp(symbol, "_R", 2) == 0 ||
           strncmp(symbol, "___Z", 4) == 0;
}

char *demangle(const char *symbol)
{
    size_t length = length_without_version(symbol);
    AUTO_FREE char *plain = strndup(symbol, length);
    char *readable;

    if (!plain || length > DEMANGLE_LENGTH_MAX || !demangle_is_mangled(plain))
        return TAKE_PTR(plain);
    /* Without DMGL_PARAMS libiberty leaves out parameters and return types, and names no clone
     * suffixes; without DMGL_VERBOSE it drops Rust's hashes. */
    readable = cplus_demangle(plain, DMGL_AUTO);
    return readable ? readable : TAKE_PTR(plain);
}
