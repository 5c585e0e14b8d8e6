/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/schedule.h"

#define SECOND_NS      1000000000ll
#define OBSERVE_MAX_NS (2 * SECOND_NS) /* of a report, unless its duration is given */

static int64_t observation(const struct options *options)
{
    if (options->duration_ns >= 0)
        return options->duration_ns;
    return options->threshold_ns < OBSERVE_MAX_NS ? options->threshold_ns : OBSERVE_MAX_NS;
}

bool schedule_is_one_look(enum command command, const struct options *options)
{
    return command == COMMAND_REPORT && !observation(options);
}

void schedule_start(struct schedule *schedule, enum command command, const struct options *options,
                    uint64_t now_ns)
{
    *schedule = (struct schedule){.next_ns = now_ns, .interval_ns = options->interval_ns};
    if (command != COMMAND_REPORT)
        return;
    schedule->interval_ns = SECOND_NS;
    schedule->end_ns = now_ns + observation(options);
}

enum schedule_due schedule_due(struct schedule *schedule, uint64_t now_ns, bool idle)
{
    if (schedule->ended || now_ns < schedule->next_ns)
        return SCHEDULE_WAIT;
    if (schedule->end_ns && now_ns >= schedule->end_ns) {
        schedule->ended = idle;
        return idle ? SCHEDULE_LAST_SCAN : SCHEDULE_WAIT;
    }
    /* Missed ones are not made up for. */
    schedule->next_ns += schedule->interval_ns;
    if (schedule->next_ns <= now_ns)
        schedule->next_ns = now_ns + schedule->interval_ns;
    if (schedule->end_ns && schedule->next_ns > schedule->end_ns)
        schedule->next_ns = schedule->end_ns;
    return SCHEDULE_SCAN;
}

int schedule_timeout_ms(const struct schedule *schedule, uint64_t now_ns)
{
    if (schedule->ended)
        return -1;
    if (now_ns < schedule->next_ns)
        return (int)((schedule->next_ns - now_ns + 999999) / 1000000);
    /* Due already, but a scan is under way: its end wakes the caller. */
    return -1;
}
