/* SPDX-License-Identifier: Apache-2.0 */
/* The functions of the Go runtime in which goroutines park, and the reasons that they give. Known
 * by name, whatever number a version has for a reason. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "analyst/go/code.h"

enum parker_kind {
    PARKER_OTHER,
    PARKER_SENDS,
    PARKER_RECEIVES,
    PARKER_SELECTS,
};

#define PARKER_REASONS_MAX 4

struct parker {
    const char *function;
    enum parker_kind kind;
    const char *reasons[PARKER_REASONS_MAX]; /* of all versions */
};

#define PARKER_FRAMES 4 /* innermost ones, that tell */

/* The function in which a goroutine with these innermost frames parked; NULL: none of the known. */
const struct parker *parker_find(struct go_code *code, const struct raw_frame *frames, size_t n);

bool parker_gives(const struct parker *parker, const char *reason);
