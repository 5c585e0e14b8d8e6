/* SPDX-License-Identifier: Apache-2.0 */
/* The memory mappings of a target, from the text of /proc/PID/maps. The text is hostile: paths hold
 * any byte (the kernel writes newline as \012), lines may be cut. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mapping {
    uint64_t start, end;
    uint64_t offset; /* in the file */
    uint64_t device; /* major << 32 | minor */
    uint64_t inode;  /* 0: anonymous */
    bool readable, writable, executable;
    const char *path; /* "" for none; "[vdso]", "[stack]" and the like as they are; a trailing
                         " (deleted)" is cut off and noted in `deleted` */
    bool deleted;
};

struct maps {
    struct mapping *mappings; /* ascending, not overlapping */
    size_t n;
    char *strings; /* what the paths point into */
};

#define MAPS_MAX (1024 * 1024) /* mappings; more is -E2BIG */

/* Parses `length` bytes of text. Malformed or overlapping lines are skipped. -ENOMEM, -E2BIG. */
int maps_parse(const char *text, size_t length, struct maps *ret_maps);
void maps_free(struct maps *maps);

/* Tells one set of mappings with code from another. */
uint64_t maps_hash_code(const struct maps *maps);

/* The mapping that holds `address`, or NULL. */
const struct mapping *maps_find(const struct maps *maps, uint64_t address);

/* Of a file the base name; of "[vdso]", "[anon:NAME]" and the like all. */
const char *mapping_name(const struct mapping *mapping);
