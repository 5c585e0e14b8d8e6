/* SPDX-License-Identifier: Apache-2.0 */
/* What a function is called, by its debugging information entry. */
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "demangle.h"
#include "function.h"

#define ORIGINS_MAX    16         /* entries that refer to each other */
#define SCOPES_MAX     64         /* namespaces, classes and functions around a function */
#define SIBLINGS_MAX   (1u << 20) /* entries passed on the way to a function */
#define QUALIFIED_MAX  INTERNS_LENGTH_MAX
#define FUNCTION_SLOTS 4096 /* a power of two */

struct function_names {
    struct interns *interns;
    struct {
        const void *entry; /* in the section's bytes; NULL: slot is free */
        const char *name;
    } slots[FUNCTION_SLOTS]; /* an entry drives out another that falls on its slot */
};

int function_names_new(struct interns *interns, struct function_names **ret_names)
{
    struct function_names *names = calloc(1, sizeof(*names));

    if (!names)
        return -ENOMEM;
    names->interns = interns;
    *ret_names = names;
    return 0;
}

static const char *attribute_text(Dwarf_Die *die, unsigned int name)
{
    Dwarf_Attribute attribute;
    const char *text = dwarf_formstring(dwarf_attr_integrate(die, name, &attribute));

    return text && text[0] ? text : NULL;
}

/* In C a linkage name is what the assembler was told, as glibc's __GI_NAME: not for people. */
static const char *mangled_name(Dwarf_Die *die)
{
    const char *name = attribute_text(die, DW_AT_linkage_name);

    if (!name)
        name = attribute_text(die, DW_AT_MIPS_linkage_name);
    return name && demangle_is_mangled(name) ? name : NULL;
}

/* From a function's code or an inlined call to where the function was declared. */
static Dwarf_Die declaration_of(Dwarf_Die die)
{
    Dwarf_Attribute attribute;

    for (int i = 0; i < ORIGINS_MAX; i++)
        if (!dwarf_formref_die(dwarf_attr(&die, DW_AT_abstract_origin, &attribute), &die) &&
            !dwarf_formref_die(dwarf_attr(&die, DW_AT_specification, &attribute), &die))
            break;
    return die;
}

/* What a scope adds to the name of what is in it; NULL: nothing. */
static const char *scope_name(Dwarf_Die *scope)
{
    const char *name = attribute_text(scope, DW_AT_name);

    switch (dwarf_tag(scope)) {
    case DW_TAG_namespace:
        return name ? name : "(anonymous namespace)";
    case DW_TAG_class_type:
    case DW_TAG_structure_type:
    case DW_TAG_union_type:
        return name ? name : "(anonymous class)";
    case DW_TAG_subprogram:
        return name;
    default:
        return NULL;
    }
}

/* The child of `die` that is at `offset` or around it: entries lie in the order of their offsets.
 */
static bool child_around(Dwarf_Die *die, Dwarf_Off offset, size_t *budget, Dwarf_Die *ret_child)
{
    Dwarf_Die child;

    if (dwarf_child(die, &child) != 0 || dwarf_dieoffset(&child) > offset)
        return false;
    do {
        *ret_child = child;
        if (*budget == 0)
            return false;
        --*budget;
    } while (dwarf_siblingof(&child, &child) == 0 && dwarf_dieoffset(&child) <= offset);
    return true;
}

/*
 * From the unit to the entry itself, outermost first; 0: broken, or too deep. dwarf_getscopes_die()
 * has no bound: it goes through the whole unit, and through all that it imports as often as that is
 * imported, which may be 2^n times.
 */
static size_t find_scopes(Dwarf_Die *entry, Dwarf_Die ret_scopes[static SCOPES_MAX])
{
    const Dwarf_Off offset = dwarf_dieoffset(entry);
    size_t budget = SIBLINGS_MAX;
    size_t n = 0;

    if (!dwarf_diecu(entry, &ret_scopes[n++], NULL, NULL))
        return 0;
    while (dwarf_dieoffset(&ret_scopes[n - 1]) != offset) {
        if (n == SCOPES_MAX || !child_around(&ret_scopes[n - 1], offset, &budget, &ret_scopes[n]))
            return 0;
        n++;
    }
    return n;
}

/*
 * "outer::inner::function" of C++ functions without a linkage name: lambdas, what is made of them,
 * and functions of one file that are inlined everywhere. NULL: broken, or too long.
 */
static const char *qualified_name(struct function_names *names, Dwarf_Die *die)
{
    Dwarf_Die declaration = declaration_of(*die);
    Dwarf_Die scopes[SCOPES_MAX];
    size_t n = find_scopes(&declaration, scopes);
    char text[QUALIFIED_MAX];
    size_t length = 0;

    /* The innermost scope is the function itself. */
    for (size_t i = 0; i < n; i++) {
        const char *name = scope_name(&scopes[i]);
        int added;

        if (!name)
            continue;
        added = snprintf(text + length, sizeof(text) - length, "%s%s", length ? "::" : "", name);
        if (added < 0 || (size_t)added >= sizeof(text) - length)
            return NULL;
        length += (size_t)added;
    }
    return length ? interns_keep(names->interns, text) : NULL;
}

static const char *find_name(struct function_names *names, Dwarf_Die *die, bool qualify)
{
    const char *mangled = mangled_name(die), *plain = NULL;
    AUTO_FREE char *readable = mangled ? demangle(mangled) : NULL;

    if (readable)
        return interns_keep(names->interns, readable);
    if (qualify)
        plain = qualified_name(names, die);
    if (plain)
        return plain;
    plain = attribute_text(die, DW_AT_name);
    return plain ? interns_keep(names->interns, plain) : NULL;
}

/* Of C++17 and C++20; the dwarf.h of elfutils 0.188 has no names for them. */
#define LANG_CPP_17 0x2b
#define LANG_CPP_20 0x2c

static bool is_cpp(int language)
{
    return language == DW_LANG_C_plus_plus || language == DW_LANG_C_plus_plus_03 ||
           language == DW_LANG_C_plus_plus_11 || language == DW_LANG_C_plus_plus_14 ||
           language == LANG_CPP_17 || language == LANG_CPP_20;
}

const char *function_name(struct function_names *names, Dwarf_Die *unit, Dwarf_Die *die)
{
    Dwarf_Die declaration = declaration_of(*die);
    /* Entries are a few bytes apart. */
    size_t slot = (uintptr_t)declaration.addr / 4 & (FUNCTION_SLOTS - 1);

    if (!declaration.addr)
        return NULL;
    if (names->slots[slot].entry != declaration.addr) {
        names->slots[slot].name = find_name(names, die, is_cpp(dwarf_srclang(unit)));
        names->slots[slot].entry = declaration.addr;
    }
    return names->slots[slot].name;
}
