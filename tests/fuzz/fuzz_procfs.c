/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any text as one of /proc's, each of which is also a line of all the others: names in them are the
 * target's.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#include "probe/cgroup.h"
#include "probe/procfs.h"
#include "probe/resources.h"
#include "probe/sockets.h"
#include "wire.h"

static void parse_cgroup(const char *line, struct cgroup_place *place)
{
    static struct cgroup_mount mount;
    const char *below;

    cgroup_parse_place(line, place);
    if (!cgroup_parse_mount(line, &mount))
        return;
    check(memchr(mount.root, '\0', sizeof(mount.root)));
    check(memchr(mount.point, '\0', sizeof(mount.point)));
    below = place->found ? cgroup_below(&mount, place) : NULL;
    check(!below || (below[0] != '\0' && below[0] != '/'));
}

static void parse_socket(const char *line)
{
    char text[64];
    uint64_t inode;

    for (unsigned column = 6; column <= 9; column++) {
        if (!procfs_column(line, column, 10, &inode))
            continue;
        if (sockets_parse_inet("tcp", line, inode, text, sizeof(text)))
            check(memchr(text, '\0', sizeof(text)));
        if (sockets_parse_unix("unix", line, inode, text, sizeof(text)))
            check(memchr(text, '\0', sizeof(text)));
    }
}

static void parse_line(const char *line, struct cgroup_place *place)
{
    struct procfs_status status = PROCFS_STATUS_UNKNOWN;
    struct procfs_stat stat;
    struct wire_net net;

    procfs_parse_stat(line, &stat);
    procfs_parse_status_line(line, &status);
    parse_cgroup(line, place);
    parse_socket(line);
    if (resources_parse_net(line, &net))
        check(memchr(net.device, '\0', sizeof(net.device)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct cgroup_place place;
    struct procfs_lines lines;
    struct procfs_status status;
    struct procfs_stat stat;
    const char *line;
    int fd = memfd_create("text", MFD_CLOEXEC);

    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    place.found = false;
    lseek(fd, 0, SEEK_SET);
    procfs_lines_start(&lines, fd, size);
    while ((line = procfs_lines_next(&lines)))
        parse_line(line, &place);
    lseek(fd, 0, SEEK_SET);
    procfs_read_stat(fd, &stat);
    lseek(fd, 0, SEEK_SET);
    procfs_read_status(fd, &status);
    close(fd);
    return 0;
}
