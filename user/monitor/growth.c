/* SPDX-License-Identifier: Apache-2.0 */
/* Histories of groups over the scans. */
#include "growth.h"

#include <errno.h>

struct history {
    uint64_t stack_id;
    uint64_t first_ns;
    uint64_t first_count;
    uint64_t min_count;
    uint64_t max_count;
    uint64_t last_count;
    uint64_t last_scan; /* number of the last scan that had the group */
    uint32_t n_scans;
    bool shrank;
    bool has_series;
    bool gave_way; /* its series went to a group that is not idle, and it gets no other */
};

static struct table_key history_key(const void *element)
{
    const struct history *history = element;

    return (struct table_key){.low = history->stack_id};
}

static const struct table_type histories_type = {
    .size = sizeof(struct history),
    .max = WIRE_STACKS_MAX,
    .key = history_key,
};

void growth_init(struct growth *growth)
{
    growth->scans = 0;
    table_init(&growth->histories, &histories_type);
}

void growth_clear(struct growth *growth)
{
    growth->scans = 0;
    table_clear(&growth->histories);
}

static struct history *find(const struct growth *growth, const struct group *group)
{
    return table_find(&growth->histories, (struct table_key){.low = group->stack->id});
}

static int begin(struct growth *growth, uint64_t now_ns, const struct group *group,
                 struct history **ret_history)
{
    struct history history = {
        .stack_id = group->stack->id,
        .first_ns = now_ns,
        .first_count = group->count,
        .min_count = group->count,
        .max_count = group->count,
        .last_count = group->count,
    };
    void *place;
    int r = table_add(&growth->histories, &history, &place);

    if (r)
        return r;
    *ret_history = place;
    return 0;
}

static void note(struct history *history, uint64_t scan, uint64_t count)
{
    if (count < history->last_count)
        history->shrank = true;
    if (count < history->min_count)
        history->min_count = count;
    if (count > history->max_count)
        history->max_count = count;
    history->last_count = count;
    history->last_scan = scan;
    if (history->n_scans < UINT32_MAX)
        history->n_scans++;
}

static void claim(const struct history *history, uint64_t now_ns, struct group *group)
{
    group->first_count = history->first_count;
    group->min_count = history->min_count;
    group->max_count = history->max_count;
    group->observed_ns = now_ns > history->first_ns ? (int64_t)(now_ns - history->first_ns) : 0;
    group->growing = history->n_scans >= GROWTH_SCANS_MIN && !history->shrank &&
                     history->last_count > history->first_count;
}

/* Forgets groups that this scan did not have. Returns how many of the others have series. */
static size_t forget(struct growth *growth)
{
    struct history *histories = growth->histories.elements;
    size_t n_series = 0;

    for (uint32_t i = growth->histories.n; i-- > 0;) {
        if (histories[i].last_scan != growth->scans)
            table_remove(&growth->histories, &histories[i]);
        else if (histories[i].has_series)
            n_series++;
    }
    return n_series;
}

/* Takes its series from the last of the idle groups that has one. False: none has. */
static bool take_from_idle(const struct growth *growth, const struct group *groups, size_t *n)
{
    while (*n > 0) {
        const struct group *group = &groups[--*n];
        struct history *history = group->idle_rule ? find(growth, group) : NULL;

        if (history && history->has_series) {
            history->has_series = false;
            history->gave_way = true;
            return true;
        }
    }
    return false;
}

/* Groups that are not idle first. `n_free` places are not taken. */
static void give_series(const struct growth *growth, size_t n_free, struct group *groups, size_t n)
{
    size_t n_to_search = n;

    for (size_t i = 0; i < n; i++) {
        struct history *history = groups[i].idle_rule ? NULL : find(growth, &groups[i]);

        if (!history || history->has_series)
            continue;
        if (n_free > 0)
            n_free--;
        else if (!take_from_idle(growth, groups, &n_to_search))
            break;
        history->has_series = true;
    }
    for (size_t i = 0; i < n; i++) {
        struct history *history = find(growth, &groups[i]);

        if (!history)
            continue;
        if (!history->has_series && !history->gave_way && n_free > 0) {
            history->has_series = true;
            n_free--;
        }
        groups[i].has_series = history->has_series;
    }
}

int growth_update(struct growth *growth, uint64_t now_ns, size_t max_series, struct group *groups,
                  size_t n)
{
    size_t n_taken;
    int ret = 0;

    growth->scans++;
    for (size_t i = 0; i < n; i++) {
        struct history *history = find(growth, &groups[i]);
        int r = history ? 0 : begin(growth, now_ns, &groups[i], &history);

        if (r) {
            ret = r;
            continue;
        }
        note(history, growth->scans, groups[i].count);
        claim(history, now_ns, &groups[i]);
    }
    n_taken = forget(growth);
    give_series(growth, max_series > n_taken ? max_series - n_taken : 0, groups, n);
    return ret;
}
