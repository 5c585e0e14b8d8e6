/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Labels that a program gave to its goroutines (runtime/pprof, Do and SetGoroutineLabels), as of Go
 * 1.24: g.labels leads to a labelMap, which is a list of pairs of strings (runtime/pprof/label.go;
 * since 1.26 internal/runtime/pprof/label). Before, it was a map[string]string, which is not read.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/memory.h"
#include "analyst/intern.h"
#include "sample.h"

#define LABELS_SET_SIZE   24  /* bytes of a labelMap: the header of a slice */
#define LABELS_SIZE       32  /* of each label: the headers of two strings */
#define LABELS_LENGTH_MAX 256 /* bytes of a key or a value */

/* Where the list is that the LABELS_SET_SIZE bytes of a labelMap lead to, and how many labels it
 * has; 0: none, or it is no labelMap, or one of more than STACK_LABELS_MAX. */
uint32_t labels_decode(const uint8_t *bytes, uint64_t *ret_address);

/* Reads the strings of the `n` labels at `list`. Returns how many labels there are: all, or 0 where
 * anything of them is odd. They are kept in `interns`. */
uint32_t labels_read(const struct go_memory *memory, struct interns *interns, const uint8_t *list,
                     uint32_t n, struct label ret_labels[static STACK_LABELS_MAX]);
