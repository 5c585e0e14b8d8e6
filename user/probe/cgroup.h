/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of a target's cgroup, v1, v2 or hybrid. Where the hierarchies are mounted is read,
 * never assumed. A cgroup that cannot be seen from here (no mount shows it, or it lies outside this
 * process's cgroup namespace) is unknown: there is no guessing.
 */
#pragma once

#include "target.h"

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#define CGROUP_MOUNTS_MAX (1024 * 1024) /* bytes of /proc/self/mountinfo */

struct cgroup_memory {
    uint64_t usage_bytes; /* memory.usage_in_bytes or memory.current; WIRE_UNKNOWN */
    uint64_t rss_bytes;   /* memory.stat's total_rss or anon; WIRE_UNKNOWN */
};

/* -ENOENT: no such cgroup to be seen. */
int cgroup_read_memory(const struct target_id *target, pid_t live_tid,
                       struct cgroup_memory *ret_memory);

/* Where the memory controller has a task. */
struct cgroup_place {
    bool found;
    bool v2;
    char path[PATH_MAX];
};

/* Takes one line of /proc/PID/cgroup. A v1 hierarchy with the memory controller wins over v2. */
void cgroup_parse_place(const char *line, struct cgroup_place *place);

struct cgroup_mount {
    uint64_t device; /* major << 32 | minor */
    bool v2;
    char root[PATH_MAX];  /* what of the hierarchy is mounted */
    char point[PATH_MAX]; /* where */
};

/* True and a result: the line of mountinfo is of cgroup2 or of a v1 hierarchy with memory. */
bool cgroup_parse_mount(const char *line, struct cgroup_mount *ret_mount);

/* The path of `place` below the mount's point, "." for the point itself; NULL: not below it. */
const char *cgroup_below(const struct cgroup_mount *mount, const struct cgroup_place *place);
