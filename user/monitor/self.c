/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/self.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "probe/procfs.h"

static double start_time(int stat_fd)
{
    struct procfs_stat stat;

    if (procfs_read_stat(stat_fd, &stat))
        return -1;
    return clock_seconds(CLOCK_REALTIME) - clock_seconds(CLOCK_BOOTTIME) +
           (double)stat.start_ticks / (double)sysconf(_SC_CLK_TCK);
}

void self_open(struct self *ret_self)
{
    struct rlimit files = {};

    ret_self->stat_fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
    ret_self->status_fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    ret_self->fds_fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    ret_self->max_fds = getrlimit(RLIMIT_NOFILE, &files) ? -1 : (double)files.rlim_cur;
    ret_self->start_time = start_time(ret_self->stat_fd);
}

void self_close(struct self *self)
{
    close(self->stat_fd);
    close(self->status_fd);
    close(self->fds_fd);
}

static double kib(uint64_t kib)
{
    return kib == PROCFS_UNKNOWN ? -1 : (double)kib * 1024;
}

/* Entries of the directory but "." and "..", counted raw: readdir() would want to allocate. */
static double count_fds(int fd)
{
    struct linux_dirent64 {
        uint64_t ino;
        int64_t offset;
        unsigned short length;
        unsigned char type;
        char name[];
    };
    char buffer[4096];
    long got, n = 0;

    if (lseek(fd, 0, SEEK_SET) < 0)
        return -1;
    while ((got = syscall(SYS_getdents64, fd, buffer, sizeof(buffer))) > 0) {
        for (long at = 0; at < got; n++)
            at += ((struct linux_dirent64 *)(buffer + at))->length;
    }
    return got < 0 ? -1 : (double)(n - 2);
}

static double time_seconds(struct timeval time)
{
    return (double)time.tv_sec + (double)time.tv_usec / 1e6;
}

void self_read(const struct self *self, struct metrics_self *ret_metrics)
{
    struct procfs_status status = PROCFS_STATUS_UNKNOWN;
    struct rusage usage;

    getrusage(RUSAGE_SELF, &usage);
    if (lseek(self->status_fd, 0, SEEK_SET) == 0) /* where the last look ended */
        procfs_read_status(self->status_fd, &status);
    *ret_metrics = (struct metrics_self){
        .cpu_seconds = time_seconds(usage.ru_utime) + time_seconds(usage.ru_stime),
        .resident_bytes = kib(status.resident_kib),
        .virtual_bytes = kib(status.virtual_kib),
        .open_fds = count_fds(self->fds_fd),
        .max_fds = self->max_fds,
        .threads = 1,
        .start_time = self->start_time,
    };
}
