/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each role may do, and no more. Called once by each role when it has what it needs; there is
 * no way back. -EPERM and other -errno: then the role must not go on.
 */
#pragma once

/* Keeps CAP_BPF and CAP_PERFMON (iterators, counters), CAP_SYS_PTRACE and CAP_DAC_READ_SEARCH
 * (memory and files of other users' processes), CAP_CHECKPOINT_RESTORE (the file behind a mapping),
 * and CAP_SETUID, CAP_SETGID, CAP_KILL (to start and to end analysts), as far as it has them. */
int sandbox_probe(void);

/* Of these keeps what opens processes and files: CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH and
 * CAP_CHECKPOINT_RESTORE, and of the system calls those for reading: no openat() to write or make,
 * no socket, no process, no signal, of bpf() the iterators alone. */
int sandbox_reader(void);

/* No capability, user nobody (where it was root), no new privileges, and system calls for reading,
 * writing and memory only: no open, no socket, no process. Bounds its memory. */
int sandbox_analyst(void);

/* Likewise, but for what a screen on a terminal takes: it is drawn, and keys are read, but nothing
 * can be typed into it (TIOCSTI). */
int sandbox_screen(void);

/* Likewise, but for what serving connections that were listened for before takes. */
int sandbox_monitor(void);
