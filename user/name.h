/* SPDX-License-Identifier: Apache-2.0 */
/* Processes by their names. */
#pragma once

#include "options.h"

#define NAME_WHY_MAX 128

/* Adds to the PIDs of `options` those of all processes that have one of its names now: exactly the
 * name that ps and pgrep -x show, the leader's comm, for anybody may take any. Zombies, kernel
 * threads and this process do not count. -ESRCH: there is none of some name; -E2BIG: there are more
 * than can be watched; other -errno: /proc cannot be read. Then ret_why says so. */
int name_resolve(struct options *options, char ret_why[static NAME_WHY_MAX]);
