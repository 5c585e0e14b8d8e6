/* SPDX-License-Identifier: Apache-2.0 */
/* Counts the things that waiters wait on, in one table over all groups of a target. */
#include "waits.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "group.h"
#include "human.h"
#include "site.h"

/* A thing, as one group waits on it. There may be as many as samples: kept small. */
struct thing {
    uint64_t object;
    uint32_t position; /* of the group */
    uint32_t count;
    uint32_t owner;  /* 0: no sample knew */
    uint32_t detail; /* likewise; of several, which differ by the moment, any */
    uint32_t kind;   /* enum object_kind */
};

static struct table_key thing_key(const void *element)
{
    const struct thing *thing = element;

    return (struct table_key){.high = (uint64_t)thing->kind << 32 | thing->position,
                              .low = thing->object};
}

static const struct table_type things_type = {
    .size = sizeof(struct thing),
    .max = WIRE_SAMPLES_MAX,
    .key = thing_key,
};

void waits_init(struct waits *waits)
{
    table_init(&waits->things, &things_type);
    waits->last = 0;
}

void waits_free(struct waits *waits)
{
    table_clear(&waits->things);
}

int waits_add(struct waits *waits, uint32_t position, const struct sample *sample)
{
    struct thing thing = {
        .object = sample->object,
        .position = position,
        .count = 1,
        .owner = sample->owner,
        .detail = sample->detail,
        .kind = sample->object_kind,
    };
    struct thing *known;

    if (sample->object_kind == OBJECT_NONE)
        return 0;
    known = table_find_run(&waits->things, thing_key(&thing), &waits->last);
    if (!known)
        return table_add(&waits->things, &thing, NULL);
    known->count++;
    if (!known->owner)
        known->owner = sample->owner;
    if (!known->detail)
        known->detail = sample->detail;
    return 0;
}

/* Whether `thing` comes before `wait`: by waiters, then by what it is, so that the order is stable.
 */
static bool comes_before(const struct thing *thing, const struct waited_on *wait)
{
    if (thing->count != wait->count)
        return thing->count > wait->count;
    if (thing->object != wait->object)
        return thing->object < wait->object;
    return thing->kind < wait->kind;
}

/* Puts `thing` in its place among the group's most waited-on; the last one falls off a full list.
 */
static void rank(struct group *group, const struct thing *thing, const struct names *names)
{
    size_t at = group->n_waits;

    while (at > 0 && comes_before(thing, &group->waits[at - 1]))
        at--;
    if (at == GROUP_WAITS_MAX)
        return;
    if (group->n_waits < GROUP_WAITS_MAX)
        group->n_waits++;
    memmove(&group->waits[at + 1], &group->waits[at],
            (group->n_waits - at - 1) * sizeof(group->waits[0]));
    group->waits[at] = (struct waited_on){
        .kind = thing->kind,
        .object = thing->object,
        .count = thing->count,
        .owner = thing->owner,
        .detail = names_string(names, thing->detail),
    };
}

static bool same_text(const char *a, const char *b)
{
    return a == b || (a && b && !strcmp(a, b));
}

/* "parked 2h50m in write, flush cache.c:88"; *ret_text is NULL if the owner isn't parked. */
static int describe_owner(const struct table *samples, const struct names *names, uint64_t now_ns,
                          uint32_t owner, char **ret_text)
{
    const struct sample *sample = table_find(samples, sample_key(SAMPLE_THREAD, owner));
    const struct named_stack *stack = sample ? names_stack(names, sample->stack_id) : NULL;
    char site[256];
    uint64_t age;

    *ret_text = NULL;
    if (!stack)
        return 0;
    age = now_ns > sample->since_ns ? now_ns - sample->since_ns : 0;
    site_text(&stack->stack, site, sizeof(site));
    if (asprintf(ret_text, "parked %s in %s, %s", human_duration((int64_t)age).text,
                 stack->stack.reason, site) < 0) {
        *ret_text = NULL;
        return -ENOMEM;
    }
    return 0;
}

static int describe_owners(const struct table *samples, const struct names *names, uint64_t now_ns,
                           struct group *group)
{
    for (size_t i = 0; i < group->n_waits; i++) {
        char *text;
        int r;

        if (!group->waits[i].owner)
            continue;
        r = describe_owner(samples, names, now_ns, group->waits[i].owner, &text);
        if (r)
            return r;
        group->waits[i].owner_text = text;
    }
    return 0;
}

uint32_t waits_n(const struct waits *waits)
{
    return waits->things.n;
}

void waits_rank(const struct waits *waits, uint32_t at, uint32_t end, const struct names *names,
                struct group *groups)
{
    const struct thing *things = waits->things.elements;

    for (uint32_t i = at; i < end; i++) {
        struct group *group = &groups[things[i].position];

        group->n_objects++;
        group->same_detail = true;
        rank(group, &things[i], names);
    }
}

void waits_compare(const struct waits *waits, uint32_t at, uint32_t end, const struct names *names,
                   struct group *groups)
{
    const struct thing *things = waits->things.elements;

    for (uint32_t i = at; i < end; i++) {
        struct group *group = &groups[things[i].position];

        if (!same_text(names_string(names, things[i].detail), group->waits[0].detail))
            group->same_detail = false;
    }
}

void waits_release(struct group *group)
{
    for (size_t i = 0; i < group->n_waits; i++) {
        free((char *)group->waits[i].owner_text);
        group->waits[i].owner_text = NULL;
    }
}

int waits_tell(const struct table *samples, const struct names *names, uint64_t now_ns,
               struct group *groups, uint32_t n_groups)
{
    int r = 0;

    for (uint32_t i = 0; i < n_groups && !r; i++) {
        waits_release(&groups[i]);
        r = describe_owners(samples, names, now_ns, &groups[i]);
    }
    return r;
}
