/* SPDX-License-Identifier: Apache-2.0 */
/* What the waiters of groups wait on: all distinct things counted, the most waited-on listed. */
#pragma once

#include <stdint.h>

#include "names.h"
#include "report.h"
#include "table.h"

struct waits {
    struct table things;
};

void waits_init(struct waits *waits);
void waits_free(struct waits *waits);

/* Counts what `sample`, of the group at `position`, waits on. -ENOMEM. */
int waits_add(struct waits *waits, uint32_t position, const struct sample *sample);

/* Fills in n_objects, same_detail and waits of all groups. What an owner does is looked up among
 * `samples`, as of `now_ns`; those texts are the groups' own: waits_release(). -ENOMEM. */
int waits_list(const struct waits *waits, const struct table *samples, const struct names *names,
               uint64_t now_ns, struct group *groups, uint32_t n_groups);

/* Tells anew, as of `now_ns`, what the owners in the groups' waits do. -ENOMEM. */
int waits_tell(const struct table *samples, const struct names *names, uint64_t now_ns,
               struct group *groups, uint32_t n_groups);

/* Frees the owners' texts of a group. */
void waits_release(struct group *group);
