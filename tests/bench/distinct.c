/* SPDX-License-Identifier: Apache-2.0 */
/*
 * distinct [N]: N threads (1000) that wait on one condition variable, each with a stack of its own:
 * of its frames each bit of its number chooses one of two functions.
 */
#include "../fixtures/fixture.h"

#define DISTINCT_MAX 60000 /* stacks of a target are bounded: WIRE_STACKS_MAX */
#define BITS         16

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t reply = PTHREAD_COND_INITIALIZER;

static void descend(struct parked *self, size_t number, unsigned bits);

FRAME static void left(struct parked *self, size_t number, unsigned bits)
{
    descend(self, number, bits);
}

FRAME static void right(struct parked *self, size_t number, unsigned bits)
{
    descend(self, number, bits);
}

FRAME static void wait_for_reply(struct parked *self)
{
    pthread_mutex_lock(&lock);
    for (;;)
        PARK(self, pthread_cond_wait(&reply, &lock));
}

FRAME static void descend(struct parked *self, size_t number, unsigned bits)
{
    if (!bits)
        wait_for_reply(self);
    else if (number & 1)
        right(self, number >> 1, bits - 1);
    else
        left(self, number >> 1, bits - 1);
}

static struct parked *threads;

static void *caller(void *self)
{
    descend(self, (size_t)((struct parked *)self - threads), BITS);
    return NULL;
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? strtoul(argv[1], NULL, 10) : 1000;

    fixture_begin();
    if (n < 1 || n > DISTINCT_MAX)
        fixture_die("1 to %d threads", DISTINCT_MAX);
    threads = calloc(n, sizeof(*threads));
    if (!threads)
        fixture_die("calloc: %m");
    for (size_t i = 0; i < n; i++) {
        threads[i] = (struct parked){
            .reason = "futex wait", .nr = SYS_futex, .object = &reply, .size = sizeof(reply)};
        fixture_thread_sized(caller, &threads[i], 4 * (size_t)PTHREAD_STACK_MIN);
    }
    fixture_ready(threads, n);
    fixture_stay();
}
