/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/memo.h"

#include <assert.h>
#include <stddef.h>
#include <string.h>

#include "analyst/go/arch.h"
#include "hash.h"

static_assert(sizeof(struct memo) <= 80, "there may be a million");

/* Depth, not address: the collector moves the stacks of parked goroutines, and pointers into them
 * with them, but never what is on them. */
static uint64_t place_at(uint64_t pc, uint64_t depth, uint64_t waiting)
{
    return hash_word(hash_word(hash_word(HASH_START, pc), depth), waiting);
}

static uint64_t place_of(const struct goroutine *goroutine)
{
    return place_at(goroutine->pc, goroutine->stack_hi - goroutine->sp, goroutine->waiting);
}

/* The leak detection of Go 1.26 renames a wait, which goes on. */
static uint8_t status_of(const struct goroutine *goroutine)
{
    return goroutine->status == GO_LEAKED ? GO_WAITING : goroutine->status;
}

/* Or may be one, for all we know. */
static bool is_coroutine(const struct look *look)
{
    const struct g_layout *layout = look->layout;
    uint8_t reason = look->goroutine->reason;

    return look->goroutine->status != GO_SYSCALL &&
           ((layout->coroutine && reason == layout->coroutine) || !g_layout_names(layout, reason));
}

static bool counts_in_sequence(const struct look *look)
{
    if (look->layout->is_guess)
        return false;
    if (look->goroutine->status == GO_SYSCALL)
        return look->layout->syscall_counts;
    return !is_coroutine(look);
}

/* Coroutines switch without clearing it (coroswitch_m() in runtime/coro.go): then it may be of an
 * older wait. So it may be at the next other wait of such a goroutine, too, which nothing tells
 * from any other one: the estimate of that is too old, its proven bounds hold. */
static uint64_t waitsince_of(const struct look *look)
{
    return is_coroutine(look) ? 0 : look->goroutine->waitsince;
}

static bool has_same_waitsince(const struct memo *memo, const struct look *look)
{
    return memo->waitsince && memo->waitsince == waitsince_of(look);
}

bool memo_may_be_same(const struct memo *memo, const struct look *look)
{
    const struct goroutine *goroutine = look->goroutine;

    return (memo->flags & MEMO_PARKED) && memo->goid == goroutine->goid &&
           memo->status == status_of(goroutine) && memo->reason == goroutine->reason &&
           memo->sequence == goroutine->sequence &&
           (!memo->waitsince || memo->waitsince == waitsince_of(look));
}

/* That what looks alike has not run. */
static bool is_proven(const struct memo *memo, const struct look *look)
{
    return has_same_waitsince(memo, look) || counts_in_sequence(look);
}

bool memo_is_alike(const struct memo *memo, const struct look *look)
{
    return memo_may_be_same(memo, look) && memo->place == place_of(look->goroutine);
}

bool memo_is_same(const struct memo *memo, const struct look *look)
{
    return memo_is_alike(memo, look) && is_proven(memo, look);
}

static bool waits_on(const struct memo *memo, const struct g_layout *layout, const uint8_t *bytes)
{
    uint32_t status;

    memcpy(&status, bytes + layout->status, sizeof(status));
    return !layout->is_guess && (memo->flags & (MEMO_PARKED | MEMO_UNTOLD)) == MEMO_PARKED &&
           memo->status == GO_WAITING && (status & ~GO_STATUS_SCAN) == GO_WAITING &&
           memo->reason == bytes[layout->reason] && memo->reason != layout->coroutine &&
           memo->sequence == bytes[layout->sequence] &&
           memo->goid == go_u64(bytes + layout->goid) &&
           memo->waitsince == go_u64(bytes + layout->waitsince) &&
           memo->g == go_u64(bytes + GO_G_SELF);
}

