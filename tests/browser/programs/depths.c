// SPDX-License-Identifier: Apache-2.0
// depths N: N threads that read from an empty pipe, each in a stack of its own: the first one calls
// deeper() once, the next one twice, and so on, so that N groups differ.
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define STACK_SIZE (256 * 1024)

static int empty[2];

__attribute__((noinline)) static int deeper(intptr_t depth)
{
    char byte;
    volatile int result = 0;

    if (depth > 1)
        result = deeper(depth - 1);
    else
        result = (int)read(empty[0], &byte, 1);
    return result;
}

static void *worker(void *depth)
{
    deeper((intptr_t)depth);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_attr_t attributes;
    int n = argc > 1 ? atoi(argv[1]) : 1;

    if (pipe(empty) || pthread_attr_init(&attributes) ||
        pthread_attr_setstacksize(&attributes, STACK_SIZE))
        return 1;
    for (intptr_t i = 1; i <= n; i++) {
        pthread_t thread;

        if (pthread_create(&thread, &attributes, worker, (void *)i))
            return 1;
    }
    puts("ready");
    fflush(stdout);
    return getchar() == EOF ? 0 : 1;
}
