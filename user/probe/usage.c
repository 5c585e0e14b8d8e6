/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/usage.h"

#include <fcntl.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "probe/procfs.h"

#define US_PER_S 1000000ull

static void add(uint64_t *sum, uint64_t part)
{
    if (*sum == WIRE_UNKNOWN || part == WIRE_UNKNOWN)
        *sum = WIRE_UNKNOWN;
    else
        *sum += part;
}

/* By the process's clock: /proc/PID/stat counts hundredths of a second, of which a role at rest
 * takes less between two looks. */
uint64_t usage_cpu(pid_t pid)
{
    struct timespec spent;
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &spent))
        return WIRE_UNKNOWN;
    return (uint64_t)spent.tv_sec * US_PER_S + (uint64_t)spent.tv_nsec / 1000;
}

/* Readable by everybody (but with hidepid=), and takes no lock of the process's memory. */
static uint64_t read_memory(pid_t pid)
{
    struct procfs_status status = PROCFS_STATUS_UNKNOWN;
    char path[32];

    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || procfs_read_status(fd, &status))
        return WIRE_UNKNOWN;
    /* One that has ended and was not yet waited for has no memory. */
    return status.resident_kib == PROCFS_UNKNOWN ? 0 : status.resident_kib * 1024;
}

void usage_add(struct wire_role_usage *role, pid_t pid)
{
    if (!pid)
        return;
    add(&role->cpu_us, usage_cpu(pid));
    add(&role->resident_bytes, read_memory(pid));
}

void usage_add_ended(struct wire_role_usage *role, uint64_t cpu_us)
{
    add(&role->cpu_us, cpu_us);
}

static uint64_t microseconds(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * US_PER_S + (uint64_t)time->tv_usec;
}

uint64_t usage_cpu_us(const struct rusage *usage)
{
    return microseconds(&usage->ru_utime) + microseconds(&usage->ru_stime);
}
