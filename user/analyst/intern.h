/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of one target, each kept once and as long as the set. */
#pragma once

#include <stddef.h>

struct interns;

#define INTERNS_BYTES_MAX  (64 * 1024 * 1024) /* of all strings of one set together */
#define INTERNS_LENGTH_MAX 4095               /* longer strings are cut; as WIRE_STRING_MAX */

int interns_new(struct interns **ret_interns);
void interns_free(struct interns **interns);

/* The kept string that equals `text`, or NULL: the set is full, or out of memory. */
const char *interns_keep(struct interns *interns, const char *text);
