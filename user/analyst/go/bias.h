/* SPDX-License-Identifier: Apache-2.0 */
/* How far an object file is from where it says it would lie. */
#pragma once

#include <stdint.h>

#include "analyst/go/window.h"
#include "analyst/maps.h"

/* Address in the target - address in the object file that `mapping` is of, by the program headers
 * in memory; 0 where they cannot be read. */
uint64_t go_bias(struct go_windows *windows, const struct maps *maps,
                 const struct mapping *mapping);
