/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/goscan.h"

#define RENEW_MAX       512   /* goroutines of a scan whose channels are looked at anew */
#define RENEW_STEPS_MAX 16384 /* memos of a scan that are gone through for them */

/* How many others wait on its channel may change while its park goes on. */
static bool is_on_channel(const struct memo *memo)
{
    return memo->object_kind == OBJECT_CHANNEL && (memo->flags & MEMO_SENT);
}

/* Some in each scan, all of them in turn. */
static size_t choose(struct goroutines *goroutines, struct memo **ret_memos)
{
    struct memos *memos = &goroutines->memos;
    size_t steps = memos->n < RENEW_STEPS_MAX ? memos->n : RENEW_STEPS_MAX, n = 0;

    for (; steps && n < RENEW_MAX; steps--) {
        if (goroutines->renewed_at >= memos->n)
            goroutines->renewed_at = 0;
        if (is_on_channel(&memos->all[goroutines->renewed_at]))
            ret_memos[n++] = &memos->all[goroutines->renewed_at];
        goroutines->renewed_at++;
    }
    return n;
}

/* Reads the channels of a lot, between two looks at its g's. Who moved falls out of it. */
static int read_channels(struct goroutines *goroutines, struct lot *lot)
{
    size_t kept = 0;
    int r;

    r = godescribe_copy(goroutines, lot);
    for (size_t i = 0; i < lot->n && !r; i++) {
        if (!is_on_channel(lot->memos[i]) || !lot->copies[i].goid)
            continue;
        lot->subjects[kept].goroutine = lot->copies[i];
        lot->memos[kept++] = lot->memos[i];
    }
    lot->n = kept;
    if (!r)
        r = subjects_read_channels(goroutines->reader, lot->subjects, lot->n);
    return r ? r : godescribe_copy(goroutines, lot);
}

static void renew(struct goroutines *goroutines, struct memo *memo, struct subject *subject,
                  const struct goroutine *now)
{
    if (!subject->has_channel || !is_on_channel(memo) || !goroutine_stood(&subject->goroutine, now))
        return;
    describe_channel(goroutines->describer, subject);
    if (memo->detail == subject->detail)
        return;
    memo->detail = subject->detail;
    godescribe_put(goroutines, memo);
}

int gorenew_channels(struct goroutines *goroutines)
{
    struct lot *lot = &goroutines->lots[0];
    int r;

    lot->n = choose(goroutines, lot->memos);
    r = lot->n ? read_channels(goroutines, lot) : 0;
    for (size_t i = 0; i < lot->n && !r; i++)
        renew(goroutines, lot->memos[i], &lot->subjects[i], &lot->copies[i]);
    return r;
}
