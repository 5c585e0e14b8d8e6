/* SPDX-License-Identifier: Apache-2.0 */
/* Sends one message of wire.h. */
#pragma once

#include <stddef.h>

#include "wire.h"

/* Waits until it is written whole. `fd` >= 0 goes with it. -EPIPE: the monitor is gone; -errno. */
int wire_send(int socket, enum wire_type type, const void *payload, size_t length, int fd);
