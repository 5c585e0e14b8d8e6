/* SPDX-License-Identifier: Apache-2.0 */
/* Copies of a target's memory, and how much of it is resident. */
#include "memory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/ioctl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <unistd.h>

#include "cleanup.h"

static_assert(RPC_RANGES_MAX <= IOV_MAX, "one process_vm_readv() takes them all");

/* What one process_vm_readv() copied, from the first range on, in `lengths`. Returns the range to
 * go on with: the one behind that which stopped it, or n. */
static size_t account(const struct rpc_range *ranges, size_t n, size_t copied, uint32_t *lengths)
{
    for (size_t i = 0; i < n; i++) {
        if (copied < ranges[i].length) {
            lengths[i] = (uint32_t)copied;
            return i + 1;
        }
        lengths[i] = (uint32_t)ranges[i].length;
        copied -= ranges[i].length;
    }
    return n;
}

static int check_total(const struct rpc_range *ranges, size_t n, size_t area_size)
{
    size_t left = area_size < UINT32_MAX ? area_size : UINT32_MAX;

    if (n > RPC_RANGES_MAX)
        return -E2BIG;
    for (size_t i = 0; i < n; i++) {
        if (ranges[i].length > left)
            return -E2BIG;
        left -= ranges[i].length;
    }
    return 0;
}

/* The kernel goes through the ranges in order and stops at the first page that it cannot have
 * (mm/process_vm_access.c), so each bad range costs one more call. */
static int copy_ranges(pid_t tid, const struct rpc_range *ranges, size_t n, uint8_t *area,
                       size_t area_size, uint32_t *lengths, uint64_t *ret_size)
{
    struct iovec remote[RPC_RANGES_MAX];
    size_t size = 0;

    for (size_t i = 0; i < n; i++)
        remote[i] = (struct iovec){(void *)(uintptr_t)ranges[i].address, ranges[i].length};
    for (size_t i = 0; i < n;) {
        struct iovec local = {area + size, area_size - size};
        ssize_t copied = process_vm_readv(tid, &local, 1, remote + i, n - i, 0);
        if (copied < 0 && errno != EFAULT)
            return -errno;
        size_t length = copied < 0 ? 0 : (size_t)copied;
        i += account(ranges + i, n - i, length, lengths + i);
        size += length;
    }
    *ret_size = size;
    return 0;
}

int memory_read(const struct target_id *target, pid_t live_tid, const struct rpc_range *ranges,
                size_t n, uint8_t *area, size_t area_size, uint32_t *ret_lengths,
                uint64_t *ret_size)
{
    uint32_t lengths[RPC_RANGES_MAX];
    uint64_t size = 0;

    int err = check_total(ranges, n, area_size);
    if (err)
        return err;
    err = copy_ranges(live_tid, ranges, n, area, area_size, lengths, &size);
    if (err)
        return err;
    /* The copy went by number. If the number is the target's after it, it was so throughout. */
    if (!target_has_tid(target, live_tid))
        return -ESRCH;
    memcpy(ret_lengths, lengths, n * sizeof(*lengths));
    *ret_size = size;
    return 0;
}

/* The PAGEMAP_SCAN ioctl of /proc/PID/pagemap: Linux 6.7, commit 52526ca7fdb9. Declared here
 * because the headers of older systems lack it; layout and values as in include/uapi/linux/fs.h. */
struct scan_region {
    uint64_t start;
    uint64_t end;
    uint64_t categories;
};

struct scan_argument {
    uint64_t size;
    uint64_t flags;
    uint64_t start;
    uint64_t end;
    uint64_t walk_end; /* where it stopped */
    uint64_t vec;
    uint64_t vec_len;
    uint64_t max_pages;
    uint64_t category_inverted;
    uint64_t category_mask;
    uint64_t category_anyof_mask;
    uint64_t return_mask;
};

#define SCAN_IOCTL        _IOWR('f', 16, struct scan_argument)
#define SCAN_PAGE_PRESENT (1u << 3)
#define SCAN_PAGE_PFNZERO (1u << 5)
#define SCAN_REGIONS      256

#define GAP_MAX (64 * 1024) /* looked at as well, rather than one more call is made */

#define PAGEMAP_ENTRIES 512
#define PAGEMAP_PRESENT (1ull << 63)

struct extent {
    uint64_t start, end;
};

static uint64_t overlap(struct extent a, struct extent b)
{
    uint64_t start = a.start > b.start ? a.start : b.start;
    uint64_t end = a.end < b.end ? a.end : b.end;
    return start < end ? end - start : 0;
}

/* A range, and the count of its bytes. */
struct part {
    struct extent extent;
    uint64_t *bytes;
};

static int by_start(const void *a, const void *b)
{
    const struct part *one = a, *other = b;

    return (one->extent.start > other->extent.start) - (one->extent.start < other->extent.start);
}

/* How many of the parts, which ascend, are looked at together: system calls are dear, and the
 * stacks of a program's threads lie side by side. */
static size_t count_neighbours(const struct part *parts, size_t n, uint64_t *ret_end)
{
    uint64_t end = parts[0].extent.end;
    size_t i = 1;

    for (; i < n && parts[i].extent.start <= end + GAP_MAX; i++)
        if (parts[i].extent.end > end)
            end = parts[i].extent.end;
    *ret_end = end;
    return i;
}

