/* SPDX-License-Identifier: Apache-2.0 */
/* What a target costs: memory, descriptors, network. */
#include "resources.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cgroup.h"
#include "cleanup.h"
#include "procfs.h"

static_assert(PROCFS_UNKNOWN == WIRE_UNKNOWN, "unknown stays unknown");

static uint64_t from_kib(uint64_t kib)
{
    return kib > UINT64_MAX / 1024 ? WIRE_UNKNOWN : kib * 1024;
}

/* From status and not from statm or stat: since Linux 6.2 the counters behind these are per CPU and
 * read without summing them up, off by megabytes on large machines; status sums them since 6.17
 * (commit 82241a83cd15). */
static int read_memory(const struct target_id *target, pid_t tid, struct wire_resources *resources)
{
    struct procfs_status status;

    AUTO_CLOSE int fd = target_open_task(target, tid, "status", O_RDONLY);
    if (fd < 0)
        return fd == -ENOENT ? -ESRCH : fd;
    int err = procfs_read_status(fd, &status);
    if (err)
        return err;
    resources->resident_bytes = from_kib(status.resident_kib);
    resources->virtual_bytes = from_kib(status.virtual_kib);
    resources->swap_bytes = from_kib(status.swap_kib);
    return 0;
}

static uint64_t count_entries(int path_fd)
{
    const struct dirent *entry;
    uint64_t n = 0;

    int fd = openat(path_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *directory = fd < 0 ? NULL : fdopendir(fd);
    if (!directory) {
        cleanup_close(&fd);
        return WIRE_UNKNOWN;
    }
    while (n <= RESOURCES_FDS_MAX && (entry = readdir(directory)))
        n += entry->d_name[0] != '.';
    closedir(directory);
    return n <= RESOURCES_FDS_MAX ? n : WIRE_UNKNOWN;
}

/* Since Linux 6.2 (commit f1f1f2569901) the size of the directory is the number of descriptors;
 * before, it is 0. */
static uint64_t count_fds(const struct target_id *target, pid_t tid)
{
    struct stat stat;

    AUTO_CLOSE int fd = target_open_task(target, tid, "fd", O_PATH | O_DIRECTORY);
    if (fd < 0 || fstat(fd, &stat) < 0)
        return WIRE_UNKNOWN;
    return stat.st_size > 0 ? (uint64_t)stat.st_size : count_entries(fd);
}

/* "  NAME: RECEIVED-BYTES and 7 more columns TRANSMITTED-BYTES ..." */
bool resources_parse_net(const char *line, struct wire_net *ret_net)
{
    struct wire_net net = {0};

    const char *name = line + strspn(line, " ");
    const char *colon = strrchr(name, ':');
    if (!colon || colon == name || (size_t)(colon - name) >= sizeof(net.device))
        return false;
    memcpy(net.device, name, (size_t)(colon - name));
    if (!procfs_column(colon + 1, 0, 10, &net.receive_bytes) ||
        !procfs_column(colon + 1, 8, 10, &net.transmit_bytes))
        return false;
    *ret_net = net;
    return true;
}

static uint32_t read_net(const struct target_id *target, pid_t tid, struct wire_net *nets)
{
    struct procfs_lines lines;
    const char *line;
    uint32_t n = 0;

    AUTO_CLOSE int fd = target_open_task(target, tid, "net/dev", O_RDONLY);
    if (fd < 0)
        return 0;
    procfs_lines_start(&lines, fd, RESOURCES_NET_MAX);
    while (n < WIRE_NET_MAX && (line = procfs_lines_next(&lines)))
        n += resources_parse_net(line, &nets[n]);
    return n;
}

int resources_read(const struct target_id *target, pid_t live_tid, uint32_t index,
                   struct wire_resources *ret)
{
    struct wire_resources resources = {
        .index = index, .cpu_user_us = WIRE_UNKNOWN, .cpu_system_us = WIRE_UNKNOWN};
    struct cgroup_memory cgroup = {WIRE_UNKNOWN, WIRE_UNKNOWN};
    struct timespec now;

    int err = read_memory(target, live_tid, &resources);
    if (err)
        return err;
    resources.open_fds = count_fds(target, live_tid);
    resources.n_net = read_net(target, live_tid, resources.net);
    (void)!cgroup_read_memory(target, live_tid, &cgroup);
    resources.cgroup_usage_bytes = cgroup.usage_bytes;
    resources.cgroup_rss_bytes = cgroup.rss_bytes;
    clock_gettime(CLOCK_MONOTONIC, &now);
    resources.time_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    *ret = resources;
    return 0;
}
