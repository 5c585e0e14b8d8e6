/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/pace.h"

#define SHARE     10 /* a scan may take this part of the time to the next one */
#define CALM_PART 20 /* or this, once the interval is stretched: else it would go to and fro */

void pace_init(struct pace *pace, uint64_t interval_ns)
{
    *pace = (struct pace){.interval_ns = interval_ns, .stretch = 1};
}

bool pace_tick(struct pace *pace)
{
    pace->passed++;
    return pace->passed >= pace->stretch;
}

void pace_begin(struct pace *pace)
{
    pace->passed = 0;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* Intervals, rounded up: to the next one at which anything can be asked for. */
static uint64_t needed(const struct pace *pace, uint64_t took_ns)
{
    uint64_t wanted_ns = took_ns * SHARE;

    if (pace_is_stretched(pace) && took_ns * CALM_PART > pace->interval_ns)
        wanted_ns = wanted_ns > pace->interval_ns ? wanted_ns : pace->interval_ns + 1;
    wanted_ns = smaller(wanted_ns, PACE_INTERVAL_MAX_NS);
    return wanted_ns > pace->interval_ns ? 1 + (wanted_ns - 1) / pace->interval_ns : 1;
}

bool pace_end(struct pace *pace, uint64_t took_ns)
{
    uint64_t before = pace->stretch;

    if (!pace->interval_ns)
        return false;
    pace->stretch = needed(pace, smaller(took_ns, pace->took_ns));
    pace->took_ns = took_ns;
    return pace->stretch != before;
}

uint64_t pace_interval(const struct pace *pace)
{
    return pace->interval_ns * pace->stretch;
}

bool pace_is_stretched(const struct pace *pace)
{
    return pace->stretch > 1;
}
