/* SPDX-License-Identifier: Apache-2.0 */
/* What functions are called, by their debugging information entries. */
#pragma once

#include <elfutils/libdw.h>

#include "intern.h"

/* Names found lately: of the entries of one module, freed with free(). */
struct function_names;

int function_names_new(struct interns *interns, struct function_names **ret_names);

/* The name of a function or of what an inlined call called, as a person would write it, with the
 * namespaces and classes around it; NULL: none. Lives as long as the interns. */
const char *function_name(struct function_names *names, Dwarf_Die *unit, Dwarf_Die *die);
