/* SPDX-License-Identifier: Apache-2.0 */
/* Groups the samples of one target: one pass over them, with a look-up by stack for each, in steps.
 */
#include "group.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cleanup.h"
#include "room.h"
#include "site.h"
#include "waits.h"

static struct table_key sample_key_of(const void *element)
{
    const struct sample *sample = element;

    return sample_key(sample->kind, sample->id);
}

struct table_key sample_key(enum sample_kind kind, uint64_t id)
{
    return (struct table_key){.high = kind, .low = id};
}

const struct table_type samples_type = {
    .size = sizeof(struct sample),
    .max = WIRE_SAMPLES_MAX,
    .key = sample_key_of,
};

static struct table_key group_key(const void *element)
{
    const struct group *group = element;

    return (struct table_key){.low = group->stack->id};
}

static const struct table_type groups_type = {
    .size = sizeof(struct group),
    .max = WIRE_STACKS_MAX,
    .key = group_key,
};

#define EDGES_ROOM 64 /* at first */

struct grouping {
    const struct table *samples;
    const struct names *names;
    struct group_policy policy;
    size_t stage;
    uint32_t at;          /* of what the stage goes through */
    struct table table;   /* of groups, in the first stage */
    struct group *last;   /* in it, of the sample that was added last */
    struct groups groups; /* thereafter */
    struct waits waits;
};

static uint64_t age_at(uint64_t now_ns, uint64_t since_ns)
{
    return now_ns > since_ns ? now_ns - since_ns : 0;
}

/* The kernel's record tells a thread's age well enough. */
static bool thread_counts(const struct group_policy *policy, const struct sample *sample)
{
    return age_at(policy->now_ns, sample->since_ns) >= policy->threshold_ns;
}

/* Go keeps no exact start. A daemon has the time to wait for proof; a single look takes who stayed
 * parked while it looked and may have been for long enough. */
static bool goroutine_counts(const struct group_policy *policy, const struct sample *sample)
{
    if (!policy->threshold_ns || age_at(policy->now_ns, sample->seen_ns) >= policy->threshold_ns)
        return true;
    return !policy->proven && sample->seen_ns <= policy->throughout_ns &&
           age_at(policy->now_ns, sample->not_before_ns) >= policy->threshold_ns;
}

static bool (*const counts[SAMPLE_KIND_MAX])(const struct group_policy *policy,
                                             const struct sample *sample) = {
    [SAMPLE_THREAD] = thread_counts,
    [SAMPLE_GOROUTINE] = goroutine_counts,
};

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t after(uint64_t since_ns, uint64_t span_ns)
{
    uint64_t sum;

    return __builtin_add_overflow(since_ns, span_ns, &sum) ? UINT64_MAX : sum;
}

/* When a sample that does not count yet will, if it stays as it is. */
static uint64_t counts_from(const struct group_policy *policy, const struct sample *sample)
{
    uint64_t proven = after(sample->seen_ns, policy->threshold_ns);

    if (sample->kind == SAMPLE_THREAD)
        return after(sample->since_ns, policy->threshold_ns);
    if (policy->proven || sample->seen_ns > policy->throughout_ns)
        return proven;
    return earlier(proven, after(sample->not_before_ns, policy->threshold_ns));
}

/* Whether the ages of one that counts grow as the clock does: a park may have begun within the
 * scan, whose time is that of its start. */
static bool ages_evenly(const struct group_policy *policy, const struct sample *sample)
{
    return sample->since_ns <= policy->now_ns && sample->seen_ns <= policy->now_ns;
}

/* The group of a stack, new where it is the first; NULL in *ret_group: an unknown stack. */
static int find_group(struct grouping *grouping, uint64_t stack_id, struct group **ret_group)
{
    const struct named_stack *stack;
    struct group group;
    void *place;
    int r;

    *ret_group = table_find(&grouping->table, (struct table_key){.low = stack_id});
    if (*ret_group)
        return 0;
    stack = names_stack(grouping->names, stack_id);
    if (!stack)
        return 0;
    group = (struct group){
        .stack = &stack->stack,
        .newest_ns = INT64_MAX,
        .at_most_ns = -1,
        .idle_rule = stack->idle_rule,
    };
    site_text(&stack->stack, group.site, sizeof(group.site));
    r = table_add(&grouping->table, &group, &place);
    if (r)
        return r;
    *ret_group = place;
    return 0;
}

/* How old it is at most; -1: unknown. */
static int64_t upper_bound(const struct sample *sample, uint64_t now_ns, int64_t age)
{
    int64_t bound = (int64_t)age_at(now_ns, sample->not_before_ns);

    if (!sample->not_before_ns)
        return -1;
    return bound > age ? bound : age;
}

/* No bound is the widest. */
static int64_t wider(int64_t a, int64_t b)
{
    if (a < 0 || b < 0)
        return -1;
    return a > b ? a : b;
}

