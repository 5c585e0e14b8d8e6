/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/owners.h"

#include <string.h>

int owners_read(struct remote *remote, const struct owner_word *words, size_t n,
                uint32_t *ret_ns_tids)
{
    struct rpc_range ranges[RPC_RANGES_MAX] = {};
    const uint32_t *lengths;
    const uint8_t *bytes;
    uint32_t word;
    int r;

    for (size_t i = 0; i < n; i++)
        ranges[i] = (struct rpc_range){words[i].address, sizeof(word)};
    r = remote_read(remote, ranges, n, &bytes, &lengths);
    if (r)
        return r;
    for (size_t i = 0; i < n; i++) {
        ret_ns_tids[i] = 0;
        if (lengths[i] == sizeof(word)) {
            memcpy(&word, bytes, sizeof(word));
            ret_ns_tids[i] = word & words[i].mask;
        }
        bytes += lengths[i];
    }
    return 0;
}
