/* SPDX-License-Identifier: Apache-2.0 */
/* The first scan of 1,000 parked threads, whose stacks end at once: all that a new waiter costs but
 * its unwinding. */
#include "guard.h"

#include "analyst/follow.h"

#define THREADS 1000

static void scan(void *context)
{
    struct follow *follow = context;
    struct wire_scan scan;

    guard_need(!follow_try(follow, &scan) && !outbox_scan(follow->outbox, &scan), "scan");
}

int main(void)
{
    struct follow *follow = follow_new(FOLLOW_SECOND);

    for (uint32_t i = 0; i < THREADS; i++)
        follow_add(follow, i + 1);
    guard_measure(scan, follow);
    mailbox_collect(follow->mailbox);
    guard_need(follow->mailbox->n_samples == THREADS, "threads are missing");
    follow_free(follow);
    return 0;
}
