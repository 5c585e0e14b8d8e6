/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/sweep.h"

#include <errno.h>
#include <unistd.h>

int sweep_read(int fd, void *area, size_t size, uint64_t *ret_size, bool *ret_more)
{
    size_t used = 0;
    ssize_t n = 1;

    while (used < size && n) {
        n = read(fd, (char *)area + used, size - used);
        if (n > 0)
            used += n;
        else if (n < 0 && errno != EINTR && errno != EAGAIN)
            return -errno;
    }
    *ret_size = used;
    *ret_more = n != 0;
    return 0;
}
