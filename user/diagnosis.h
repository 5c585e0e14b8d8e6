/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the doctor finds, as aligned lines:
 *
 *     ok       kernel                 6.1.0-18-amd64
 *     reduced  CAP_SYS_PTRACE         not held: only processes of the same user can be read; ...
 *     missing  kernel types           /sys/kernel/btf/vmlinux: No such file or directory; use a...
 *     refused: parkwatch cannot work here, 1 missing, 1 reduced
 *
 * A line is printed as soon as it is known, so that the last one shows where a check hangs.
 */
#pragma once

#include <stdbool.h>
#include <stdio.h>

struct diagnosis {
    FILE *out;
    unsigned int n_reduced; /* works without, but tells less */
    unsigned int n_missing; /* does not work without */
};

void diagnosis_ok(struct diagnosis *diagnosis, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void diagnosis_reduced(struct diagnosis *diagnosis, const char *name, const char *remedy,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));
void diagnosis_missing(struct diagnosis *diagnosis, const char *name, const char *remedy,
                       const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Prints the line that sums up; false: something is missing. */
bool diagnosis_conclude(const struct diagnosis *diagnosis);
