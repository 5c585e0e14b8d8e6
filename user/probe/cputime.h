/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a process has run for, as /proc/PID/stat has it, threads that have ended included. To tell
 * that, the kernel goes through all threads at once: of 100,000 it takes 60 ms of a CPU, which it
 * gives to nobody else meanwhile. A sweep ends its turn after some threads.
 */
#pragma once

#include <stdint.h>

#include "bpf/record.h"

/* So far; all 0 at first. Neither ever falls. */
struct cputime {
    uint64_t user_ns;
    uint64_t system_ns;
};

/* Takes the sum over all threads. Threads are counted one after the other: of one that ends
 * meanwhile nothing may be in it, until the next one. */
void cputime_take(struct cputime *cputime, const struct time_record *sum);

/* As of a sweep of the link to the program cpu_times. -errno: then it is as before. */
int cputime_read(int link_fd, struct cputime *cputime);
