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
static size_t choose(struct goroutines *goroutines, struct memo *ret_memos[static RENEW_MAX])
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

/* Reads the channels of a batch, between two looks at its g's. Who moved falls out of it. */
static int read_channels(struct goroutines *goroutines, struct memo **memos, size_t *n)
{
    struct subject *subjects = goroutines->subjects[0];
    size_t kept = 0;
    int r;

    r = godescribe_copy(goroutines, memos, *n);
    for (size_t i = 0; i < *n && !r; i++) {
        if (!is_on_channel(memos[i]) || !goroutines->copies[i].goid)
            continue;
        subjects[kept].goroutine = goroutines->copies[i];
        memos[kept++] = memos[i];
    }
    *n = kept;
    if (!r)
        r = describe_read_channels(goroutines->describer, subjects, kept);
    return r ? r : godescribe_copy(goroutines, memos, kept);
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
    struct memo *memos[RENEW_MAX];
    size_t n = choose(goroutines, memos);
    int r = n ? read_channels(goroutines, memos, &n) : 0;

    for (size_t i = 0; i < n && !r; i++)
        renew(goroutines, memos[i], &goroutines->subjects[0][i], &goroutines->copies[i]);
    return r;
}
