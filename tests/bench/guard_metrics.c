/* SPDX-License-Identifier: Apache-2.0 */
/* /metrics of a target with 100 stacks is written ten times. */
#include "guard_monitor.h"

#include "monitor/metrics.h"

#define SCRAPES 10

struct scrape_of {
    struct report report;
    FILE *out;
};

static void write_metrics(void *context)
{
    static const struct metrics_self self = {.cpu_seconds = 1, .resident_bytes = 2};
    struct scrape_of *scrape = context;

    for (int i = 0; i < SCRAPES; i++)
        guard_need(!metrics_write(&scrape->report, &self, METRICS_OPENMETRICS, scrape->out),
                   "metrics");
}

int main(void)
{
    struct scrape_of scrape;
    const struct store_clocks now = feed_clocks(FEED_START + 11 * FEED_SECOND);
    struct crowd crowd;
    char *text = NULL;
    size_t length;

    crowd_start(&crowd);
    crowd_scan(crowd.store, 1, FEED_START + 10 * FEED_SECOND);
    store_report(crowd.store, &now, &scrape.report);
    scrape.out = open_memstream(&text, &length);
    guard_measure(write_metrics, &scrape);
    fclose(scrape.out);
    guard_need(strstr(text, "wait_for_the_reply_of_backend_99"), "the oldest are missing");
    free(text);
    crowd_end(&crowd);
    return 0;
}