/* The group's upper bound is that of its oldest; among equally old ones of the one that may be
 * older. */
static void add_oldest(struct group *group, const struct sample *sample, uint64_t now_ns,
                       int64_t age)
{
    int64_t bound = upper_bound(sample, now_ns, age);

    if (!group->count || age > group->oldest_ns)
        group->at_most_ns = bound;
    else if (age == group->oldest_ns)
        group->at_most_ns = wider(group->at_most_ns, bound);
    if (age > group->oldest_ns)
        group->oldest_ns = age;
}

static bool comes_before(const struct waiter *a, const struct waiter *b)
{
    return a->age_ns != b->age_ns ? a->age_ns > b->age_ns : a->id < b->id;
}

/* Puts it in its place among the oldest; the last one falls off a full list. */
static void list_waiter(struct group *group, const struct waiter *waiter)
{
    size_t at = group->n_waiters;

    while (at > 0 && comes_before(waiter, &group->waiters[at - 1]))
        at--;
    if (at == GROUP_WAITERS_MAX)
        return;
    if (group->n_waiters < GROUP_WAITERS_MAX)
        group->n_waiters++;
    memmove(&group->waiters[at + 1], &group->waiters[at],
            (group->n_waiters - at - 1) * sizeof(group->waiters[0]));
    group->waiters[at] = *waiter;
}

static void add_sample(struct group *group, const struct sample *sample, uint64_t now_ns)
{
    int64_t age = (int64_t)age_at(now_ns, sample->since_ns);
    int64_t proven = (int64_t)age_at(now_ns, sample->seen_ns);

    list_waiter(group, &(struct waiter){sample->id, age});
    add_oldest(group, sample, now_ns, age);
    if (proven > age)
        proven = age;
    if (proven > group->at_least_ns)
        group->at_least_ns = proven;
    if (age < group->newest_ns)
        group->newest_ns = age;
    group->count++;
    group->rewaits += sample->rewaits;
    group->memory_bytes += sample->memory_bytes;
}

