/* SPDX-License-Identifier: Apache-2.0 */
/* Errors that other processes sent. */
#pragma once

#include <stdbool.h>

#define ERRNO_MAX 4095 /* the kernel's MAX_ERRNO, include/linux/err.h */

/* Whether it is 0 or -errno. */
static inline bool error_is_sound(int error)
{
    return error <= 0 && error >= -ERRNO_MAX;
}
