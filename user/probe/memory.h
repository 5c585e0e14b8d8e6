/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a target's memory, and how much of it is resident. Addresses come from an analyst and
 * are believed in nothing. For `live_tid` see target.h. */
#pragma once

#include "rpc.h"
#include "target.h"

#include <stddef.h>
#include <stdint.h>

#define MEMORY_RESIDENT_MAX (1ull << 30) /* bytes of one range of memory_resident() */

/*
 * Copies the ranges into `area`, one behind the other, each as far as it can be read:
 * ret_lengths[i] says how far, and a range that cannot be read does not stop the others. -E2BIG:
 * more than RPC_RANGES_MAX, or their lengths together are more than `area_size`. With an error the
 * area holds nothing of use: -ESRCH, above all, says that it may have been another process's
 * memory.
 *
 * A page that is not there is faulted in, as if the target read it. Where its handler is user space
 * (userfaultfd, a FUSE file that is mapped) and does not answer, this call waits, and only SIGKILL
 * or the target's end ends that, if anything does: only readers call it (reader.h).
 */
int memory_read(const struct target_id *target, pid_t live_tid, const struct rpc_range *ranges,
                size_t n, uint8_t *area, size_t area_size, uint32_t *ret_lengths,
                uint64_t *ret_size);

/*
 * Counts, for each range, the bytes of it that lie in pages that are in RAM and the process's own
 * doing: not swapped, not guard pages or never touched, not (Linux >= 6.7) the shared page of
 * zeros. UINT64_MAX: unknown, among these all ranges above MEMORY_RESIDENT_MAX.
 */
int memory_resident(const struct target_id *target, pid_t live_tid, const struct rpc_range *ranges,
                    size_t n, uint64_t *ret_bytes);
