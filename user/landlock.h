/* SPDX-License-Identifier: Apache-2.0 */
/* Landlock, the kernel's sandbox for processes without rights: here only as a closed door. */
#pragma once

/* From now on this process opens, makes, runs and removes no file by its name, binds and connects
 * no TCP socket, and reaches no abstract socket and signals no process of the outside, as far as
 * this kernel knows how. One that knows none of it, or has it switched off, is no error: it is the
 * second door, behind seccomp. To be called with no new privileges. 0 or -errno. */
int landlock_close(void);
