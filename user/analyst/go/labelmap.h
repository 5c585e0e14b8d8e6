/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A map[string]string as Go laid maps out up to 1.23 (runtime/map.go: hmap, bmap), which was what
 * labels were kept in. A program does not change such a map once it has given it to a goroutine.
 */
#pragma once

#include <stdint.h>

#include "analyst/go/labels.h"
#include "analyst/go/memory.h"

#define LABELMAP_SIZE 48 /* bytes of an hmap */

/* How many labels the map has whose hmap this is; -EILSEQ: it is none, or has more than
 * STACK_LABELS_MAX. */
int labelmap_decode(const uint8_t *header);

/*
 * Collects the strings' headers, as a list of labels.h has them, in no order. Returns how many
 * labels there are: as many as the header says, or -EILSEQ, or -errno of the memory.
 */
int labelmap_read(const struct go_memory *memory, const uint8_t *header,
                  uint8_t ret_list[static STACK_LABELS_MAX * LABELS_SIZE]);
