/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The analyst's hands: what it asks of the probe about its target. Pointers into the shared area
 * are good until the next call of the same kind: records until the next remote_scan*(), what was
 * asked ahead as remote_take() says, data until the next call of any other kind.
 *
 * All return 0 or -errno; -ECONNRESET: the probe is gone, or talks nonsense, and so is the
 * analyst's reason to be.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/record.h"
#include "rpc.h"

struct remote;

/* `socket` (SOCK_SEQPACKET) and `area` (RPC_AREA_SIZE bytes, readable) are borrowed. */
int remote_new(int socket, const uint8_t *area, struct remote **ret_remote);
void remote_free(struct remote **remote);

/* Waits for the probe to ask for a scan. */
int remote_wait(struct remote *remote, struct rpc_tick *ret_tick);

/* Begins a sweep over the threads, or goes on with it. *ret_more: there is another chunk. */
int remote_scan(struct remote *remote, const struct thread_record **ret_records, size_t *ret_n,
                bool *ret_more);
int remote_scan_next(struct remote *remote, const struct thread_record **ret_records, size_t *ret_n,
                     bool *ret_more);

/* Bytes of at most RPC_RANGES_MAX ranges of at most RPC_DATA_SIZE together, packed one behind the
 * other; ret_lengths[i] of range i could be read. */
int remote_read(struct remote *remote, const struct rpc_range *ranges, size_t n,
                const uint8_t **ret_bytes, const uint32_t **ret_lengths);

/*
 * The same in two steps, of at most RPC_AHEAD_SIZE together: the probe copies while the analyst
 * does something else. Answers are taken in the order of asking, each is good until more is asked
 * for, and all have to be taken before the scan ends. -EBUSY: RPC_AHEAD_SLOTS are not
 * taken.
 */
int remote_ask(struct remote *remote, const struct rpc_range *ranges, size_t n);
int remote_take(struct remote *remote, const uint8_t **ret_bytes, const uint32_t **ret_lengths);

/* Whether remote_take() would wait for the probe. */
bool remote_is_late(const struct remote *remote);

/* Resident bytes of each range; UINT64_MAX: unknown. */
int remote_resident(struct remote *remote, const struct rpc_range *ranges, size_t n,
                    const uint64_t **ret_bytes);

/* The whole text of /proc/PID/maps; the caller frees. -E2BIG: it has more than `max` bytes. */
#define REMOTE_MAPS_MAX (64u * 1024 * 1024)
int remote_maps(struct remote *remote, size_t max, char **ret_text, size_t *ret_length);

/* Lines of it: of the mappings that hold any of `n` addresses, at most RPC_RANGES_MAX; see
 * probe/mapped.h. -ENOTTY: before Linux 6.11. */
int remote_mapped(struct remote *remote, const uint64_t *addresses, size_t n, const char **ret_text,
                  size_t *ret_length);

/* Descriptors that the caller closes. */
int remote_open_mapping(struct remote *remote, struct rpc_range range, uint64_t device,
                        uint64_t inode, const char *path, int *ret_fd);
int remote_open_debug(struct remote *remote, const char *path, int *ret_fd);

/* What the target's descriptor `fd` is: "pipe:[123]", a path, ... */
int remote_file(struct remote *remote, int fd, char *ret_text, size_t size);

/* Where the target's first living thread is in a system call. -EBUSY: it is in none. */
int remote_place(struct remote *remote, uint64_t *ret_pc);

/* Kernel frames of the threads in uninterruptible sleep. */
int remote_kernel(struct remote *remote, const struct kernel_record **ret_records, size_t *ret_n);

/* Tells the probe that the monitor has been sent this scan, or that it failed, which is counted. */
int remote_done(struct remote *remote, uint64_t number, bool failed);
