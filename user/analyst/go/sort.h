/* SPDX-License-Identifier: Apache-2.0 */
/* Sorts by address, so that what lies side by side in a target's memory is read together. By
 * digits, from the lowest on: addresses of one batch differ in three or four of them. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/gather.h"

/* In place; `spare` has room for `n`, too. Equal ones keep their order. */
void sort_pieces(struct piece *pieces, struct piece *spare, size_t n);
void sort_addresses(uint64_t *addresses, uint64_t *spare, size_t n);
