/* SPDX-License-Identifier: Apache-2.0 */
/* What the waiters of groups wait on: all distinct things counted, the most waited-on listed. */
#pragma once

#include <stdint.h>

#include "names.h"
#include "report.h"
#include "table.h"

struct waits {
    struct table things;
    uint32_t last; /* of them, that was counted */
};

void waits_init(struct waits *waits);
void waits_free(struct waits *waits);

/* Counts what `sample`, of the group at `position`, waits on. -ENOMEM. */
int waits_add(struct waits *waits, uint32_t position, const struct sample *sample);

/* Of distinct things, each as one group waits on it. */
uint32_t waits_n(const struct waits *waits);

/* Fills in n_objects and waits of the groups from the things `at` to `end`. */
void waits_rank(const struct waits *waits, uint32_t at, uint32_t end, const struct names *names,
                struct group *groups);

/* Fills in same_detail likewise, once all are ranked. */
void waits_compare(const struct waits *waits, uint32_t at, uint32_t end, const struct names *names,
                   struct group *groups);

/* Tells anew, as of `now_ns`, what the owners in the groups' waits do, who are looked up among
 * `samples`; the texts are the groups' own: waits_release(). -ENOMEM. */
int waits_tell(const struct table *samples, const struct names *names, uint64_t now_ns,
               struct group *groups, uint32_t n_groups);

/* Frees the owners' texts of a group. */
void waits_release(struct group *group);
