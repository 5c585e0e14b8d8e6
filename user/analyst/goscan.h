/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts behind goroutines.h share: for them alone. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/cycles.h"
#include "analyst/go/describe.h"
#include "analyst/go/gather.h"
#include "analyst/go/memos.h"
#include "analyst/goroutines.h"

#define LOOK_BATCH 16384 /* g's looked at together */
#define NEWS_MAX   4096  /* of a scan; beyond them all memos are gone through */

/* What becomes of a memo whose look told nothing: the g could not be read, or it was copied while
 * it was being written. */
enum torn {
    TORN_LEFT,   /* it stays as it is */
    TORN_MARKED, /* it is to be looked at once more */
    TORN_LOST,   /* that was the last look of this scan */
};

/* One reading of many g's: whose they are, and what to make of them. */
struct reading {
    struct goroutines *goroutines;
    struct memo *const *memos;    /* by a piece's index; NULL: all, in their order */
    struct goroutine *ret_copies; /* by a piece's position, goid 0: told nothing; NULL: unwanted */
    uint64_t *ret_states;         /* by enum goroutine_state; NULL: are counted already */
    uint64_t previous_ns;
    enum torn torn;
    bool again;  /* it was looked at in this scan: what was news then is noted */
    bool counts; /* as for memo_go_on(); false: a look at the same moment as another */
    struct gathering gathering;
};

/* Goroutines that are described together. */
struct lot {
    size_t n;
    struct memo *memos[SUBJECTS_MAX];
    struct piece pieces[SUBJECTS_MAX];
    struct goroutine copies[SUBJECTS_MAX]; /* of the look that was the last one */
    struct subject subjects[SUBJECTS_MAX];
    struct reading reading;
};

/* A lot is described while the next one is read, and the one after that is looked at. */
#define LOTS SUBJECTS_BATCHES

struct goroutines {
    struct goroutines_options options;
    struct outbox *outbox;
    struct losses *losses;
    struct go_memory memory;
    struct gatherer gatherer;
    struct program *program;
    uint64_t generation;           /* of the program, that all below is of */
    struct describer *describer;   /* NULL: the program's goroutines can't be read */
    struct subject_reader *reader; /* goes with it */
    const struct g_layout *layout;
    struct memos memos;
    struct cycles cycles;
    uint64_t first_ns;    /* end of the first scan; 0: none yet */
    uint64_t previous_ns; /* start of the scan before; 0: none, or it failed */
    uint64_t listed_ns;   /* start of the last scan that got all of the list of g's; 0: none yet */
    uint64_t now_ns;      /* start of this one */
    size_t n_torn;        /* memos with MEMO_TORN */
    size_t n_doubtful;    /* parks that memo_is_doubtful() of, after the first look of this scan */
    size_t n_news;        /* that the monitor may have to be told of */
    size_t renewed_at;    /* the memo from which on channels are described again */
    uint32_t news[NEWS_MAX];            /* places of their memos, if they are no more than that */
    struct piece pieces[2][LOOK_BATCH]; /* of batches that are being looked at */
    struct lot lots[LOTS];
    struct {
        struct lot *lot; /* that was read, and is described meanwhile; NULL: none */
        size_t at;
        int error;
    } undescribed;
};

/* golook.c: looks at many g's, and what becomes of their memos. */

/* The park ended. */
void golook_leave(struct goroutines *goroutines, struct memo *memo);

/* Past the threshold, by the monitor's measure (goroutine_counts() there). */
bool golook_is_due(const struct goroutines *goroutines, const struct memo *memo);

/* Begins to look at the g's of `n` pieces, and waits for it. 0 or -errno of the memory. */
void golook_begin(struct reading *reading, const struct piece *pieces, size_t n);
int golook_finish(struct reading *reading);

/* At those of all memos that are `wanted`. */
int golook_read_wanted(const struct reading *reading, bool (*wanted)(const struct memo *memo));

/* The next memo that may be news, from *at on; NULL: there is no other. */
struct memo *golook_next_news(struct goroutines *goroutines, size_t *at);

/* godescribe.c: what the monitor is told. */

/*
 * Looks at the memos that `next` yields, as `look` says, and describes and sends those that are
 * past the threshold as far as is known of collections yet: all that are, and some more. Who moved
 * while it was read stays marked. Samples of the first *ret_stale places were sent before it was
 * known of all collections that g's tell of. 0 or -errno of the memory.
 */
int godescribe_all(struct goroutines *goroutines, const struct reading *look,
                   struct memo *(*next)(struct goroutines *goroutines, size_t *at),
                   size_t *ret_stale);

/* Some of those that were read, while memory is awaited: of struct go_memory. */
bool godescribe_some(void *goroutines);

/* Sends what was sent of the first `n` memos once more. */
void godescribe_again(struct goroutines *goroutines, size_t n);

/* Tells the monitor what is new; what it does not know yet is described. 0 or -errno of the memory.
 */
int godescribe_news(struct goroutines *goroutines);

/* Copies the g's of a lot's memos as they are now. As above. */
int godescribe_copy(struct goroutines *goroutines, struct lot *lot);

/* Sends the sample; where there is one look, godescribe_tell() does. */
void godescribe_put(struct goroutines *goroutines, struct memo *memo);

/* Sends all samples, each once, with all that is known at the end of the scan. */
void godescribe_tell(struct goroutines *goroutines);

/* gorenew.c: who else waits on the channels of those that the monitor knows, looked at anew for
 * some of them. Who parked anew meanwhile is told of by the next scan. As above. */
int gorenew_channels(struct goroutines *goroutines);
