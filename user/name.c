/* SPDX-License-Identifier: Apache-2.0 */
#include "name.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cleanup.h"
#include "probe/procfs.h"

static void cleanup_directory(DIR **directory)
{
    if (*directory)
        closedir(*directory);
}

/* Opens /proc/PID/NAME. */
static int open_of(pid_t pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool has_name(pid_t pid, const char *name)
{
    AUTO_CLOSE int fd = open_of(pid, "comm");
    char comm[OPTIONS_NAME_MAX + 1]; /* and the newline that the kernel appends */
    size_t length;

    return fd >= 0 && !procfs_read(fd, comm, sizeof(comm), &length) && length == strlen(name) + 1 &&
           !strncmp(comm, name, length - 1);
}

static bool can_be_watched(pid_t pid)
{
    AUTO_CLOSE int fd = open_of(pid, "stat");
    struct procfs_stat stat;

    return pid != getpid() && fd >= 0 && !procfs_read_stat(fd, &stat) && stat.state != 'Z' &&
           stat.state != 'X' && !(stat.flags & PROCFS_PF_KTHREAD);
}

static bool is_there(const struct options *options, pid_t pid)
{
    for (size_t i = 0; i < options->n_pids; i++)
        if (options->pids[i] == pid)
            return true;
    return false;
}

static int add_named(struct options *options, DIR *proc, const char *name)
{
    const struct dirent *entry;
    int r = -ESRCH;

    rewinddir(proc);
    while ((entry = readdir(proc))) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;

        if (!pid || !has_name(pid, name) || !can_be_watched(pid))
            continue;
        r = 0;
        if (is_there(options, pid))
            continue;
        if (options->n_pids == RECORD_TARGETS_MAX)
            return -E2BIG;
        options->pids[options->n_pids++] = pid;
    }
    return r;
}

int name_resolve(struct options *options, char ret_why[static NAME_WHY_MAX])
{
    CLEANUP(cleanup_directory) DIR *proc = NULL;
    int r = 0;

    if (!options->n_names)
        return 0;
    proc = opendir("/proc");
    if (!proc) {
        r = -errno;
        snprintf(ret_why, NAME_WHY_MAX, "cannot read /proc: %s", strerror(-r));
        return r;
    }
    for (size_t i = 0; i < options->n_names && !r; i++) {
        r = add_named(options, proc, options->names[i]);
        if (r == -ESRCH)
            snprintf(ret_why, NAME_WHY_MAX,
                     "no process has the name '%s'; 'ps -e' lists those there are",
                     options->names[i]);
        else if (r)
            snprintf(ret_why, NAME_WHY_MAX,
                     "with the name '%s' there are more than %d processes; name some by PID",
                     options->names[i], RECORD_TARGETS_MAX);
    }
    return r;
}
