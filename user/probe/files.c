/* SPDX-License-Identifier: Apache-2.0 */
/* Files of a target, opened for its analyst. */
#include "files.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/magic.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "procfs.h"
#include "sockets.h"

#define DEBUG_DIRECTORY "/usr/lib/debug/"

#define CONFIGFS_MAGIC 0x62656570 /* fs/configfs/mount.c; no header has it */

static int open_resolved(int directory_fd, const char *path, uint64_t resolve)
{
    const struct open_how how = {
        .flags = O_PATH | O_CLOEXEC,
        .resolve = resolve | RESOLVE_NO_MAGICLINKS,
    };
    long fd = syscall(SYS_openat2, directory_fd, path, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

/* No file system of the kernel's own has anything that a program is made of. procfs has two ELF
 * files, kcore and vmcore, and they hold all of the kernel's memory; reading others does things. */
static bool is_of_kernel(const struct statfs *fs)
{
    static const uint32_t magics[] = {
        PROC_SUPER_MAGIC,    SYSFS_MAGIC,          DEBUGFS_MAGIC,        TRACEFS_MAGIC,
        SECURITYFS_MAGIC,    SELINUX_MAGIC,        SMACK_MAGIC,          CGROUP_SUPER_MAGIC,
        CGROUP2_SUPER_MAGIC, BPF_FS_MAGIC,         PSTOREFS_MAGIC,       EFIVARFS_MAGIC,
        NSFS_MAGIC,          BINDERFS_SUPER_MAGIC, RDTGROUP_SUPER_MAGIC, BINFMTFS_MAGIC,
        CONFIGFS_MAGIC,
    };

    for (size_t i = 0; i < sizeof(magics) / sizeof(magics[0]); i++)
        if ((uint32_t)fs->f_type == magics[i])
            return true;
    return false;
}

/* What an O_PATH descriptor, which has not touched the file yet, shows of it. */
static int check_kind(int path_fd, struct stat *ret_stat)
{
    struct statfs fs;

    if (fstat(path_fd, ret_stat) < 0 || fstatfs(path_fd, &fs) < 0)
        return -errno;
    if (!S_ISREG(ret_stat->st_mode) || is_of_kernel(&fs))
        return -EINVAL;
    return ret_stat->st_size > FILES_SIZE_MAX ? -EFBIG : 0;
}

/* O_NONBLOCK: a lease that the target holds must not make us wait for its end. */
static int reopen(int path_fd, int *ret_fd)
{
    char link[32];
    char magic[4];

    snprintf(link, sizeof(link), "/proc/self/fd/%d", path_fd);
    AUTO_CLOSE int fd = open(link, O_RDONLY | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
    if (fd < 0)
        return -errno;
    ssize_t n = pread(fd, magic, sizeof(magic), 0);
    if (n < 0)
        return -errno;
    if (n < (ssize_t)sizeof(magic) || memcmp(magic, "\177ELF", sizeof(magic)) != 0)
        return -ENOEXEC;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

/* By its mode alone: supplementary groups and ACLs could only allow more. */
static bool may_read(const struct procfs_status *status, const struct stat *stat)
{
    if (status->fsuid == 0)
        return true;
    if (stat->st_uid == status->fsuid)
        return stat->st_mode & S_IRUSR;
    return stat->st_mode & (stat->st_gid == status->fsgid ? S_IRGRP : S_IROTH);
}

static int check_access(const struct target_id *target, pid_t tid, const struct stat *stat)
{
    struct procfs_status status;

    AUTO_CLOSE int fd = target_open_task(target, tid, "status", O_RDONLY);
    if (fd < 0)
        return fd;
    int err = procfs_read_status(fd, &status);
    if (err)
        return err;
    return may_read(&status, stat) ? 0 : -EACCES;
}

/* O_PATH of what is at `path` in the target's root, if the target could read it. */
static int open_in_root(const struct target_id *target, pid_t tid, const char *path,
                        struct stat *ret_stat)
{
    AUTO_CLOSE int root = target_open_task(target, tid, "root", O_PATH | O_DIRECTORY);
    if (root < 0)
        return root;
    AUTO_CLOSE int fd = open_resolved(root, path, RESOLVE_IN_ROOT);
    if (fd < 0)
        return fd;
    int err = check_kind(fd, ret_stat);
    if (!err)
        err = check_access(target, tid, ret_stat);
    return err ? err : TAKE_FD(fd);
}

static bool same_device(const struct files_mapping *mapping, const struct stat *stat)
{
    return mapping->device == ((uint64_t)major(stat->st_dev) << 32 | minor(stat->st_dev));
}

/*
 * O_PATH of a mapping's file through map_files, which only /proc/TID has and /proc/PID/task/TID has
 * not; /proc/TID exists for every thread, though readdir() does not show it. The descriptor stays
 * with that thread, so a check after opening it that the TID is the target's holds for all that it
 * shows.
 */
static int open_map_file(const struct target_id *target, pid_t tid,
                         const struct files_mapping *mapping)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d", tid);
    AUTO_CLOSE int directory = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    if (!target_has_tid(target, tid))
        return -ESRCH;
    snprintf(path, sizeof(path), "map_files/%" PRIx64 "-%" PRIx64, mapping->start, mapping->end);
    int fd = openat(directory, path, O_PATH | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

/* On btrfs and overlayfs stat() gives a file another device than maps does; then it cannot be told
 * whether the mapping is still of the same file, and it is taken as such. */
static int check_mapped(int path_fd, const struct files_mapping *mapping)
{
    struct stat stat;

    int err = check_kind(path_fd, &stat);
    if (err)
        return err;
    return same_device(mapping, &stat) && stat.st_ino != mapping->inode ? -ESTALE : 0;
}

static int open_mapped_path(const struct target_id *target, pid_t tid,
                            const struct files_mapping *mapping, int *ret_fd)
{
    struct stat stat;

    if (mapping->path[0] != '/')
        return -ENOENT;
    AUTO_CLOSE int fd = open_in_root(target, tid, mapping->path, &stat);
    if (fd < 0)
        return fd;
    /* Here the device has to be the same, or anything could be at that path. */
    if (!same_device(mapping, &stat) || stat.st_ino != mapping->inode)
        return -ESTALE;
    return reopen(fd, ret_fd);
}

int files_open_mapping(const struct target_id *target, pid_t live_tid,
                       const struct files_mapping *mapping, int *ret_fd)
{
    AUTO_CLOSE int fd = open_map_file(target, live_tid, mapping);
    if (fd == -EPERM || fd == -EACCES || fd == -ENOENT)
        return open_mapped_path(target, live_tid, mapping, ret_fd);
    if (fd < 0)
        return fd;
    int err = check_mapped(fd, mapping);
    return err ? err : reopen(fd, ret_fd);
}

static int open_own_debug(const char *path, int *ret_fd)
{
    struct stat stat;

    if (strncmp(path, DEBUG_DIRECTORY, strlen(DEBUG_DIRECTORY)) != 0)
        return -ENOENT;
    AUTO_CLOSE int directory = open(DEBUG_DIRECTORY, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (directory < 0)
        return -errno;
    AUTO_CLOSE int fd = open_resolved(directory, path + strlen(DEBUG_DIRECTORY), RESOLVE_BENEATH);
    if (fd < 0)
        return fd;
    int err = check_kind(fd, &stat);
    return err ? err : reopen(fd, ret_fd);
}

int files_open_debug(const struct target_id *target, pid_t live_tid, const char *path, int *ret_fd)
{
    struct stat stat;

    if (path[0] != '/')
        return -EINVAL;
    AUTO_CLOSE int fd = open_in_root(target, live_tid, path, &stat);
    int err = fd < 0 ? fd : reopen(fd, ret_fd);
    return err == -ENOENT ? open_own_debug(path, ret_fd) : err;
}

int files_describe(const struct target_id *target, pid_t live_tid, uint64_t fd, char *buffer,
                   size_t size)
{
    char link[64];
    uint64_t inode;

    if (fd > INT32_MAX)
        return -ENOENT;
    snprintf(link, sizeof(link), "task/%d/fd/%" PRIu64, live_tid, fd);
    ssize_t n = readlinkat(target->proc_fd, link, buffer, size - 1);
    if (n < 0)
        return -errno;
    buffer[n] = '\0';
    if (sscanf(buffer, "socket:[%" SCNu64 "]", &inode) == 1)
        sockets_describe(target, live_tid, inode, buffer, size);
    return 0;
}

/* The kernel gives a page at a time. */
static int fill(int fd, uint8_t *area, size_t area_size, size_t *ret_size)
{
    size_t size = 0;

    while (size < area_size) {
        ssize_t n = read(fd, area + size, area_size - size);
        if (n < 0)
            return -errno;
        if (n == 0)
            break;
        size += (size_t)n;
    }
    *ret_size = size;
    return 0;
}

int files_maps(struct files_maps *maps, const struct target_id *target, pid_t live_tid,
               uint64_t offset, uint8_t *area, size_t area_size, uint64_t *ret_size, bool *ret_more)
{
    size_t size = 0;

    if (offset == 0) {
        files_maps_close(maps);
        maps->fd = target_open_task(target, live_tid, "maps", O_RDONLY);
    }
    if (maps->fd < 0 || offset != maps->offset)
        return offset == 0 ? maps->fd : -ESPIPE;

    int err = fill(maps->fd, area, area_size, &size);
    if (!err && maps->offset + size > FILES_MAPS_MAX)
        err = -EFBIG;
    bool more = !err && size == area_size;
    maps->offset += size;
    if (!more)
        files_maps_close(maps);
    if (err)
        return err;
    *ret_size = size;
    *ret_more = more;
    return 0;
}

void files_maps_close(struct files_maps *maps)
{
    cleanup_close(&maps->fd);
    *maps = FILES_MAPS_NONE;
}
