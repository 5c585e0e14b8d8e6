/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small bounded readers of the texts in /proc. They take descriptors that the caller has opened
 * (see target_open_task()) and borrow them. The kernel writes these texts, but names in them (comm,
 * paths) are the target's and hold any byte.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PROCFS_LINE_MAX                                                                            \
    (16 * 1024)                   /* longer lines are skipped: "Groups:" can have 65,536 numbers */
#define PROCFS_UNKNOWN UINT64_MAX /* a number that the text does not have */

/* Reads one text whole and ends it with a NUL. -E2BIG: longer than `size` - 1. */
int procfs_read(int fd, char *buffer, size_t size, size_t *ret_length);

struct procfs_lines {
    int fd;
    size_t left; /* bytes that may still be read */
    size_t start, end;
    bool skipping; /* inside a line that is longer than the buffer */
    char buffer[PROCFS_LINE_MAX];
};

/* Goes through the lines of a text, but through `max_bytes` of it at most. */
void procfs_lines_start(struct procfs_lines *lines, int fd, size_t max_bytes);

/* The next line without its newline, valid until the next call; NULL at the end. */
char *procfs_lines_next(struct procfs_lines *lines);

/* The number in the `column`-th (from 0) field of `text`, fields being separated by blanks. False
 * and no result: no such field, or no number. */
bool procfs_column(const char *text, unsigned column, int base, uint64_t *ret_value);

/* Task flags in stat, include/linux/sched.h; unchanged since 2.6.27. */
#define PROCFS_PF_EXITING 0x00000004u
#define PROCFS_PF_KTHREAD 0x00200000u

/* From /proc/PID/stat or /proc/PID/task/TID/stat. To tell the former the kernel goes through all
 * threads at once. */
struct procfs_stat {
    char state;           /* R, S, D, T, t, Z, X, I ... */
    uint64_t flags;       /* PROCFS_PF_* and others */
    uint64_t start_ticks; /* since boot, 1 / sysconf(_SC_CLK_TCK) seconds */
};

/* -EINVAL: not such a text. */
int procfs_parse_stat(const char *text, struct procfs_stat *ret_stat);
int procfs_read_stat(int fd, struct procfs_stat *ret_stat);

/* From /proc/PID/status. What is missing there is PROCFS_UNKNOWN: a task without memory (a zombie,
 * a kernel thread) has no Vm lines. */
struct procfs_status {
    uint64_t tgid;
    uint64_t fsuid;
    uint64_t fsgid;
    uint64_t virtual_kib;
    uint64_t resident_kib;
    uint64_t swap_kib;
};

#define PROCFS_STATUS_UNKNOWN                                                                      \
    ((struct procfs_status){PROCFS_UNKNOWN, PROCFS_UNKNOWN, PROCFS_UNKNOWN, PROCFS_UNKNOWN,        \
                            PROCFS_UNKNOWN, PROCFS_UNKNOWN})

void procfs_parse_status_line(const char *line, struct procfs_status *status);
int procfs_read_status(int fd, struct procfs_status *ret_status);
