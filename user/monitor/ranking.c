/* SPDX-License-Identifier: Apache-2.0 */
/* Sites by their waiters. */
#include "ranking.h"

#include <errno.h>
#include <string.h>

#include "cleanup.h"
#include "hash.h"
#include "table.h"
#include "utf8.h"

/* Scans over which weights are smoothed: about ten minutes at 5 s. A site that was full for a
 * moment gives way to one that grows; one that is merely quiet for some scans keeps its column. */
#define SMOOTHING 128

/* The waiters of one scan at one site. */
struct site_count {
    uint64_t key;
    const struct group *group; /* one of them */
    uint64_t waiters;
};

static struct table_key site_count_key(const void *element)
{
    return (struct table_key){.low = ((const struct site_count *)element)->key};
}

static const struct table_type site_counts_type = {
    .size = sizeof(struct site_count),
    .max = WIRE_STACKS_MAX,
    .key = site_count_key,
};

static uint64_t key_of(const struct group *group)
{
    uint64_t key = hash_text(HASH_START, group->site);

    key = hash_text(key, group->stack->reason);
    key = hash_u64(key, group->stack->kind * 2 + (group->idle_rule != NULL));
    return key ? key : 1;
}

static int count_sites(const struct group *groups, size_t n, struct table *counts)
{
    for (size_t i = 0; i < n; i++) {
        struct site_count count = {
            .key = key_of(&groups[i]),
            .group = &groups[i],
            .waiters = groups[i].count,
        };
        struct site_count *known = table_find(counts, site_count_key(&count));
        int r = 0;

        if (known)
            known->waiters += groups[i].count;
        else
            r = table_add(counts, &count, NULL);
        if (r)
            return r;
    }
    return 0;
}

bool ranking_is_idle(size_t column)
{
    return column == RANKING_OTHER_IDLE || (column >= RANKING_SITES_MAX && column < RANKING_OWN);
}

size_t ranking_other(size_t column)
{
    return ranking_is_idle(column) ? RANKING_OTHER_IDLE : RANKING_OTHER;
}

/* All waiters of a target fit into one number. */
static_assert(WIRE_SAMPLES_MAX < UINT32_MAX, "UINT32_MAX stands for an unknown count");

/* Counts the sites that have columns, and takes them out of `counts`. */
static void count_own(struct ranking *ranking, struct table *counts,
                      struct ranking_counts *ret_counts)
{
    for (size_t i = 0; i < RANKING_OWN; i++) {
        struct ranked *own = &ranking->own[i];
        struct site_count *count = table_find(counts, (struct table_key){.low = own->key});

        if (!own->key)
            continue;
        if (count) {
            ret_counts->waiters[i] = (uint32_t)count->waiters;
            table_remove(counts, count);
        }
        own->weight += ((double)ret_counts->waiters[i] - own->weight) / SMOOTHING;
    }
}

/* The column that a new site could have: a free one, else that with the least weight. */
static size_t least_column(const struct ranking *ranking, bool idle)
{
    size_t first = idle ? RANKING_SITES_MAX : 0;
    size_t end = idle ? RANKING_OWN : RANKING_SITES_MAX;
    size_t least = first;

    for (size_t i = first; i < end && ranking->own[least].key; i++)
        if (!ranking->own[i].key || ranking->own[i].weight < ranking->own[least].weight)
            least = i;
    return least;
}

static void give_column(struct ranked *own, const struct site_count *count)
{
    const struct group *group = count->group;

    own->key = count->key;
    own->kind = group->stack->kind;
    own->weight = (double)count->waiters;
    utf8_clean(group->site, strlen(group->site), own->site, sizeof(own->site));
    utf8_clean(group->stack->reason, strlen(group->stack->reason), own->reason,
               sizeof(own->reason));
}

static void count_new(struct ranking *ranking, const struct site_count *count,
                      struct ranking_counts *ret_counts)
{
    size_t column = least_column(ranking, count->group->idle_rule);
    struct ranked *own = &ranking->own[column];
    uint32_t *other = &ret_counts->waiters[ranking_other(column)];

    if (own->key && own->weight >= (double)count->waiters) {
        *other += (uint32_t)count->waiters;
        return;
    }
    if (own->key) {
        *other += ret_counts->waiters[column];
        ret_counts->cleared[column] = true;
    }
    give_column(own, count);
    ret_counts->waiters[column] = (uint32_t)count->waiters;
}

int ranking_take(struct ranking *ranking, const struct group *groups, size_t n,
                 struct ranking_counts *ret_counts)
{
    CLEANUP(table_clear) struct table counts;
    const struct site_count *rest;
    int r;

    table_init(&counts, &site_counts_type);
    r = count_sites(groups, n, &counts);
    if (r)
        return r;
    *ret_counts = (struct ranking_counts){0};
    count_own(ranking, &counts, ret_counts);
    rest = counts.elements;
    for (uint32_t i = 0; i < counts.n; i++)
        count_new(ranking, &rest[i], ret_counts);
    return 0;
}
