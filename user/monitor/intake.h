/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The gate of the monitor: checks one message from bytes alone. What passes has the lengths,
 * counts, enums and terminated strings that wire.h promises; whether the ids in it are known is
 * checked by who keeps them (store.h).
 */
#pragma once

#include "wire.h"

enum intake_source { INTAKE_PROBE, INTAKE_ANALYST };

/* No stack holds more resident memory than this: keeps sums of samples far from overflow. */
#define INTAKE_MEMORY_MAX (1ULL << 40)

/* Checks the type and length of a header, before its payload is read. 0 or -EBADMSG. */
int intake_check_header(enum intake_source source, const struct wire_header *header);

/* Checks a whole message; `payload` holds header->length bytes at any alignment. 0 or -EBADMSG. */
int intake_check(enum intake_source source, const struct wire_header *header, const void *payload);
