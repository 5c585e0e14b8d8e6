/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What parkwatch itself takes, for its own metrics: CPU time and memory of its processes, summed up
 * by role. It is had without any right beyond those of everybody, and without waiting for the
 * process, whatever it waits for.
 */
#pragma once

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "wire.h"

/* CPU time of a process so far, microseconds; WIRE_UNKNOWN. */
uint64_t usage_cpu(pid_t pid);

/* Adds what the process has taken so far and holds now; unknown, and not less, is the sum of which
 * a part is unknown. The process is this one or a child that was not waited for: its PID is its
 * own. 0 as the PID adds nothing. */
void usage_add(struct wire_role_usage *role, pid_t pid);

/* Adds CPU time of processes that have ended. */
void usage_add_ended(struct wire_role_usage *role, uint64_t cpu_us);

/* What one that has ended has taken, of wait4(). */
uint64_t usage_cpu_us(const struct rusage *usage);
