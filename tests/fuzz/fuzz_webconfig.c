/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a web configuration file: refused in one line, or a configuration within its bounds.
 */
#include <errno.h>

#include "fuzz.h"

#include "webconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct webconfig config;
    char why[WEBCONFIG_WHY_MAX] = "";
    int r;

    memset(&config, 0, sizeof(config));
    r = webconfig_parse((const char *)data, size, &config, why);
    check(r == 0 || r == -EINVAL || r == -ENOMEM);
    check(memchr(why, '\0', sizeof(why)));
    if (r == 0)
        check(webconfig_is_sound(&config));
    else if (r == -EINVAL)
        check(why[0] != '\0');
    return 0;
}
