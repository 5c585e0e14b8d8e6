/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/site.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* Modules that are no program's own, by the beginning of their name. */
static const char *const library_modules[] = {
    "[kernel]", "[vdso]",   "libc.so",      "libc-2.",    "libpthread",  "ld-linux",
    "ld-2.",    "ld-musl",  "libstdc++.so", "libc++",     "libgcc_s",    "libm.so",
    "librt.so", "libdl.so", "libasan.so",   "libtsan.so", "libubsan.so",
};

/* Templates and generics of a language's own library, which are compiled into the program. */
static const char *const language_prefixes[] = {
    "std::", "core::", "alloc::", "<std::", "<core::", "<alloc::", "__gthread_", "__gnu_cxx::",
};

/* In a static program the C library has only its names to be known by. Compared without leading
 * underscores; these by their beginning ... */
static const char *const libc_prefixes[] = {
    "GI_", "pthread_", "futex_", "lll_", "libc_", "nptl_", "new_sem_", "internal_syscall_",
};

/* ... and these as a whole. */
static const char *const libc_functions[] = {
    "accept",         "accept4",     "clock_nanosleep",
    "connect",        "epoll_pwait", "epoll_wait",
    "nanosleep",      "pause",       "poll",
    "ppoll",          "read",        "readv",
    "recv",           "recvfrom",    "recvmsg",
    "select",         "pselect",     "sem_wait",
    "sem_timedwait",  "send",        "sendmsg",
    "sendto",         "sigwait",     "sigwaitinfo",
    "sigtimedwait",   "sleep",       "start_thread",
    "syscall",        "timedwait",   "usleep",
    "wait",           "wait4",       "waitid",
    "waitpid",        "write",       "writev",
    "clone3",         "clone",       "start",
    "sigsuspend",     "cp_end",      "syscall_cp_c",
    "syscall_cp_asm",
};

static bool begins_with_any(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strncmp(text, list[i], strlen(list[i])))
            return true;
    return false;
}

static bool is_any(const char *text, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!strcmp(text, list[i]))
            return true;
    return false;
}

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static bool is_library_module(const struct frame *frame)
{
    return frame->module &&
           begins_with_any(frame->module, library_modules, LENGTH(library_modules));
}

static bool is_libc_name(const char *name)
{
    name += strspn(name, "_");
    return begins_with_any(name, libc_prefixes, LENGTH(libc_prefixes)) ||
           is_any(name, libc_functions, LENGTH(libc_functions));
}

/* No frame in a library: the C library is linked in, if it is there at all. */
static bool is_static(const struct frame *frames, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (is_library_module(&frames[i]) && frames[i].module[0] != '[')
            return false;
    return true;
}

static bool is_own(const struct frame *frame, bool without_libc)
{
    if (is_library_module(frame))
        return false;
    if (!frame->function)
        return true;
    if (begins_with_any(frame->function, language_prefixes, LENGTH(language_prefixes)))
        return false;
    return !without_libc || !is_libc_name(frame->function);
}

uint32_t site_find(const struct frame *frames, uint32_t n)
{
    bool without_libc = is_static(frames, n);

    for (uint32_t i = 0; i < n; i++)
        if (is_own(&frames[i], without_libc))
            return i;
    return 0;
}
