/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels that a program gave to its goroutines (runtime/pprof, Do and SetGoroutineLabels).
 *
 * g.labels leads to a labelMap (runtime/pprof/label.go; since 1.26 internal/runtime/pprof/label).
 * Since Go 1.24 that is a list of pairs of strings. Before, it was a map[string]string: labelmap.h.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/memory.h"
#include "analyst/intern.h"
#include "sample.h"

#define LABELS_SET_SIZE    24                       /* bytes of a labelMap: the header of a slice */
#define LABELS_MAP_SIZE    8                        /* of one that is a map */
#define LABELS_STRING_SIZE 16                       /* the header of a string */
#define LABELS_SIZE        (2 * LABELS_STRING_SIZE) /* of each label */
#define LABELS_LENGTH_MAX  256                      /* bytes of a key or a value */

/* Where the list is that the LABELS_SET_SIZE bytes of a labelMap lead to. Returns how many labels
 * it has; -EILSEQ: it is no labelMap, or one of more than STACK_LABELS_MAX. */
int labels_decode(const uint8_t *bytes, uint64_t *ret_address);

/*
 * Reads the strings of the `n` labels in `list`. They are kept in `interns`. Returns how many
 * labels there are: all, or -EILSEQ where anything of them is odd, or -errno of the memory.
 */
int labels_read(const struct go_memory *memory, struct interns *interns, const uint8_t *list,
                uint32_t n, struct label ret_labels[static STACK_LABELS_MAX]);

/* Orders labels by their keys, for a map has no order. -EILSEQ: two have the same key, which no map
 * has. */
int labels_sort(struct label *labels, uint32_t n);
