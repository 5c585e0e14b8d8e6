/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Operations whose price a tracer changes. Reads lines "OPERATION COUNT" from standard input and
 * answers each with the nanoseconds of CPU time that one operation took, on average:
 *
 *   switch   a context switch: two threads hand a byte to and fro through two pipes
 *   getppid  a syscall that nobody is interested in
 *   futex    a futex wait that ends at once, with EAGAIN
 *
 * A tenth of the count comes before, unmeasured. Pin the process to one CPU: else the threads of
 * "switch" wake each other across CPUs, and the price is that of an interrupt.
 */
#include <errno.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define WARM_UP 10 /* part of the count */

static int to_partner[2], from_partner[2];

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static void *answer(void *unused)
{
    char byte;

    while (read(to_partner[0], &byte, 1) == 1)
        if (write(from_partner[1], &byte, 1) != 1)
            die("write");
    return unused;
}

/* Two of them: there and back. */
static void switch_twice(void)
{
    char byte = 0;

    if (write(to_partner[1], &byte, 1) != 1 || read(from_partner[0], &byte, 1) != 1)
        die("pipe");
}

static void get_parent(void)
{
    syscall(SYS_getppid);
}

static void wait_in_vain(void)
{
    static uint32_t word;

    if (syscall(SYS_futex, &word, FUTEX_WAIT_PRIVATE, 1, NULL) != -1 || errno != EAGAIN)
        die("futex");
}

struct operation {
    const char *name;
    void (*run)(void);
    unsigned long weight; /* operations in one run */
};

static const struct operation operations[] = {
    {"switch", switch_twice, 2},
    {"getppid", get_parent, 1},
    {"futex", wait_in_vain, 1},
};

static void repeat(const struct operation *operation, unsigned long n)
{
    for (unsigned long i = 0; i < n; i += operation->weight)
        operation->run();
}

static void measure(const struct operation *operation, unsigned long n)
{
    uint64_t start;

    repeat(operation, n / WARM_UP);
    start = cpu_ns();
    repeat(operation, n);
    printf("%.2f\n", (double)(cpu_ns() - start) / (double)n);
    fflush(stdout);
}

static const struct operation *find(const char *name)
{
    for (size_t i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
        if (!strcmp(operations[i].name, name))
            return &operations[i];
    return NULL;
}

int main(void)
{
    char line[64], name[16];
    unsigned long n;
    pthread_t partner;

    if (pipe(to_partner) || pipe(from_partner))
        die("pipe");
    if (pthread_create(&partner, NULL, answer, NULL))
        die("pthread_create");
    while (fgets(line, sizeof(line), stdin)) {
        if (sscanf(line, "%15s %lu", name, &n) != 2 || !n || !find(name)) {
            fprintf(stderr, "load: what is '%s'?\n", line);
            return 2;
        }
        measure(find(name), n);
    }
    return 0;
}
