/* SPDX-License-Identifier: Apache-2.0 */
/* What a target costs: memory, descriptors, network. */
#pragma once

#include "target.h"

#include <stdbool.h>

#define RESOURCES_FDS_MAX                                                                          \
    (1024 * 1024) /* descriptors that are counted one by one, before Linux 6.2 */
#define RESOURCES_NET_MAX (64 * 1024) /* bytes of /proc/PID/net/dev */

/*
 * Reads everything that can be had now; the rest is WIRE_UNKNOWN, as is CPU time, which is
 * cputime.h's. Memory is the process's, cgroup_* its cgroup's, and the network that of its network
 * namespace, which others may share; of its devices the first WIRE_NET_MAX. -ESRCH: it, or
 * live_tid, has ended, and *ret is unchanged.
 */
int resources_read(const struct target_id *target, pid_t live_tid, uint32_t index,
                   struct wire_resources *ret);

/* One line of net/dev. False: it is none of a device. */
bool resources_parse_net(const char *line, struct wire_net *ret_net);
