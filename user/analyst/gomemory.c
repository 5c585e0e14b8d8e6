/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/gomemory.h"

#include <errno.h>
#include <string.h>

static int read_all(void *context, uint64_t address, void *buffer, size_t size)
{
    while (size) {
        struct rpc_range range = {address, size < RPC_DATA_SIZE ? size : RPC_DATA_SIZE};
        const uint32_t *lengths;
        const uint8_t *bytes;
        int r;

        r = remote_read(context, &range, 1, &bytes, &lengths);
        if (r)
            return r;
        if (lengths[0] < range.length)
            return -EFAULT;
        memcpy(buffer, bytes, range.length);
        buffer = (uint8_t *)buffer + range.length;
        address += range.length;
        size -= range.length;
    }
    return 0;
}

static int read_ranges(void *context, const struct rpc_range *ranges, size_t n,
                       const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    return remote_read(context, ranges, n, ret_bytes, ret_lengths);
}

static int ask(void *context, const struct rpc_range *ranges, size_t n)
{
    return remote_ask(context, ranges, n);
}

static int take(void *context, const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    return remote_take(context, ret_bytes, ret_lengths);
}

static bool is_late(void *context)
{
    return remote_is_late(context);
}

struct go_memory gomemory_of(struct remote *remote)
{
    return (struct go_memory){.read = read_all,
                              .read_ranges = read_ranges,
                              .context = remote,
                              .ask = ask,
                              .take = take,
                              .is_late = is_late};
}
