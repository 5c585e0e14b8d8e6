/* SPDX-License-Identifier: Apache-2.0 */
/* Finds runtime.allgs, the slice of all g's, by its shape: no symbol says where it is. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/memory.h"

#define ALLGS_PLACES_MAX 8

/* A Go slice. */
struct go_slice {
    uint64_t array;
    uint64_t length;
    uint64_t capacity;
};

/*
 * Addresses of slices in `ranges` whose first elements are g's: sched.g is the g itself. There may
 * be more than runtime.allgs: while the garbage collector marks, it has another slice of the same
 * array, never a longer one. Returns how many of them, or -errno of the memory.
 */
int allgs_find(const struct go_memory *memory, const struct rpc_range *ranges, size_t n,
               uint64_t ret_places[static ALLGS_PLACES_MAX]);
