/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/site.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* First elements of the import paths of the standard library (go list std). A program's own may
 * have no dot either, so nothing less tells them apart. */
static const char *const standard[] = {
    "archive",  "bufio",   "bytes",   "cmp",      "compress", "container", "context", "crypto",
    "database", "debug",   "embed",   "encoding", "errors",   "expvar",    "flag",    "fmt",
    "go",       "hash",    "html",    "image",    "index",    "internal",  "io",      "iter",
    "log",      "maps",    "math",    "mime",     "net",      "os",        "path",    "plugin",
    "reflect",  "regexp",  "runtime", "slices",   "sort",     "strconv",   "strings", "structs",
    "sync",     "syscall", "testing", "text",     "time",     "unicode",   "unique",  "unsafe",
    "vendor",   "weak",
};

/* Those of them that only wait for others. */
static const char *const plumbing[] = {"internal", "runtime", "sync", "syscall"};

/* What a thread does that has no goroutine, above all of the frames below it: the scheduler looks
 * for one (findrunnable until 1.18), waits for its own to be run, or for the end of a stop of the
 * world; a system call came back and nothing was free to run on (exitsyscall0 until 1.25); the main
 * thread has nothing left to do; and the runtime's monitor. These call stopm() and mPark()
 * (runtime/proc.go). */
static const char *const schedulers[] = {
    "runtime.findRunnable",   "runtime.findrunnable", "runtime.stoplockedm",
    "runtime.startlockedm",   "runtime.gcstopm",      "runtime.exitsyscall0",
    "runtime.exitsyscallNoP", "runtime.mexit",        "runtime.sysmon",
    "runtime.templateThread",
};

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool begins_with_any(const char *function, const char *const *packages, size_t n)
{
    size_t length = strcspn(function, "./");

    if (!strncmp(function, "plugin/", strlen("plugin/")))
        return false; /* plugin/unnamed-HASH: what a plugin built from bare files is called */
    for (size_t i = 0; i < n; i++)
        if (strlen(packages[i]) == length && !strncmp(function, packages[i], length))
            return true;
    return false;
}

static uint32_t find(const struct frame *frames, uint32_t n, const char *const *packages,
                     size_t n_packages)
{
    uint32_t i = 0;

    while (i < n && frames[i].function && begins_with_any(frames[i].function, packages, n_packages))
        i++;
    return i;
}

/* The scheduler's own frame, or the outermost. */
static uint32_t find_scheduler(const struct frame *frames, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        for (size_t j = 0; j < LENGTH(schedulers); j++)
            if (frames[i].function && !strcmp(frames[i].function, schedulers[j]))
                return i;
    return n - 1;
}

uint32_t go_site_find(const struct frame *frames, uint32_t n)
{
    uint32_t site = find(frames, n, standard, LENGTH(standard));

    if (site == n)
        site = find(frames, n, plumbing, LENGTH(plumbing));
    if (site == n)
        site = n ? find_scheduler(frames, n) : 0;
    return site;
}
