/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/weblosses.h"

const char *webloss_name(enum webloss loss)
{
    static const char *const names[WEBLOSS_MAX] = {
#define X(name, text) [WEBLOSS_##name] = #name,
        WEBLOSS_LIST(X)
#undef X
    };

    return names[loss];
}