static int add_edge(struct groups *groups, const struct sample *sample)
{
    const size_t room = groups->edges_room ? 2 * groups->edges_room : EDGES_ROOM;
    struct wait_edge *grown;

    if (groups->n_edges == groups->edges_room) {
        grown = reallocarray(groups->edges, room, sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        groups->edges = grown;
        groups->edges_room = room;
    }
    groups->edges[groups->n_edges++] = (struct wait_edge){
        .tid = (uint32_t)sample->id,
        .owner = sample->owner,
        .object = sample->object,
        .since_ns = sample->since_ns,
        .stack_id = sample->stack_id,
    };
    return 0;
}

static bool is_edge(const struct sample *sample)
{
    return sample->kind == SAMPLE_THREAD && sample->owner;
}

/* One that counts; its group is *group where it is that of its neighbour, else *group is replaced.
 */
static int count_sample(struct grouping *grouping, const struct sample *sample,
                        struct group **group)
{
    const struct group_policy *policy = &grouping->policy;
    int r;

    if (!ages_evenly(policy, sample))
        grouping->groups.next_ns = policy->now_ns;
    grouping->groups.n_parked[sample->kind]++;
    /* Neighbours often stand at the same place. */
    if (!*group || (*group)->stack->id != sample->stack_id) {
        r = find_group(grouping, sample->stack_id, group);
        if (r || !*group)
            return r;
    }
    add_sample(*group, sample, policy->now_ns);
    return waits_add(&grouping->waits,
                     (uint32_t)(*group - (struct group *)grouping->table.elements), sample);
}

static uint32_t count_samples(const struct grouping *grouping)
{
    return grouping->samples->n;
}

static int add_all(struct grouping *grouping, const struct sample *all, uint32_t n)
{
    struct groups *groups = &grouping->groups;
    struct group *group = grouping->last;

    for (uint32_t i = 0; i < n; i++) {
        const struct sample *sample = &all[i];
        int r = is_edge(sample) ? add_edge(groups, sample) : 0;

        if (r)
            return r;
        if (counts[sample->kind](&grouping->policy, sample))
            r = count_sample(grouping, sample, &group);
        else
            groups->next_ns = earlier(groups->next_ns, counts_from(&grouping->policy, sample));
        if (r)
            return r;
    }
    grouping->last = group;
    return 0;
}

int grouping_add(struct grouping *grouping, const struct sample *sample)
{
    return add_all(grouping, sample, 1);
}

static int add_samples(struct grouping *grouping, uint32_t end)
{
    const struct sample *all = grouping->samples->elements;

    return add_all(grouping, &all[grouping->at], end - grouping->at);
}

static int compare_groups(const void *a, const void *b)
{
    const struct group *x = a;
    const struct group *y = b;

    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    if (x->oldest_ns != y->oldest_ns)
        return x->oldest_ns > y->oldest_ns ? -1 : 1;
    return (x->stack->id > y->stack->id) - (x->stack->id < y->stack->id);
}

int grouping_new(const struct table *samples, const struct names *names,
                 const struct group_policy *policy, struct grouping **ret_grouping)
{
    struct grouping *grouping = calloc(1, sizeof(*grouping));

    if (!grouping)
        return -ENOMEM;
    grouping->samples = samples;
    grouping->names = names;
    grouping->policy = *policy;
    grouping->groups.now_ns = policy->now_ns;
    grouping->groups.next_ns = UINT64_MAX;
    table_init(&grouping->table, &groups_type);
    waits_init(&grouping->waits);
    *ret_grouping = grouping;
    return 0;
}

void grouping_free(struct grouping **grouping)
{
    if (!*grouping)
        return;
    table_clear(&(*grouping)->table);
    waits_free(&(*grouping)->waits);
    groups_free(&(*grouping)->groups);
    free(*grouping);
    *grouping = NULL;
}

/* Groups grow no more: from here on they are known by their places in the list. */
static int list_groups(struct grouping *grouping)
{
    grouping->groups.n = grouping->table.n;
    grouping->groups.list = table_take(&grouping->table, &grouping->groups.room);
    return 0;
}

static uint32_t count_things(const struct grouping *grouping)
{
    return waits_n(&grouping->waits);
}

static int rank_things(struct grouping *grouping, uint32_t end)
{
    waits_rank(&grouping->waits, grouping->at, end, grouping->names, grouping->groups.list);
    return 0;
}

static int compare_things(struct grouping *grouping, uint32_t end)
{
    waits_compare(&grouping->waits, grouping->at, end, grouping->names, grouping->groups.list);
    return 0;
}

/* All things have found their groups, whose places may change now. */
static int sort_groups(struct grouping *grouping)
{
    struct groups *groups = &grouping->groups;
    int r = waits_tell(grouping->samples, grouping->names, groups->now_ns, groups->list,
                       (uint32_t)groups->n);

    if (!r && groups->n)
        qsort(groups->list, groups->n, sizeof(groups->list[0]), compare_groups);
    return r;
}

/* Each goes through so many, from `at` to the end of a step, and has its end. */
static const struct {
    uint32_t (*count)(const struct grouping *grouping);
    int (*take)(struct grouping *grouping, uint32_t end);
    int (*finish)(struct grouping *grouping); /* NULL: there is nothing to do */
} stages[] = {
    {count_samples, add_samples, list_groups},
    {count_things, rank_things, NULL},
    {count_things, compare_things, sort_groups},
};

#define STAGES (sizeof(stages) / sizeof(stages[0]))

static int end_stage(struct grouping *grouping)
{
    const size_t ended = grouping->stage++;
    int r = stages[ended].finish ? stages[ended].finish(grouping) : 0;

    grouping->at = 0;
    return r ? r : grouping->stage < STAGES;
}

static uint32_t end_of_step(uint32_t at, uint32_t n)
{
    return n - at > GROUPING_STEP ? at + GROUPING_STEP : n;
}

int grouping_step(struct grouping *grouping)
{
    const uint32_t n = stages[grouping->stage].count(grouping);
    const uint32_t end = end_of_step(grouping->at, n);
    int r = stages[grouping->stage].take(grouping, end);

    if (r)
        return r;
    grouping->at = end;
    return end < n ? 1 : end_stage(grouping);
}

void grouping_take(struct grouping *grouping, struct groups *ret_groups)
{
    *ret_groups = grouping->groups;
    grouping->groups = (struct groups){0};
}

bool groups_stand(const struct groups *groups, uint64_t now_ns)
{
    return groups->now_ns && now_ns >= groups->now_ns && now_ns < groups->next_ns;
}

int groups_age(struct groups *groups, const struct table *samples, const struct names *names,
               uint64_t now_ns)
{
    int64_t passed = (int64_t)(now_ns - groups->now_ns);

    groups->now_ns = now_ns;
    for (size_t i = 0; i < groups->n; i++) {
        struct group *group = &groups->list[i];

        group->oldest_ns += passed;
        group->newest_ns += passed;
        for (size_t j = 0; j < group->n_waiters; j++)
            group->waiters[j].age_ns += passed;
        group->at_least_ns += passed;
        if (group->at_most_ns >= 0)
            group->at_most_ns += passed;
    }
    return waits_tell(samples, names, now_ns, groups->list, (uint32_t)groups->n);
}

void groups_free(struct groups *groups)
{
    for (size_t i = 0; i < groups->n; i++)
        waits_release(&groups->list[i]);
    room_free(groups->list, groups->room);
    free(groups->edges);
    *groups = (struct groups){0};
}
