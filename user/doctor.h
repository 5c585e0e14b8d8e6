/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The command "doctor": says what this kernel, these privileges and, with --pid, these processes
 * allow, with a remedy for the rest.
 */
#pragma once

#include "options.h"

/* Prints to standard output. Returns the program's exit code: 1 when the main job cannot be done.
 */
int doctor_run(const struct options *options);
