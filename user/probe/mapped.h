/* SPDX-License-Identifier: Apache-2.0 */
/* What a target has mapped at an address: a line of its /proc/PID/maps without the others. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "rpc.h"
#include "target.h"

/*
 * Writes the lines of the mappings that hold any of the `n` addresses, at most RPC_RANGES_MAX, as
 * /proc/PID/maps has them. Ascending addresses make ascending lines without repeats. What is not
 * mapped has none; nor has a mapping whose name the kernel finds too long, or whose line has no
 * room any more. -ENOTTY: this kernel cannot be asked (Linux 6.11).
 */
int mapped_at(const struct target_id *target, pid_t live_tid, const struct rpc_range *ranges,
              size_t n, uint8_t *area, size_t area_size, uint64_t *ret_size);
