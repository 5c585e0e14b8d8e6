/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which of a section's entries is for an address: by the table that linkers write beside .eh_frame
 * (LSB 5.0, 10.6.2), or by one that is made once.
 */
#pragma once

#include "fde.h"

#define LOWEST_CODE 2 /* linkers leave 0 or 1 where they dropped a function */

#define FDE_SEARCH_SIZE 8 /* an entry: start and FDE, as 32-bit distances from .eh_frame_hdr */

struct fde_place {
    uint64_t start;
    uint64_t end;
    uint64_t offset; /* of the entry in the section */
};

struct fde_table {
    struct cfi_section section; /* no bytes: there is none */
    const uint8_t *search;      /* .eh_frame_hdr's; NULL: there is none */
    size_t n_search;
    uint64_t search_address;  /* of .eh_frame_hdr, as the file has it */
    struct fde_place *places; /* ascending, not overlapping; NULL: not made yet */
    size_t n_places;
};

/* Finds the entry whose code has the address, which is as the file has it. */
bool fde_table_find(struct fde_table *table, uint64_t address, struct fde *ret_fde);

/* Frees what was made, and forgets the section. */
void fde_table_clear(struct fde_table *table);
