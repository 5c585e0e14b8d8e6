/* SPDX-License-Identifier: Apache-2.0 */
/* 20,000 samples at 100 stacks are grouped ten times, as at the end of each scan that changed one.
 */
#include "guard_monitor.h"

#define SCANS 10

static void group(void *context)
{
    struct crowd *crowd = context;

    for (uint64_t i = 1; i <= SCANS; i++) {
        guard_need(!feed_threads(crowd->store, 0, CROWD_STRINGS, i, 1, FEED_START), "a sample");
        crowd_scan(crowd->store, i, FEED_START + (i + 9) * FEED_SECOND);
    }
}

int main(void)
{
    struct crowd crowd;
    const struct store_clocks now = feed_clocks(FEED_START + 20 * FEED_SECOND);
    struct report report;

    crowd_start(&crowd);
    guard_measure(group, &crowd);
    store_report(crowd.store, &now, &report);
    guard_need(report.targets[0].n_groups == CROWD_STACKS, "groups are missing");
    crowd_end(&crowd);
    return 0;
}
