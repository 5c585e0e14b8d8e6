// SPDX-License-Identifier: Apache-2.0
// Names that would be markup, if anything took them for HTML: the process is called
// <b>"x"</b>&'y, and one thread reads in a function whose symbol is an image with a script. Built
// without debug information that would give a better name.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

static int empty[2];

__attribute__((noinline)) void markup(void) __asm__(
    "\"<img/src=x onerror=document.title='taken'><script>alert(1)</script>\"");

void markup(void)
{
    char byte;

    if (read(empty[0], &byte, 1) < 0)
        abort();
}

static void *worker(void *unused)
{
    markup();
    return unused;
}

int main(void)
{
    pthread_t thread;

    prctl(PR_SET_NAME, "<b>\"x\"</b>&'y");
    if (pipe(empty) || pthread_create(&thread, NULL, worker, NULL))
        return 1;
    puts("ready");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
}
