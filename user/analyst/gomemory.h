/* SPDX-License-Identifier: Apache-2.0 */
/* The Go side's view of the target, through the probe. */
#pragma once

#include "analyst/go/memory.h"
#include "analyst/remote.h"

/* `remote` is borrowed. */
struct go_memory gomemory_of(struct remote *remote);
