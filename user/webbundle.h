/* SPDX-License-Identifier: Apache-2.0 */
/* A struct wire_web and the files behind it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "tls.h"
#include "wire.h"

/* True if the configuration is sound and the sizes are those of a message of `length` bytes, at any
 * alignment. */
bool webbundle_is_sound(const void *message, size_t length);

/* Finds the files, whose bytes stay where they are. */
void webbundle_files(const struct wire_web *web,
                     struct tls_bytes ret_files[static WEBCONFIG_FILES]);
