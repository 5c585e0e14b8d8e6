/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor's checks of one process.
 */
#pragma once

#include <sys/types.h>

#include "diagnosis.h"

/* Checks whether process `pid` can be attached to and read, as far as these privileges go. */
void checkup_process(struct diagnosis *diagnosis, pid_t pid);
