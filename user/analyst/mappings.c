/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/mappings.h"

#include <errno.h>
#include <stdlib.h>

#include "cleanup.h"

struct mappings {
    struct remote *remote;
    struct maps all;
    bool has_all;            /* they count */
    bool given;              /* mappings_renew() did */
    unsigned int n_readings; /* of all, in this scan */
    uint64_t code;
    struct maps some; /* those that were asked for last */
    bool only_all;    /* the kernel cannot be asked for some */
};

int mappings_new(struct remote *remote, struct mappings **ret_mappings)
{
    struct mappings *mappings = calloc(1, sizeof(*mappings));

    if (!mappings)
        return -ENOMEM;
    mappings->remote = remote;
    *ret_mappings = mappings;
    return 0;
}

void mappings_free(struct mappings **mappings)
{
    if (!*mappings)
        return;
    mappings_rest(*mappings);
    free(*mappings);
    *mappings = NULL;
}

void mappings_begin(struct mappings *mappings)
{
    mappings->has_all = false;
    mappings->n_readings = 0;
}

void mappings_doubt(struct mappings *mappings)
{
    mappings->has_all = false;
}

void mappings_rest(struct mappings *mappings)
{
    maps_free(&mappings->all);
    maps_free(&mappings->some);
    mappings->has_all = false;
}

int mappings_all(struct mappings *mappings, const struct maps **ret_maps)
{
    AUTO_FREE char *text = NULL;
    struct maps maps;
    size_t length;
    int r;

    *ret_maps = &mappings->all;
    if (mappings->has_all)
        return 0;
    mappings->n_readings++;
    r = remote_maps(mappings->remote, REMOTE_MAPS_MAX, &text, &length);
    if (!r)
        r = maps_parse(text, length, &maps);
    if (r)
        return r;
    maps_free(&mappings->all);
    mappings->all = maps;
    mappings->has_all = true;
    mappings->given = false;
    mappings->code = maps_hash_code(&maps);
    return 0;
}

uint64_t mappings_code(const struct mappings *mappings)
{
    return mappings->code;
}

static int by_address(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return (one > other) - (one < other);
}

static int ask(struct mappings *mappings, uint64_t *addresses, size_t n)
{
    const char *text;
    size_t length;
    int r;

    maps_free(&mappings->some);
    qsort(addresses, n, sizeof(*addresses), by_address);
    r = remote_mapped(mappings->remote, addresses, n, &text, &length);
    return r ? r : maps_parse(text, length, &mappings->some);
}

static int ask_or_read(struct mappings *mappings, uint64_t *addresses, size_t n,
                       const struct maps **ret_maps)
{
    int r = mappings->only_all ? -ENOTTY : ask(mappings, addresses, n);

    mappings->only_all = r == -ENOTTY;
    if (mappings->only_all)
        return mappings_all(mappings, ret_maps);
    *ret_maps = &mappings->some;
    return r;
}

int mappings_at(struct mappings *mappings, uint64_t *addresses, size_t n,
                const struct maps **ret_maps)
{
    return mappings->has_all ? mappings_all(mappings, ret_maps)
                             : ask_or_read(mappings, addresses, n, ret_maps);
}

int mappings_find(struct mappings *mappings, uint64_t address, const struct mapping **ret_mapping)
{
    const struct maps *maps;
    int r = ask_or_read(mappings, &address, 1, &maps);

    if (r)
        return r;
    *ret_mapping = maps_find(maps, address);
    return 0;
}

int mappings_renew(struct mappings *mappings, const struct maps **ret_maps)
{
    int r;

    if (mappings->given && !mappings->only_all)
        mappings->has_all = false;
    if (!mappings->has_all && mappings->n_readings >= MAPPINGS_READINGS_MAX)
        return -EBUSY;
    if (mappings->has_all && mappings->given)
        return -EBUSY;
    r = mappings_all(mappings, ret_maps);
    mappings->given = !r;
    return r;
}
