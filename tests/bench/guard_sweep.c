/* SPDX-License-Identifier: Apache-2.0 */
/* Ten repeated scans of 1,000 threads that stay parked and are known: what watching costs while
 * nothing happens. */
#include "guard.h"

#include "analyst/follow.h"

#define THREADS 1000
#define SCANS   10

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
    follow_scan(follow);
    for (int i = 0; i < SCANS; i++) {
        follow_wait(follow, FOLLOW_SECOND);
        guard_measure(scan, follow);
        mailbox_collect(follow->mailbox);
        guard_need(follow->mailbox->n_messages == 1, "something was sent but the end of the scan");
    }
    guard_need(follow->mailbox->n_samples == THREADS, "threads are missing");
    follow_free(follow);
    return 0;
}
