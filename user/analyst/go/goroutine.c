/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/goroutine.h"

#include "analyst/go/arch.h"

/* Of a field that some versions lack. */
static uint64_t word_at(const uint8_t *bytes, uint16_t offset)
{
    return offset == GO_NONE ? 0 : go_u64(bytes + offset);
}

static uint8_t status_at(const uint8_t *bytes, uint16_t offset)
{
    uint32_t status = go_u32(bytes + offset) & ~GO_STATUS_SCAN;

    return status < GO_STATUS_MAX ? (uint8_t)status : GO_STATUS_MAX;
}

bool goroutine_decode(const struct g_layout *layout, uint64_t address, const uint8_t *bytes,
                      struct goroutine *ret_goroutine)
{
    struct goroutine goroutine = {
        .address = address,
        .goid = word_at(bytes, layout->goid),
        .stack_lo = word_at(bytes, GO_G_STACK_LO),
        .stack_hi = word_at(bytes, GO_G_STACK_HI),
        .waitsince = word_at(bytes, layout->waitsince),
        .waiting = word_at(bytes, layout->waiting),
        .labels = word_at(bytes, layout->labels),
        .gopc = word_at(bytes, layout->gopc),
        .startpc = word_at(bytes, layout->startpc),
        .parent = word_at(bytes, layout->parent),
        .status = status_at(bytes, layout->status),
        .reason = bytes[layout->reason],
        .sequence = bytes[layout->sequence],
    };
    bool in_syscall = goroutine.status == GO_SYSCALL;

    goroutine.sp = word_at(bytes, in_syscall ? layout->syscall_sp : GO_G_SP);
    goroutine.pc = word_at(bytes, in_syscall ? layout->syscall_pc : GO_G_PC);
    if (word_at(bytes, GO_G_SELF) != address || goroutine.status == GO_STATUS_MAX)
        return false;
    *ret_goroutine = goroutine;
    return true;
}

bool goroutine_is_unborn(const struct g_layout *layout, const uint8_t *bytes)
{
    return status_at(bytes, layout->status) == GO_DEAD && !word_at(bytes, GO_G_SELF);
}

bool goroutine_is_live(const struct goroutine *goroutine)
{
    return goroutine->status != GO_IDLE && goroutine->status != GO_DEAD &&
           goroutine->status != GO_DEAD_EXTRA && goroutine->goid;
}

static bool is_waiting(const struct goroutine *goroutine)
{
    return goroutine->status == GO_WAITING || goroutine->status == GO_LEAKED;
}

/* On a system stack, all the same. */
static bool runs_in_truth(const struct g_layout *layout, const struct goroutine *goroutine)
{
    return goroutine->reason < layout->n_reasons && layout->running >> goroutine->reason & 1;
}

static bool has_stack(const struct goroutine *goroutine)
{
    return goroutine->stack_lo && goroutine->stack_lo <= goroutine->sp &&
           goroutine->sp < goroutine->stack_hi;
}

/* As far as its status tells. */
static bool is_off_cpu(const struct g_layout *layout, const struct goroutine *goroutine)
{
    if (goroutine->status == GO_SYSCALL)
        return true;
    return is_waiting(goroutine) && !runs_in_truth(layout, goroutine);
}

bool goroutine_is_parked(const struct g_layout *layout, const struct goroutine *goroutine)
{
    return goroutine->goid && has_stack(goroutine) && is_off_cpu(layout, goroutine);
}

bool goroutine_is_torn(const struct g_layout *layout, const struct goroutine *goroutine)
{
    return goroutine->goid && !has_stack(goroutine) && is_off_cpu(layout, goroutine);
}

bool goroutine_stood(const struct goroutine *before, const struct goroutine *after)
{
    return before->goid == after->goid && before->status == after->status &&
           before->reason == after->reason && before->sequence == after->sequence &&
           before->sp == after->sp && before->pc == after->pc &&
           before->stack_lo == after->stack_lo && before->stack_hi == after->stack_hi &&
           before->waiting == after->waiting &&
           (!before->waitsince || before->waitsince == after->waitsince);
}

enum goroutine_state goroutine_state(const struct g_layout *layout,
                                     const struct goroutine *goroutine)
{
    switch (goroutine->status) {
    case GO_SYSCALL:
        return GOROUTINE_SYSCALL;
    case GO_RUNNABLE:
    case GO_PREEMPTED:
        return GOROUTINE_RUNNABLE;
    case GO_WAITING:
    case GO_LEAKED:
        return runs_in_truth(layout, goroutine) ? GOROUTINE_RUNNING : GOROUTINE_WAITING;
    default:
        return GOROUTINE_RUNNING;
    }
}

const char *goroutine_reason(const struct g_layout *layout, const struct goroutine *goroutine)
{
    if (goroutine->status == GO_SYSCALL)
        return "syscall";
    return g_layout_names(layout, goroutine->reason) ? g_layout_reason(layout, goroutine->reason)
                                                     : G_LAYOUT_UNKNOWN;
}
