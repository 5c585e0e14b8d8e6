/* SPDX-License-Identifier: Apache-2.0 */
#include "demangle.h"

#include <setjmp.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <libiberty/demangle.h>

#include "cleanup.h"

/* Longer names take the demangler time and memory that grow faster than they do. */
#define DEMANGLE_LENGTH_MAX 4096

/* Digits of a count of lifetimes in a Rust name: 62^3 are more than any program has. */
#define BINDER_DIGITS_MAX 3

static const char base_62[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* What the demangler has written so far. */
struct output {
    char text[DEMANGLED_MAX + 1];
    size_t length;
    jmp_buf full;
};

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

/*
 * Whether a Rust name may claim so many lifetimes ("for<'a, 'b, ...>" of a function or a trait
 * object: F or D, then G, their number, _) that libiberty would count them one by one for ever,
 * without writing any where it only skips them (rust-demangle.c:demangle_binder(), GCC 12).
 */
static bool has_large_binder(const char *name)
{
    while ((name = strpbrk(name, "FD"))) {
        size_t digits;

        if (*++name != 'G')
            continue;
        digits = strspn(name + 1, base_62);
        if (digits > BINDER_DIGITS_MAX && name[1 + digits] == '_')
            return true;
    }
    return false;
}

/* Returns false where it did not fit. */
static bool output_add(struct output *output, const char *text, size_t length)
{
    size_t room = DEMANGLED_MAX - output->length;
    size_t added = length < room ? length : room;

    if (!length) /* then the text may be NULL */
        return true;
    memcpy(output->text + output->length, text, added);
    output->length += added;
    return added == length;
}

/* The only way to stop libiberty, which has nothing on the heap while it writes a C++ name. A
 * short name can stand for one of 2^100 characters: each of its parts may repeat the two before
 * it. */
static void append(const char *text, size_t length, void *context)
{
    struct output *output = context;

    if (!output_add(output, text, length))
        longjmp(output->full, 1);
}

static bool is_ascii(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        if ((unsigned char)text[i] > 0x7f)
            return false;
    return true;
}

/* An identifier in Punycode is written from the heap, and freed after that (rust-demangle.c:
 * print_ident()). It is all of a Rust name that is not ASCII, and never two of them in a row:
 * the next text ends it. */
static void append_rust(const char *text, size_t length, void *context)
{
    struct output *output = context;

    if (!output_add(output, text, length) && is_ascii(text, length))
        longjmp(output->full, 1);
}

/* Without DMGL_PARAMS libiberty leaves out parameters and return types, and names no clone
 * suffixes; without DMGL_VERBOSE it drops Rust's hashes. */
static bool write_readable(const char *symbol, struct output *output)
{
    if (setjmp(output->full))
        return true; /* cut */
    output->length = 0;
    if (rust_demangle_callback(symbol, DMGL_NO_OPTS, append_rust, output))
        return true;
    output->length = 0;
    return cplus_demangle_v3_callback(symbol, DMGL_NO_OPTS, append, output);
}

char *demangle(const char *symbol)
{
    size_t length = length_without_version(symbol);
    AUTO_FREE char *plain = strndup(symbol, length);
    struct output output;

    if (!plain || length > DEMANGLE_LENGTH_MAX || !demangle_is_mangled(plain) ||
        (plain[1] == 'R' && has_large_binder(plain)) || !write_readable(plain, &output))
        return TAKE_PTR(plain);
    return strndup(output.text, output.length);
}
