/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Feeds any bytes to the monitor's gate and store, and reads all of the report that comes of them.
 *
 * An input is messages one behind the other, each with a byte before its header: who sends it, 0
 * the probe, 1 target 0's analyst, 2 target 1's; 3 replaces target 0's analyst and has no message.
 */
#include <stdlib.h>
#include <string.h>

#include "monitor/store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum sender { SENDER_PROBE, SENDER_FIRST, SENDER_SECOND, SENDER_REPLACE, SENDER_MAX };

static void check(int condition)
{
    if (!condition)
        abort();
}

static size_t check_text(const char *text)
{
    return text ? strlen(text) : 0;
}

static size_t check_group(const struct group *group)
{
    size_t n =
        check_text(group->site) + check_text(group->idle_rule) + check_text(group->stack->reason);

    check(group->count > 0 && group->oldest_ns >= group->newest_ns && group->newest_ns >= 0);
    check(group->at_least_ns >= 0 && group->at_least_ns <= group->oldest_ns);
    check(group->at_most_ns == -1 || group->at_most_ns >= group->oldest_ns);
    check(group->n_waits <= GROUP_WAITS_MAX && group->n_waits <= group->n_objects);
    check(group->min_count <= group->count && group->count <= group->max_count);
    for (uint32_t i = 0; i < group->stack->n_frames; i++)
        n += check_text(group->stack->frames[i].function) +
             check_text(group->stack->frames[i].file) + check_text(group->stack->frames[i].module);
    for (size_t i = 0; i < group->n_waits; i++)
        n += check_text(group->waits[i].detail) + check_text(group->waits[i].owner_text);
    return n;
}

static size_t check_report(struct store *store)
{
    const struct store_clocks now = {1, 1, 1.0};
    struct report report;
    size_t n = 0;

    store_report(store, &now, &report);
    for (size_t i = 0; i < report.n_targets; i++) {
        const struct target_report *target = &report.targets[i];

        n += check_text(target->name) + check_text(target->exe) + check_text(target->runtime);
        check(target->up || !target->n_groups);
        for (size_t k = 0; k < target->n_groups; k++)
            n += check_group(&target->groups[k]);
        for (size_t k = 0; k < target->n_deadlocks; k++)
            check(target->deadlocks[k].n_members > 0);
    }
    return n;
}

/* Takes one message off the input. Returns its bytes; 0: no whole one is left. */
static size_t feed(struct store *store, const uint8_t *data, size_t size)
{
    struct wire_header header;
    const uint8_t *payload = data + 1 + sizeof(header);

    if (data[0] % SENDER_MAX == SENDER_REPLACE) {
        store_analyst_reset(store, 0);
        return 1;
    }
    if (size < 1 + sizeof(header))
        return 0;
    memcpy(&header, data + 1, sizeof(header));
    if (header.length > size - 1 - sizeof(header))
        return 0;
    if (data[0] % SENDER_MAX == SENDER_PROBE)
        store_probe_message(store, &header, payload);
    else
        store_analyst_message(store, data[0] % SENDER_MAX - SENDER_FIRST, &header, payload);
    return 1 + sizeof(header) + header.length;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct store_options options = {.max_stacks = 2};
    struct store *store = NULL;

    check(!store_new(&options, &store));
    while (size) {
        size_t used = feed(store, data, size);

        if (!used)
            break;
        data += used;
        size -= used;
        check_report(store);
    }
    store_free(&store);
    return 0;
}