/* Adds the resident `region` to those of the parts that it is in; drops those before it. */
static void add_region(struct extent region, const struct part **parts, size_t *n)
{
    while (*n && (*parts)->extent.end <= region.start) {
        ++*parts;
        --*n;
    }
    for (size_t i = 0; i < *n && (*parts)[i].extent.start < region.end; i++)
        *(*parts)[i].bytes += overlap((*parts)[i].extent, region);
}

/* `pages` are whole pages that the parts, which ascend, are in. */
static int scan_parts(int pagemap_fd, const struct part *parts, size_t n, struct extent pages)
{
    struct scan_region regions[SCAN_REGIONS];

    while (pages.start < pages.end) {
        struct scan_argument argument = {
            .size = sizeof(argument),
            .start = pages.start,
            .end = pages.end,
            .vec = (uintptr_t)regions,
            .vec_len = SCAN_REGIONS,
            .category_inverted = SCAN_PAGE_PFNZERO,
            .category_mask = SCAN_PAGE_PRESENT | SCAN_PAGE_PFNZERO,
            .return_mask = SCAN_PAGE_PRESENT,
        };
        int found = ioctl(pagemap_fd, SCAN_IOCTL, &argument);
        if (found < 0)
            return -errno;
        for (int i = 0; i < found; i++)
            add_region((struct extent){regions[i].start, regions[i].end}, &parts, &n);
        if (argument.walk_end <= pages.start)
            return -EIO;
        pages.start = argument.walk_end;
    }
    return 0;
}

/* Before Linux 6.7: an entry a page. */
static int read_extent(int pagemap_fd, struct extent range, struct extent pages, uint64_t page_size,
                       uint64_t *ret_bytes)
{
    uint64_t entries[PAGEMAP_ENTRIES];
    uint64_t bytes = 0;

    while (pages.start < pages.end) {
        uint64_t left = (pages.end - pages.start) / page_size;
        size_t size = sizeof(*entries) * (left < PAGEMAP_ENTRIES ? left : PAGEMAP_ENTRIES);
        off_t offset = (off_t)(pages.start / page_size * sizeof(*entries));
        ssize_t got = pread(pagemap_fd, entries, size, offset);
        if (got < 0)
            return -errno;
        if (got < (ssize_t)sizeof(*entries))
            return -ESRCH;
        for (size_t i = 0; i < (size_t)got / sizeof(*entries); i++, pages.start += page_size)
            if (entries[i] & PAGEMAP_PRESENT)
                bytes += overlap(range, (struct extent){pages.start, pages.start + page_size});
    }
    *ret_bytes = bytes;
    return 0;
}

static bool is_countable(const struct rpc_range *range, uint64_t page_size)
{
    return range->length <= MEMORY_RESIDENT_MAX &&
           range->address <= UINT64_MAX - MEMORY_RESIDENT_MAX - page_size;
}

static struct extent whole_pages(struct extent extent, uint64_t page_size)
{
    return (struct extent){extent.start & ~(page_size - 1),
                           (extent.end + page_size - 1) & ~(page_size - 1)};
}

/* What the kernel refuses of one of some is not said of the others. */
static void count_alone(int pagemap_fd, const struct part *part, uint64_t page_size, bool has_scan)
{
    const struct extent pages = whole_pages(part->extent, page_size);
    int err;

    *part->bytes = 0;
    err = has_scan ? scan_parts(pagemap_fd, part, 1, pages)
                   : read_extent(pagemap_fd, part->extent, pages, page_size, part->bytes);
    if (err)
        *part->bytes = UINT64_MAX;
}

/* Of parts that ascend and end at `end`. */
static void count_parts(int pagemap_fd, const struct part *parts, size_t n, uint64_t end,
                        uint64_t page_size, bool *has_scan)
{
    const struct extent all = {parts[0].extent.start, end};
    int err = -ENOTTY;

    if (*has_scan)
        err = scan_parts(pagemap_fd, parts, n, whole_pages(all, page_size));
    *has_scan = err != -ENOTTY;
    if (err)
        for (size_t i = 0; i < n; i++)
            count_alone(pagemap_fd, &parts[i], page_size, *has_scan);
}

int memory_resident(const struct target_id *target, pid_t live_tid, const struct rpc_range *ranges,
                    size_t n, uint64_t *ret_bytes)
{
    uint64_t page_size = (uint64_t)sysconf(_SC_PAGESIZE);
    struct part parts[RPC_RANGES_MAX];
    size_t n_parts = 0;
    bool has_scan = true;

    if (n > RPC_RANGES_MAX)
        return -E2BIG;
    /* Opened anew for each request: a descriptor stays with the memory that the process had when it
     * was opened, and shows nothing after an exec. */
    AUTO_CLOSE int fd = target_open_task(target, live_tid, "pagemap", O_RDONLY);
    if (fd < 0)
        return fd;
    for (size_t i = 0; i < n; i++) {
        const uint64_t start = ranges[i].address;

        ret_bytes[i] = UINT64_MAX;
        if (!is_countable(&ranges[i], page_size))
            continue;
        ret_bytes[i] = 0;
        parts[n_parts++] = (struct part){{start, start + ranges[i].length}, &ret_bytes[i]};
    }
    qsort(parts, n_parts, sizeof(*parts), by_start);
    for (size_t i = 0, together; i < n_parts; i += together) {
        uint64_t end;

        together = count_neighbours(parts + i, n_parts - i, &end);
        count_parts(fd, parts + i, together, end, page_size, &has_scan);
    }
    return 0;
}
