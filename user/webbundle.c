/* SPDX-License-Identifier: Apache-2.0 */
#include "webbundle.h"

#include <string.h>

bool webbundle_is_sound(const void *message, size_t length)
{
    struct wire_web web;
    uint64_t expected = sizeof(web);

    if (length < sizeof(web))
        return false;
    memcpy(&web, message, sizeof(web));
    for (size_t i = 0; i < WEBCONFIG_FILES; i++)
        expected += web.sizes[i];
    return expected == length && webconfig_is_sound(&web.config);
}

void webbundle_files(const struct wire_web *web, struct tls_bytes ret_files[static WEBCONFIG_FILES])
{
    const char *bytes = (const char *)(web + 1);

    for (size_t i = 0; i < WEBCONFIG_FILES; i++) {
        ret_files[i] = (struct tls_bytes){.bytes = bytes, .size = web->sizes[i]};
        bytes += web->sizes[i];
    }
}
