// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/*
 * The kernel side: what each thread of the targets is parked in and since when.
 *
 * on_sched_switch  stamps each park into the thread's task storage, counts the parks that end
 * on_futex, ...    tell how futex waits end, and so which wait goes on through timeouts
 * on_sys_exit      the same where they are refused
 * threads          task iterator: one record a thread, those that parked before us among them
 * cpu_times        task iterator: what each thread has run for
 * kernel_frames    task iterator: kernel frames of uninterruptible threads, by name
 *
 * There is no program on futex or syscall entry: at the exit of a futex call the registers still
 * hold its operation and address, the storage when it parked, and the result says how it ended.
 * That halves the price of the futex part.
 */
#include "kernel.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "record.h"

char LICENSE[] SEC("license") = "Dual BSD/GPL";

/* Set before loading. */
const volatile uint32_t n_targets = 1;
const volatile uint64_t threshold_ns = 1000000000;
const volatile uint64_t bucket_ns[RECORD_BUCKETS - 1] = {};
const volatile uint8_t syscall_class[RECORD_SYSCALLS] = {};
/* May bpf_probe_read_kernel() be used? Not under lockdown=confidentiality, where a program that so
 * much as names it is refused: the verifier takes out what this excludes. */
const volatile uint8_t reads_kernel = 1;

/* CLOCK_MONOTONIC minus the scheduler's clock, whose readings the kernel keeps; 0: not known. They
 * drift apart with the steering of the former: measured anew, at the next context switch of the
 * machine, when the probe sets the second. */
int64_t clock_offset_ns;
bool clock_is_due;

struct followed_process targets[RECORD_TARGETS_MAX];

struct {
    __uint(type, BPF_MAP_TYPE_TASK_STORAGE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __type(key, int);
    __type(value, struct park);
} parks SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, RECORD_TARGETS_MAX);
    __type(key, uint32_t);
    __type(value, struct park_counters);
} counters SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, 1);
    __type(key, uint32_t);
    __type(value, struct kernel_record);
} kernel_scratch SEC(".maps");

/* Index of the target that the task belongs to, or -1. Runs at every context switch of the machine.
 */
static __always_inline int target_of(struct task_struct *task)
{
    uint32_t tgid = task->tgid;

    for (uint32_t i = 0; i < RECORD_TARGETS_MAX; i++) {
        if (i >= n_targets)
            break;
        if (targets[i].tgid == tgid && tgid)
            return targets[i].leader_start_ns == task->group_leader->start_boottime ? (int)i : -1;
    }
    return -1;
}

static __always_inline struct park_counters *counters_of(uint32_t target)
{
    return bpf_map_lookup_elem(&counters, &target);
}

static __always_inline bool is_futex_lock(uint32_t nr, unsigned long op, unsigned long val)
{
    /* A low-level lock of glibc waits with FUTEX_WAIT for the word to leave 2, "locked, with
     * waiters" (glibc sysdeps/nptl/lowlevellock.h). */
    return nr == NR_futex && (op & FUTEX_CMD_MASK) == FUTEX_WAIT && (uint32_t)val == 2;
}

/* After a signal that ran no handler, a stop and continue or a debugger, a futex wait with a
 * timeout goes on as restart_syscall(2): the registers keep its arguments, the restart block tells
 * that they are a futex's (futex_wait(), kernel/futex/waitwake.c; the same test as in
 * user/reason.c). */
static __always_inline uint32_t syscall_of(struct task_struct *task, const struct pt_regs *regs)
{
    unsigned long op = regs->si & FUTEX_CMD_MASK;
    uint32_t nr = regs->orig_ax;

    if (nr != NR_restart || !regs->di || !regs->r10 ||
        (op != FUTEX_WAIT && op != FUTEX_WAIT_BITSET))
        return nr;
    if ((unsigned long)task->restart_block.futex.uaddr != regs->di ||
        task->restart_block.futex.val != (uint32_t)regs->dx)
        return nr;
    return NR_futex;
}

