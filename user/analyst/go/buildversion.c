/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/buildversion.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "analyst/go/arch.h"
#include "analyst/go/module.h"

#define DATA_MAX    (64ull * 1024 * 1024) /* bytes that are looked at */
#define STRINGS_MAX 65536                 /* that are read */
#define LENGTH_MIN  6                     /* "go1.17" */
#define LENGTH_MAX  32                    /* releases; what else could be is not told apart */

static bool is_release(const char *text, uint32_t magic)
{
    const struct go_layout *layout = go_layout_of(go_version_minor(text));

    return strncmp(text, "go1.", 4) == 0 && text[strspn(text, "go0123456789.rcbeta")] == '\0' &&
           layout && layout->magic == magic;
}

int go_buildversion_find(struct go_windows *windows, const struct rpc_range *data, uint32_t magic,
                         char ret_version[static GO_VERSION_MAX])
{
    uint64_t size = data->length < DATA_MAX ? data->length : DATA_MAX;
    uint8_t string[2 * GO_POINTER_SIZE];
    char version[GO_VERSION_MAX] = "";
    size_t n = 0;

    for (uint64_t at = 0; at + sizeof(string) <= size && n < STRINGS_MAX; at += GO_POINTER_SIZE) {
        char text[LENGTH_MAX + 1] = "";
        uint64_t length;

        if (go_windows_copy(windows, data->address + at, string, sizeof(string)))
            return -ENOENT;
        length = go_u64(string + GO_POINTER_SIZE);
        if (go_u64(string) == 0 || length < LENGTH_MIN || length > LENGTH_MAX)
            continue;
        n++;
        if (go_windows_copy(windows, go_u64(string), text, length) || !is_release(text, magic))
            continue;
        if (version[0] && strcmp(version, text) != 0)
            return -ENOENT;
        memcpy(version, text, sizeof(text));
    }
    if (!version[0])
        return -ENOENT;
    memcpy(ret_version, version, sizeof(version));
    return 0;
}
