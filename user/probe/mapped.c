/* SPDX-License-Identifier: Apache-2.0 */
#include "mapped.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/ioctl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "cleanup.h"

/*
 * The PROCMAP_QUERY ioctl of /proc/PID/maps: Linux 6.11, commit ed5d583a88a9. Declared here because
 * the headers of older systems lack it; layout and values as in include/uapi/linux/fs.h.
 *
 * The build ID is never asked for: until commit b5cbacd7f86f (Linux 7.0) the kernel reads it from
 * the file under the lock of the target's memory.
 */
struct query {
    uint64_t size;
    uint64_t flags; /* 0: the mapping that holds the address, no other */
    uint64_t address;
    uint64_t start;
    uint64_t end;
    uint64_t permissions;
    uint64_t page_size;
    uint64_t offset;
    uint64_t inode;
    uint32_t device_major;
    uint32_t device_minor;
    uint32_t name_size; /* in: of the buffer; out: of the name with its NUL, 0: none */
    uint32_t build_id_size;
    uint64_t name;
    uint64_t build_id;
};

#define QUERY_IOCTL      _IOWR('f', 17, struct query)
#define QUERY_READABLE   0x1u
#define QUERY_WRITABLE   0x2u
#define QUERY_EXECUTABLE 0x4u
#define QUERY_SHARED     0x8u

/* Where lines go. */
struct text {
    char *bytes;
    size_t size, capacity;
};

static int query(int maps_fd, uint64_t address, char name[static PATH_MAX], struct query *ret_query)
{
    *ret_query = (struct query){
        .size = sizeof(*ret_query),
        .address = address,
        .name_size = PATH_MAX,
        .name = (uintptr_t)name,
    };
    if (ioctl(maps_fd, QUERY_IOCTL, ret_query) < 0)
        return -errno;
    if (!ret_query->name_size)
        name[0] = '\0';
    return 0;
}

/* Newlines as seq_file_path() of the kernel writes them. False: there is no room. */
static bool put_name(struct text *text, const char *name)
{
    static const char newline[] = "\\012";

    for (; *name; name++) {
        size_t length = *name == '\n' ? sizeof(newline) - 1 : 1;

        if (length > text->capacity - text->size)
            return false;
        memcpy(text->bytes + text->size, *name == '\n' ? newline : name, length);
        text->size += length;
    }
    return true;
}

static bool put_fields(struct text *text, const struct query *query)
{
    size_t room = text->capacity - text->size;
    int length =
        snprintf(text->bytes + text->size, room,
                 "%08" PRIx64 "-%08" PRIx64 " %c%c%c%c %08" PRIx64 " %02x:%02x %" PRIu64 " ",
                 query->start, query->end, query->permissions & QUERY_READABLE ? 'r' : '-',
                 query->permissions & QUERY_WRITABLE ? 'w' : '-',
                 query->permissions & QUERY_EXECUTABLE ? 'x' : '-',
                 query->permissions & QUERY_SHARED ? 's' : 'p', query->offset, query->device_major,
                 query->device_minor, query->inode);

    if (length < 0 || (size_t)length >= room)
        return false;
    text->size += (size_t)length;
    return true;
}

/* All of a line or nothing. */
static void put_line(struct text *text, const struct query *query, const char *name)
{
    size_t size = text->size;

    if (put_fields(text, query) && put_name(text, name) && text->size < text->capacity)
        text->bytes[text->size++] = '\n';
    else
        text->size = size;
}

int mapped_at(const struct target_id *target, pid_t live_tid, const struct rpc_range *ranges,
              size_t n, uint8_t *area, size_t area_size, uint64_t *ret_size)
{
    struct text text = {.bytes = (char *)area, .capacity = area_size};
    struct query found = {0};
    char name[PATH_MAX];

    if (n > RPC_RANGES_MAX)
        return -E2BIG;
    /* Opened anew for each request, as in memory_resident(). */
    AUTO_CLOSE int fd = target_open_task(target, live_tid, "maps", O_RDONLY);
    if (fd < 0)
        return fd;
    for (size_t i = 0; i < n; i++) {
        uint64_t address = ranges[i].address;

        if (address >= found.start && address < found.end)
            continue;
        int err = query(fd, address, name, &found);
        if (!err)
            put_line(&text, &found, name);
        else if (err != -ENOENT && err != -ENAMETOOLONG)
            return err;
    }
    *ret_size = text.size;
    return 0;
}
