/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/park.h"

#include <stdbool.h>
#include <sys/syscall.h>

#include "reason.h"

static bool is_logical_wait(const struct thread_record *record)
{
    enum park_class class = reason_class_of(record);

    return (class == PARK_FUTEX_WAIT || class == PARK_FUTEX_LOCK || class == PARK_FUTEX_PI) &&
           (record->flags & RECORD_FOLLOWED) && record->park.wait_timeouts &&
           record->park.wait_address == record->regs[REGS_DI];
}

static void physical(const struct thread_record *record, struct sample *sample)
{
    bool exact = (record->flags & RECORD_FOLLOWED) && record->park.start_ns;

    sample->rewaits = 0;
    if (exact) {
        sample->since_ns = sample->seen_ns = sample->not_before_ns = record->park.start_ns;
        return;
    }
    sample->seen_ns = record->now_ns;
    sample->since_ns = sample->not_before_ns = record->arrival_ns;
    if (!record->arrival_ns || record->arrival_ns > record->now_ns) {
        sample->since_ns = record->now_ns;
        sample->not_before_ns = 0;
    }
}

static void logical(const struct thread_record *record, const struct earlier_wait *earlier,
                    uint64_t attach_ns, struct sample *sample)
{
    const struct park *park = &record->park;

    sample->rewaits = park->wait_timeouts;
    sample->not_before_ns = 0;
    if (park->wait_since_ns) {
        sample->since_ns = park->wait_since_ns;
        if (park->served)
            sample->not_before_ns = park->wait_since_ns;
    } else if (earlier->address == park->wait_address) {
        sample->since_ns = earlier->since_ns;
    } else {
        sample->since_ns = attach_ns;
    }
}

static bool is_wait(const struct thread_record *record)
{
    return reason_syscall(record) == SYS_futex && reason_class_of(record) != PARK_FUTEX_LOCK;
}

void park_since(const struct thread_record *record, struct earlier_wait *earlier,
                uint64_t attach_ns, struct sample *sample)
{
    physical(record, sample);
    if (is_logical_wait(record))
        logical(record, earlier, attach_ns, sample);
    if (is_wait(record))
        *earlier = (struct earlier_wait){record->regs[REGS_DI], sample->since_ns};
}