static __always_inline bool is_futex_pi(unsigned long op)
{
    op &= FUTEX_CMD_MASK;
    return op == FUTEX_LOCK_PI || op == FUTEX_LOCK_PI2 || op == FUTEX_WAIT_REQUEUE_PI;
}

static __always_inline uint32_t park_class_of(struct task_struct *task, const struct pt_regs *regs,
                                              uint32_t state)
{
    uint32_t nr;

    if (state & (TASK_STOPPED | TASK_TRACED | TASK_FROZEN))
        return PARK_STOPPED;
    if ((state & TASK_UNINTERRUPTIBLE) && !(state & TASK_NOLOAD))
        return PARK_IO;
    nr = syscall_of(task, regs);
    if (nr == NR_futex) {
        if (is_futex_pi(regs->si))
            return PARK_FUTEX_PI;
        return is_futex_lock(nr, regs->si, regs->dx) ? PARK_FUTEX_LOCK : PARK_FUTEX_WAIT;
    }
    return nr < RECORD_SYSCALLS ? syscall_class[nr] : PARK_OTHER;
}

static __always_inline void park_begin(struct task_struct *task, uint32_t target, uint32_t state,
                                       uint64_t now)
{
    struct park *park = bpf_task_storage_get(&parks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
    struct pt_regs *regs;

    if (!park) {
        struct park_counters *count = counters_of(target);

        if (count)
            count->storage_failed++;
        return;
    }
    regs = (struct pt_regs *)bpf_task_pt_regs(task);
    park->start_ns = now;
    park->seen = 1;
    park->unseen_start = 0;
    park->class = park_class_of(task, regs, state);
    park->address = regs->di;
}

/* The first switch that is seen of a thread is mostly the end of a park that began before us. */
static __always_inline void note_first_switch(struct park *park)
{
    if (park->seen)
        return;
    park->seen = 1;
    park->unseen_start = 1;
}

static __always_inline void count_park(struct park_counters *count, uint32_t class, uint64_t lasted)
{
    uint32_t bucket;

    if (class >= PARK_CLASS_MAX)
        return;
    for (bucket = 0; bucket < RECORD_BUCKETS - 1; bucket++)
        if (lasted <= bucket_ns[bucket])
            break;
    count->parks[class][bucket]++;
    count->parked_ns[class] += lasted;
    if (lasted >= threshold_ns)
        count->long_parks++;
}

static __always_inline void park_end(struct task_struct *task, uint32_t target, uint64_t now)
{
    struct park *park = bpf_task_storage_get(&parks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
    struct park_counters *count = counters_of(target);
    uint64_t start;

    if (!count)
        return;
    if (!park) {
        count->storage_failed++;
        return;
    }
    start = park->start_ns;
    if (!start) {
        note_first_switch(park);
        return;
    }
    park->last_start_ns = start;
    park->start_ns = 0;
    count_park(count, park->class, now > start ? now - start : 0);
}

/* What the scheduler's clock was when __schedule() read it for this switch away from `prev`
 * (update_rq_clock()), or 0 where a kernel has no way from a task to it. */
static __always_inline uint64_t scheduler_clock(struct task_struct *prev)
{
    if (!bpf_core_field_exists(prev->se.cfs_rq) || !bpf_core_field_exists(struct cfs_rq, rq))
        return 0;
    return prev->se.cfs_rq->rq->clock;
}

/* The offset is stored before the flag is cleared: who sees no flag has an offset. */
static __always_inline void measure_clock(struct task_struct *prev)
{
    uint64_t clock = scheduler_clock(prev);

    if (clock)
        clock_offset_ns = bpf_ktime_get_ns() - clock;
    barrier();
    clock_is_due = false;
}

/* CLOCK_MONOTONIC: to take over the scheduler's reading of its clock costs a tenth of another. */
static __always_inline uint64_t switch_time(struct task_struct *prev)
{
    uint64_t clock = scheduler_clock(prev);

    return clock ? clock + clock_offset_ns : bpf_ktime_get_ns();
}

SEC("tp_btf/sched_switch")
int BPF_PROG(on_sched_switch, bool preempt, struct task_struct *prev, struct task_struct *next,
             unsigned int prev_state)
{
    /* The state is the one that the scheduler decided on (an argument since 5.18, commit
     * fa2c3254d7cf); the task's own may have changed by now. */
    int parks_in = !preempt && prev_state ? target_of(prev) : -1;
    int runs_in = target_of(next);
    uint64_t now;

    if (clock_is_due)
        measure_clock(prev);
    if (parks_in < 0 && runs_in < 0)
        return 0;
    now = switch_time(prev);
    if (parks_in >= 0)
        park_begin(prev, parks_in, prev_state, now);
    if (runs_in >= 0)
        park_end(next, runs_in, now);
    return 0;
}

static __always_inline bool is_futex_wait(uint32_t nr, unsigned long op)
{
    if (nr == NR_futex_wait || nr == NR_futex_waitv)
        return true;
    if (nr != NR_futex)
        return false;
    op &= FUTEX_CMD_MASK;
    return op == FUTEX_WAIT || op == FUTEX_WAIT_BITSET || op == FUTEX_LOCK_PI ||
           op == FUTEX_LOCK_PI2 || op == FUTEX_WAIT_REQUEUE_PI;
}

static __always_inline bool is_futex_wake(uint32_t nr, unsigned long op)
{
    if (nr == NR_futex_wake || nr == NR_futex_requeue)
        return true;
    if (nr != NR_futex)
        return false;
    op &= FUTEX_CMD_MASK;
    return op == FUTEX_WAKE || op == FUTEX_WAKE_BITSET || op == FUTEX_WAKE_OP ||
           op == FUTEX_REQUEUE || op == FUTEX_CMP_REQUEUE || op == FUTEX_CMP_REQUEUE_PI;
}

static __always_inline enum futex_outcome outcome_of(long ret)
{
    if (ret >= 0)
        return FUTEX_WOKEN;
    if (ret == -ETIMEDOUT)
        return FUTEX_TIMEOUT;
    if (ret == -EINTR || ret == -ERESTARTSYS || ret == -ERESTART_RESTARTBLOCK)
        return FUTEX_INTERRUPTED;
    return FUTEX_ERROR;
}

/* When the futex wait that ends now began: at its park; now, if it never parked; 0: before us. */
static __always_inline uint64_t wait_start(const struct park *park, uint64_t address)
{
    if (park->unseen_start || !park->seen)
        return 0;
    if (park->last_start_ns && park->address == address)
        return park->last_start_ns;
    return bpf_ktime_get_ns();
}

/* Follows the logical wait: it goes on through waits on one address that end unserved, and through
 * contended locks between them (pthread_cond_timedwait takes its mutex again after each timeout).
 */
static __always_inline void wait_ended(struct park *park, uint64_t address, bool lock,
                                       enum futex_outcome outcome)
{
    if (outcome == FUTEX_TIMEOUT || outcome == FUTEX_INTERRUPTED) {
        if (park->wait_address != address) {
            park->wait_address = address;
            park->wait_since_ns = wait_start(park, address);
            park->wait_timeouts = 0;
        }
        park->wait_timeouts++;
    } else if (park->wait_address == address || !lock) {
        park->wait_address = 0;
        park->wait_since_ns = 0;
        park->wait_timeouts = 0;
        park->served = 1;
    }
    park->last_start_ns = 0;
    park->unseen_start = 0;
}

/* The futex call of the running thread ends. Where this runs the thread may be preempted, and
 * another of the target count on the same CPU. */
static __always_inline int futex_ended(long ret)
{
    struct task_struct *task = bpf_get_current_task_btf();
    int target = target_of(task);
    struct park_counters *count;
    struct pt_regs *regs;
    struct park *park;
    uint32_t nr;

    if (target < 0)
        return 0;
    count = counters_of(target);
    regs = (struct pt_regs *)bpf_task_pt_regs(task);
    if (!count || (uint16_t)regs->cs == USER32_CS)
        return 0;
    nr = syscall_of(task, regs);
    if (is_futex_wake(nr, regs->si)) {
        if (ret >= 0)
            __sync_fetch_and_add(&count->futex_wakes[ret > 0], 1);
        return 0;
    }
    if (!is_futex_wait(nr, regs->si))
        return 0;
    __sync_fetch_and_add(&count->futex_waits[outcome_of(ret)], 1);
    park = bpf_task_storage_get(&parks, task, NULL, BPF_LOCAL_STORAGE_GET_F_CREATE);
    if (park)
        wait_ended(park, regs->di, is_futex_lock(nr, regs->si, regs->dx), outcome_of(ret));
    else
        __sync_fetch_and_add(&count->storage_failed, 1);
    return 0;
}

/* At the futex calls themselves (kernel/futex/syscalls.c), which no other syscall pays for. A wait
 * that goes on as restart_syscall(2) ends in the function of its restart block. A thread that is in
 * a call already is not seen to return from it. One that is in a call when we detach returns
 * through the kernel's trampoline, which stays for it, a page, and runs no program any more
 * (bpf_tramp_image_put(), kernel/bpf/trampoline.c). */
#define ON_RETURN(program, function)                                                               \
    SEC("fexit/" function) int BPF_PROG(program, const void *argument, long ret)                   \
    {                                                                                              \
        return futex_ended(ret);                                                                   \
    }

ON_RETURN(on_futex, "__x64_sys_futex")
ON_RETURN(on_restart, "futex_wait_restart")
ON_RETURN(on_futex_waitv, "__x64_sys_futex_waitv")
ON_RETURN(on_futex_wait, "__x64_sys_futex_wait")
ON_RETURN(on_futex_wake, "__x64_sys_futex_wake")
ON_RETURN(on_requeue, "__x64_sys_futex_requeue")

/* At the exit of every syscall. With any program here all syscalls of the machine go the kernel's
 * slow way (syscall_regfunc(), kernel/tracepoint.c). */
SEC("tp_btf/sys_exit")
int BPF_PROG(on_sys_exit, struct pt_regs *regs, long ret)
{
    uint32_t nr = regs->orig_ax;

    if (nr != NR_futex && nr != NR_restart && (nr < NR_futex_waitv || nr > NR_futex_requeue))
        return 0;
    return futex_ended(ret);
}

/* The thread's number in the PID namespace of that level, or 0. `pid` is the thread's: each read of
 * a pointer in a kernel object makes the verifier search the kernel's types by name. */
static __always_inline uint32_t tid_at(struct task_struct *task, struct pid *pid, uint32_t level)
{
    int first = task->pid, nr = 0;

    barrier_var(first); /* or clang makes one load of the two returns, which the verifier refuses */
    if (!level)
        return first;
    /* numbers[] is a trailing array of the kernel's own element size. */
    if (reads_kernel && pid && level <= pid->level)
        bpf_probe_read_kernel(&nr, sizeof(nr),
                              (void *)pid + bpf_core_field_offset(struct pid, numbers) +
                                  level * bpf_core_type_size(struct upid) +
                                  bpf_core_field_offset(struct upid, nr));
    return nr;
}

/* Of the innermost PID namespace that the thread is in; 0: the initial one. */
static __always_inline uint32_t level_of(const struct pid *pid)
{
    return pid ? pid->level : 0;
}

static __always_inline void fill_regs(struct thread_record *record, struct task_struct *task)
{
    const unsigned long *regs = (const unsigned long *)bpf_task_pt_regs(task);

#pragma unroll
    for (int i = 0; i < RECORD_REGS; i++)
        record->regs[i] = regs[i];
    /* The stack of a thread that has ended is gone: then all read as 0. */
    if (!record->regs[REGS_CS])
        record->flags |= RECORD_KERNEL;
    if ((uint16_t)record->regs[REGS_CS] == USER32_CS)
        record->flags |= RECORD_COMPAT;
}

SEC("iter/task")
int threads(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;
    struct task_struct *reader = bpf_get_current_task_btf();
    struct thread_record record = {};
    struct task_struct *leader;
    struct park *park;
    struct pid *pid;
    uint32_t level, reader_level;

    if (!task)
        return 0;
    leader = task->group_leader;
    pid = task->thread_pid;
    level = level_of(pid);
    reader_level = level_of(reader->thread_pid);
    record.now_ns = bpf_ktime_get_ns();
    record.start_ns = task->start_boottime;
    record.leader_start_ns = leader->start_boottime;
    record.switches = task->nvcsw + task->nivcsw;
    if (task->sched_info.last_arrival && clock_offset_ns)
        record.arrival_ns = task->sched_info.last_arrival + clock_offset_ns;
    record.exec_id = task->self_exec_id;
    record.tls = task->thread.fsbase;
    record.ns_tid = tid_at(task, pid, level);
    record.tid = level == reader_level ? record.ns_tid : tid_at(task, pid, reader_level);
    record.tgid = task->tgid;
    record.state = task->__state;
    record.exit_state = task->exit_state;
    if (task->on_cpu)
        record.flags |= RECORD_ON_CPU;
    if (leader == task)
        record.flags |= RECORD_LEADER;
    if ((task->flags & PF_KTHREAD) || !task->mm)
        record.flags |= RECORD_KERNEL;
    if (task->flags & (PF_IO_WORKER | PF_USER_WORKER))
        record.flags |= RECORD_WORKER;
    __builtin_memcpy(record.comm, task->comm, sizeof(record.comm));
    record.restart[0] = (uint64_t)task->restart_block.futex.uaddr;
    record.restart[1] = task->restart_block.futex.val;
    fill_regs(&record, task);
    park = bpf_task_storage_get(&parks, task, NULL, 0);
    if (park) {
        record.park = *park;
        record.flags |= RECORD_FOLLOWED;
        /* The clocks as they were set against each other last may differ by a moment. */
        if (record.park.start_ns > record.now_ns)
            record.park.start_ns = record.now_ns;
    }
    bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
    return 0;
}

/* The iterator begins with the leader: who ends meanwhile, before it was its turn, is in neither
 * and not in both. */
SEC("iter/task")
int cpu_times(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;
    struct time_record record = {};
    struct signal_struct *ended;

    if (!task)
        return 0;
    record.user_ns = task->utime;
    record.system_ns = task->stime;
    record.run_ns = task->se.sum_exec_runtime;
    if (task->group_leader == task) {
        ended = task->signal;
        record.user_ns += ended->utime;
        record.system_ns += ended->stime;
        record.run_ns += ended->sum_sched_runtime;
    }
    bpf_seq_write(ctx->meta->seq, &record, sizeof(record));
    return 0;
}

SEC("iter/task")
int kernel_frames(struct bpf_iter__task *ctx)
{
    struct task_struct *task = ctx->task;
    uint64_t frames[KERNEL_FRAMES_MAX] = {};
    struct kernel_record *record;
    uint32_t zero = 0;
    long size;

    if (!task || !(task->__state & TASK_UNINTERRUPTIBLE) || (task->__state & TASK_NOLOAD))
        return 0;
    record = bpf_map_lookup_elem(&kernel_scratch, &zero);
    if (!record)
        return 0;
    size = bpf_get_task_stack(task, frames, sizeof(frames), 0);
    if (size <= 0)
        return 0;
    record->tid = tid_at(task, task->thread_pid, level_of(bpf_get_current_task_btf()->thread_pid));
    record->n = size / sizeof(frames[0]);
    for (int i = 0; i < KERNEL_FRAMES_MAX; i++)
        bpf_snprintf(record->name[i], KERNEL_NAME_MAX, "%ps", &frames[i], sizeof(frames[i]));
    bpf_seq_write(ctx->meta->seq, record, sizeof(*record));
    return 0;
}
