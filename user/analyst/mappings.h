/* SPDX-License-Identifier: Apache-2.0 */
/* What is mapped in the target: all of it, or what is at some addresses, which costs as much as
 * there are addresses, however much else is mapped. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/maps.h"
#include "analyst/remote.h"

struct mappings;

/* `remote` is borrowed. -ENOMEM. */
int mappings_new(struct remote *remote, struct mappings **ret_mappings);
void mappings_free(struct mappings **mappings);

/* A new scan, or another program. */
void mappings_begin(struct mappings *mappings);

/* What was read so far does not count any more: threads were seen after it. */
void mappings_doubt(struct mappings *mappings);

/* Gives the memory back; all of them may be most of what there is. */
void mappings_rest(struct mappings *mappings);

/* All of them, read if they have not been since mappings_begin() and mappings_doubt(). Borrowed
 * until the next call. -errno of the probe, -ENOMEM. */
int mappings_all(struct mappings *mappings, const struct maps **ret_maps);

/* maps_hash_code() of when all were read last; 0: never. */
uint64_t mappings_code(const struct mappings *mappings);

/*
 * At least those that hold any of `n` addresses, at most RPC_RANGES_MAX, which it sorts: as they
 * were in mappings_all(), or are now if that was not called yet. Where the kernel cannot be asked
 * for some (before Linux 6.11), all. Borrowed until the next call. Errors as above.
 */
int mappings_at(struct mappings *mappings, uint64_t *addresses, size_t n,
                const struct maps **ret_maps);

/* The one that holds an address now, or where the kernel cannot be asked as in mappings_all();
 * NULL: none. Borrowed until the next call. Errors as above. */
int mappings_find(struct mappings *mappings, uint64_t address, const struct mapping **ret_mapping);

/* All of them where mappings_find() contradicts what was made of all before: those that this has
 * not given yet, else as they are now, which a target can ask for as often as it changes. -EBUSY:
 * more than MAPPINGS_READINGS_MAX in one scan. Else errors as above. */
#define MAPPINGS_READINGS_MAX 4
int mappings_renew(struct mappings *mappings, const struct maps **ret_maps);
