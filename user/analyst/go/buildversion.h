/* SPDX-License-Identifier: Apache-2.0 */
/* Which Go built a program whose build information is gone, by runtime.buildVersion. */
#pragma once

#include <stdint.h>

#include "analyst/go/buildinfo.h"
#include "analyst/go/window.h"

/* Looks among the Go strings in `data` for a version with function tables of this magic. 0, or
 * -ENOENT: none, or several that differ: a program may speak of other versions too. */
int go_buildversion_find(struct go_windows *windows, const struct rpc_range *data, uint32_t magic,
                         char ret_version[static GO_VERSION_MAX]);
