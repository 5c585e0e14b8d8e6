/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a target's cgroup. */
#include "cgroup.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "cleanup.h"
#include "procfs.h"

#define MEMORY_TEXT_MAX (64 * 1024) /* of memory.stat: 40 to 150 lines */

/* Whether the comma-separated `list` has `word`. */
static bool list_has(const char *list, size_t length, const char *word)
{
    size_t word_length = strlen(word);

    for (const char *at = list; at < list + length;) {
        size_t item = strcspn(at, ",");
        if (item > (size_t)(list + length - at))
            item = (size_t)(list + length - at);
        if (item == word_length && memcmp(at, word, item) == 0)
            return true;
        at += item + 1;
    }
    return false;
}

/* "ID:CONTROLLERS:PATH"; v2 is "0::PATH". Controllers have no colon, a path may. */
void cgroup_parse_place(const char *line, struct cgroup_place *place)
{
    const char *controllers = strchr(line, ':');
    const char *path = controllers ? strchr(++controllers, ':') : NULL;
    if (!path)
        return;

    bool v2 = path == controllers && strncmp(line, "0:", 2) == 0;
    if (!list_has(controllers, (size_t)(path - controllers), "memory") && !(v2 && !place->found))
        return;
    size_t length = strlen(++path);
    if (length >= sizeof(place->path))
        return;
    place->found = true;
    place->v2 = v2;
    memcpy(place->path, path, length + 1);
}

/* Copies one field; the kernel writes blank, tab, newline and backslash in it as \ooo. False: it
 * does not fit. */
static bool unescape(const char *field, size_t length, char *ret_text, size_t size)
{
    const char *end = field + length;
    size_t n = 0;

    while (field < end && n + 1 < size) {
        unsigned byte;
        if (end - field >= 4 && sscanf(field, "\\%3o", &byte) == 1) {
            ret_text[n++] = (char)byte;
            field += 4;
        } else {
            ret_text[n++] = *field++;
        }
    }
    ret_text[n] = '\0';
    return field == end;
}

/* "ID PARENT MAJOR:MINOR ROOT POINT OPTIONS [TAG...] - TYPE SOURCE SUPER-OPTIONS" */
bool cgroup_parse_mount(const char *line, struct cgroup_mount *ret_mount)
{
    unsigned major_number, minor_number;
    int root = 0, root_end = 0, point = 0, point_end = 0, super = 0;
    char type[16];

    if (sscanf(line, "%*u %*u %u:%u %n%*s%n %n%*s%n", &major_number, &minor_number, &root,
               &root_end, &point, &point_end) != 2 ||
        point_end == 0)
        return false;
    const char *separator = strstr(line + point_end, " - ");
    if (!separator || sscanf(separator, " - %15s %*s %n", type, &super) != 1)
        return false;

    bool v2 = strcmp(type, "cgroup2") == 0;
    const char *options = separator + super;
    if (!v2 && (strcmp(type, "cgroup") != 0 || !list_has(options, strlen(options), "memory")))
        return false;
    ret_mount->device = (uint64_t)major_number << 32 | minor_number;
    ret_mount->v2 = v2;
    return unescape(line + root, (size_t)(root_end - root), ret_mount->root,
                    sizeof(ret_mount->root)) &&
           unescape(line + point, (size_t)(point_end - point), ret_mount->point,
                    sizeof(ret_mount->point));
}

/* Both paths are as seen from this process's cgroup namespace. One that leads out of it ("/..") has
 * no place below any mount of it. */
const char *cgroup_below(const struct cgroup_mount *mount, const struct cgroup_place *place)
{
    size_t length = strcmp(mount->root, "/") == 0 ? 0 : strlen(mount->root);
    const char *rest = place->path + length;

    if (mount->v2 != place->v2 || strstr(place->path, "/../") || strstr(mount->root, "/.."))
        return NULL;
    if (strcmp(place->path, "/..") == 0 || strncmp(place->path, mount->root, length) != 0)
        return NULL;
    if (*rest != '/' && *rest != '\0')
        return NULL;
    rest += strspn(rest, "/");
    return *rest ? rest : ".";
}

static int find_place(const struct target_id *target, pid_t tid, struct cgroup_place *place)
{
    struct procfs_lines lines;
    const char *line;

    AUTO_CLOSE int fd = target_open_task(target, tid, "cgroup", O_RDONLY);
    if (fd < 0)
        return fd;
    place->found = false;
    procfs_lines_start(&lines, fd, CGROUP_MOUNTS_MAX);
    while ((line = procfs_lines_next(&lines)))
        cgroup_parse_place(line, place);
    return place->found ? 0 : -ENOENT;
}

/* The directory of the cgroup, or -errno: also if another file system is mounted over this one. */
static int open_below(const struct cgroup_mount *mount, const char *path)
{
    const struct open_how how = {
        .flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };
    struct stat stat;

    AUTO_CLOSE int point = open(mount->point, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (point < 0 || fstat(point, &stat) < 0)
        return -errno;
    if (mount->device != ((uint64_t)major(stat.st_dev) << 32 | minor(stat.st_dev)))
        return -ENOENT;
    long fd = syscall(SYS_openat2, point, path, &how, sizeof(how));
    return fd < 0 ? -errno : (int)fd;
}

static int open_place(const struct cgroup_place *place)
{
    struct procfs_lines lines;
    struct cgroup_mount mount;
    const char *line;

    AUTO_CLOSE int mounts = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);
    if (mounts < 0)
        return -errno;
    procfs_lines_start(&lines, mounts, CGROUP_MOUNTS_MAX);
    while ((line = procfs_lines_next(&lines))) {
        const char *path = cgroup_parse_mount(line, &mount) ? cgroup_below(&mount, place) : NULL;
        int fd = path ? open_below(&mount, path) : -ENOENT;
        if (fd >= 0)
            return fd;
    }
    return -ENOENT;
}

/* The number behind `key` ("" for a file that has nothing else) in a file of a cgroup. */
static uint64_t read_number(int directory, const char *file, const char *key)
{
    struct procfs_lines lines;
    size_t length = strlen(key);
    uint64_t value = WIRE_UNKNOWN;
    const char *line;

    AUTO_CLOSE int fd = openat(directory, file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return WIRE_UNKNOWN;
    procfs_lines_start(&lines, fd, MEMORY_TEXT_MAX);
    while (value == WIRE_UNKNOWN && (line = procfs_lines_next(&lines)))
        if (strncmp(line, key, length) == 0)
            procfs_column(line + length, 0, 10, &value);
    return value;
}

int cgroup_read_memory(const struct target_id *target, pid_t live_tid,
                       struct cgroup_memory *ret_memory)
{
    struct cgroup_place place;

    int err = find_place(target, live_tid, &place);
    if (err)
        return err;
    AUTO_CLOSE int fd = open_place(&place);
    if (fd < 0)
        return fd;
    ret_memory->usage_bytes =
        read_number(fd, place.v2 ? "memory.current" : "memory.usage_in_bytes", "");
    ret_memory->rss_bytes = read_number(fd, "memory.stat", place.v2 ? "anon " : "total_rss ");
    return 0;
}
