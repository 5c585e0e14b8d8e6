/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of a target, opened for its analyst, which reads them. The analyst names them, and it may
 * have been taken over by what it reads: so whatever it asks for, it gets a regular file that
 * begins as an ELF object, that the target has mapped or whose mode lets the target read it, and
 * that is none of the kernel's own (procfs has kcore!). Of a file's contents the first four bytes
 * are read here and nothing else.
 *
 * Nothing here waits for a FIFO, a device or a lease. A FUSE file system whose server does not
 * answer can hold up any look at its files, though: only readers call this (reader.h).
 */
#pragma once

#include "target.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILES_SIZE_MAX (4ll << 30)  /* bytes of one file */
#define FILES_MAPS_MAX (64ll << 20) /* bytes of the text of one /proc/PID/maps */

/* One line of /proc/PID/maps. */
struct files_mapping {
    uint64_t start, end;
    uint64_t device; /* major << 32 | minor */
    uint64_t inode;
    const char *path;
};

/*
 * Opens the file of a mapping: exactly the mapped one, even if it was deleted or replaced, where
 * this process has CAP_CHECKPOINT_RESTORE or CAP_SYS_ADMIN; else, or if the mapping has since been
 * split, what is at `path` in the target's root and has this device and inode. -ESTALE: another
 * file is there now; -EINVAL: no regular file; -EFBIG: above FILES_SIZE_MAX; -ENOEXEC: no ELF file;
 * -EACCES: found by path, and not readable for the target.
 */
int files_open_mapping(const struct target_id *target, pid_t live_tid,
                       const struct files_mapping *mapping, int *ret_fd);

/* Opens a file with debug information: at the absolute `path` in the target's root, or else, below
 * /usr/lib/debug/, in our own. Errors as above. */
int files_open_debug(const struct target_id *target, pid_t live_tid, const char *path, int *ret_fd);

/*
 * Says what the target's descriptor `fd` is: "/path", "pipe:[5]", "anon_inode:[eventpoll]", or of a
 * socket, where the tables of the thread's network namespace have it, "tcp 127.0.0.1:6379
 * listening". May hold any byte but NUL, is NUL-terminated, and cut at `size` - 1. -ENOENT: no such
 * descriptor.
 */
int files_describe(const struct target_id *target, pid_t live_tid, uint64_t fd, char *buffer,
                   size_t size);

/* A /proc/PID/maps being read piece by piece. */
struct files_maps {
    int fd;
    uint64_t offset;
};

#define FILES_MAPS_NONE ((struct files_maps){.fd = -1})

/*
 * Copies the text of the target's maps from `offset` on: 0 starts anew, anything else must go on
 * where the call before ended, else -ESPIPE. *ret_more: not the end yet. The kernel never cuts or
 * repeats a mapping between two reads of one descriptor; that it changes meanwhile is in the nature
 * of the text, and after an exec it ends early. -EFBIG: above FILES_MAPS_MAX.
 */
int files_maps(struct files_maps *maps, const struct target_id *target, pid_t live_tid,
               uint64_t offset, uint8_t *area, size_t area_size, uint64_t *ret_size,
               bool *ret_more);
void files_maps_close(struct files_maps *maps);
