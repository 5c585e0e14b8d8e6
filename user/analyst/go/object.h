/* SPDX-License-Identifier: Apache-2.0 */
/* What the program headers of a mapped object file say, as they are in the target's memory. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "analyst/go/window.h"
#include "analyst/maps.h"
#include "buildid.h"

/* Address in the target - address in the object file that `mapping` is of; 0 where the program
 * headers cannot be read. */
uint64_t go_object_bias(struct go_windows *windows, const struct maps *maps,
                        const struct mapping *mapping);

/*
 * The GNU build id of that object file; false: it has none. Go's linker makes one by default since
 * 1.24, others for programs with cgo. Go's own build id is another thing, and no substitute: see
 * monitor/pprof.h.
 */
bool go_object_build_id(struct go_windows *windows, const struct maps *maps,
                        const struct mapping *mapping, char ret_text[static BUILD_ID_TEXT_MAX]);
