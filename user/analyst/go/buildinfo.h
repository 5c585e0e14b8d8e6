/* SPDX-License-Identifier: Apache-2.0 */
/* Which Go built a program, by the build information that the linker leaves in its data. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/window.h"

#define GO_BUILDINFO_ALIGN 16  /* debug/buildinfo: buildInfoAlign */
#define GO_BUILDINFO_SIZE  32  /* of the header */
#define GO_VERSION_MAX     128 /* with its NUL */

/* Whether these GO_BUILDINFO_SIZE bytes begin with the magic of build information. */
bool go_buildinfo_is(const uint8_t *bytes);

/* The version that the build information at `address` records, e.g. "go1.19.8". 0, or -EFAULT,
 * -EILSEQ: none that is a version of Go. */
int go_buildinfo_version(struct go_windows *windows, uint64_t address,
                         char ret_version[static GO_VERSION_MAX]);

/* 119 of "go1.19.8", "devel go1.19-1a2b3c" and "go1.19rc2 X:boringcrypto"; 0: no such version. */
int go_version_minor(const char *version);
