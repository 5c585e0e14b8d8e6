/* SPDX-License-Identifier: Apache-2.0 */
/* Starts roles as children of the probe, with nothing of it but what they are given. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define ROLE_KEEP_MAX 64

struct role {
    const char *name;          /* as ps shows it; at most 15 bytes */
    int (*run)(void *context); /* in the child; its value becomes the exit status */
    void *context;
    const int *keep; /* descriptors that the child gets besides standard error */
    size_t n_keep;
    bool quiet; /* standard error is /dev/null, too: for a child that nothing may be able to end, so
                 * that nobody waits with it who reads the probe's output to its end */
    bool spare; /* can be started anew: without memory the kernel is to end it before others */
};

/* Whether roles that are spare can be marked so: 0, or -errno. -EACCES: a process that is not
 * root's and not dumpable may not, as one that has its capabilities from its file. Then the kernel
 * chooses among all roles by their size. */
int role_check_spare(void);

/* Forks. The child ends with the probe, however that ends, and leaves signals from the terminal to
 * it. Its standard input and output are /dev/null unless kept. */
int role_start(const struct role *role, pid_t *ret_pid);
