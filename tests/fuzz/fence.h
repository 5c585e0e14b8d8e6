/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Around calls that lead into elfutils. Its authors ask not to feed it what cannot be trusted, and
 * parkwatch therefore does so in an analyst only, which may crash: so a crash whose innermost code
 * is elfutils' own is no finding here. It is passed over, and what it held is lost. Everything else
 * is one: crashes in our code, and all that takes too long or too much memory, wherever it is.
 *
 * In one fenced run after another such crashes leak; leaks are therefore not looked for here, but
 * in the unit tests.
 */
#pragma once

#include <dlfcn.h>
#include <execinfo.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#define FENCE_FRAMES 16

struct fence {
    sigjmp_buf out;
    volatile sig_atomic_t armed;
    bool installed;
    struct sigaction before[NSIG];
};

static struct fence fence;

const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "detect_leaks=0:handle_segv=1:handle_abort=1";
}

/* Whose code the innermost frame is that is not the C library's. */
static inline bool fence_is_elfutils(void)
{
    void *frames[FENCE_FRAMES];
    int n = backtrace(frames, FENCE_FRAMES);

    /* The handler itself and the C library's frame that called it come first. */
    for (int i = 2; i < n; i++) {
        Dl_info info;

        if (!dladdr(frames[i], &info) || !info.dli_fname || strstr(info.dli_fname, "libc.so"))
            continue;
        return strstr(info.dli_fname, "libdw") || strstr(info.dli_fname, "libelf");
    }
    return false;
}

static inline void fence_hit(int number, siginfo_t *info, void *context)
{
    const struct sigaction *before = &fence.before[number];

    if (fence.armed && fence_is_elfutils()) {
        fence.armed = 0;
        siglongjmp(fence.out, 1);
    }
    if (before->sa_flags & SA_SIGINFO)
        before->sa_sigaction(number, info, context);
    else
        signal(number, SIG_DFL);
}

/* Once the fuzzer has its handlers in place. */
static inline void fence_install(void)
{
    static const int numbers[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
    struct sigaction action = {.sa_sigaction = fence_hit, .sa_flags = SA_SIGINFO | SA_ONSTACK};

    if (fence.installed)
        return;
    fence.installed = true;
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        sigaction(numbers[i], &action, &fence.before[numbers[i]]);
}

static inline bool fence_begin(void)
{
    fence_install();
    fence.armed = 1;
    return true;
}

/* FENCE { calls } */
#define FENCE                                                                                      \
    for (bool fence_once = fence_begin() && !sigsetjmp(fence.out, 1); fence_once;                  \
         fence_once = false, fence.armed = 0)
