/* SPDX-License-Identifier: Apache-2.0 */
/* Why a process cannot be watched, in one line with what helps. */
#pragma once

#include <sys/types.h>

/* `error` is that of target_open(), bpf_link() or of the reader's first look. */
void refusal_log(pid_t pid, int error);