bool memo_stands(const struct memo *memo, const struct g_layout *layout, const uint8_t *bytes)
{
    uint64_t lo = go_u64(bytes + GO_G_STACK_LO), hi = go_u64(bytes + GO_G_STACK_HI);
    uint64_t sp = go_u64(bytes + GO_G_SP);

    return waits_on(memo, layout, bytes) && lo && lo <= sp && sp < hi &&
           memo->stack_bytes == (uint32_t)(hi - lo) &&
           memo->place ==
               place_at(go_u64(bytes + GO_G_PC), hi - sp, go_u64(bytes + layout->waiting));
}

bool memo_has_other_stack(const struct memo *memo, const struct look *look)
{
    return memo_may_be_same(memo, look) && memo->place != place_of(look->goroutine) &&
           is_proven(memo, look);
}

bool memo_is_doubtful(const struct memo *memo)
{
    return (memo->flags & MEMO_PARKED) && !memo->waitsince && memo->looks &&
           memo->looks < MEMO_LOOKS_ENOUGH;
}

bool memo_is_news(const struct memo *memo)
{
    return (memo->flags & MEMO_PARKED) && !(memo->flags & MEMO_UNSEEN) &&
           (!(memo->flags & MEMO_SENT) || (memo->flags & MEMO_DIRTY));
}

void memo_begin(struct memo *memo, const struct look *look)
{
    const struct goroutine *goroutine = look->goroutine;
    uint16_t kept = memo->flags & (MEMO_SYSTEM | MEMO_MET);

    *memo = (struct memo){
        .g = memo->g,
        .goid = goroutine->goid,
        .place = place_of(goroutine),
        .waitsince = waitsince_of(look),
        .seen_ns = look->now_ns,
        .not_before_ns = look->previous_ns,
        .stack_bytes = goroutine->stack_hi - goroutine->stack_lo,
        .status = status_of(goroutine),
        .reason = goroutine->reason,
        .sequence = goroutine->sequence,
        .flags = kept | MEMO_PARKED | (look->previous_ns ? MEMO_WATCHED : 0),
    };
}

void memo_agree(struct memo *memo)
{
    if (memo->looks < MEMO_LOOKS_ENOUGH)
        memo->looks++;
}

/* The monitor is told what changed of a sample that it has. */
void memo_go_on(struct memo *memo, const struct look *look, bool counts)
{
    const struct goroutine *goroutine = look->goroutine;
    uint32_t stack_bytes = goroutine->stack_hi - goroutine->stack_lo;

    if (memo->waitsince != waitsince_of(look) || memo->stack_bytes != stack_bytes)
        memo->flags |= MEMO_DIRTY;
    if (counts)
        memo_agree(memo);
    memo->flags &= ~MEMO_UNTOLD;
    memo->waitsince = waitsince_of(look);
    memo->stack_bytes = stack_bytes;
}

void memo_clear(struct memo *memo)
{
    memo->flags &= MEMO_SYSTEM | MEMO_MET;
}

static uint64_t later(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* A waitsince of the future is of another time namespace, and says nothing. */
static uint64_t estimate(const struct memo *memo)
{
    if ((memo->flags & MEMO_WATCHED) || !memo->waitsince || memo->waitsince > memo->seen_ns)
        return memo->seen_ns;
    return memo->waitsince;
}

static uint64_t earliest(const struct memo *memo, const struct cycles *cycles)
{
    uint64_t end = memo->waitsince ? cycles_before(cycles, memo->waitsince) : 0;

    if (end > memo->seen_ns)
        end = 0;
    return later(memo->not_before_ns, end);
}

struct sample memo_sample(const struct memo *memo, const struct cycles *cycles)
{
    return (struct sample){
        .id = memo->goid,
        .stack_id = memo->stack_id,
        .object = memo->object,
        .since_ns = estimate(memo),
        .seen_ns = memo->seen_ns,
        .not_before_ns = earliest(memo, cycles),
        .memory_bytes = memo->stack_bytes,
        .detail = memo->detail,
        .kind = SAMPLE_GOROUTINE,
        .object_kind = memo->object_kind,
    };
}
