/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Offsets of 1.19, 1.23, 1.24, 1.26 and 1.27 are those in the DWARF of programs built with them;
 * the others follow from the structures in runtime/runtime2.go and runtime/chan.go of their tags.
 * Reasons are waitReasonStrings in runtime/runtime2.go of each.
 */
#include "analyst/go/layout.h"

#include <stddef.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* 1.17 to 1.25 begin alike. */
#define REASONS_OF_CHANNELS                                                                        \
    "", "GC assist marking", "IO wait", "chan receive (nil chan)", "chan send (nil chan)",         \
        "dumping heap", "garbage collection", "garbage collection scan", "panicwait", "select",    \
        "select (no cases)", "GC assist wait", "GC sweep wait", "GC scavenge wait",                \
        "chan receive", "chan send", "finalizer wait", "force gc (idle)"

#define REASONS_OF_WAITS "semacquire", "sleep", "sync.Cond.Wait"
#define REASONS_OF_LOCKS "sync.Mutex.Lock", "sync.RWMutex.RLock", "sync.RWMutex.Lock"

#define REASONS_OF_GC                                                                              \
    "trace reader (blocked)", "wait for GC cycle", "GC worker (idle)", "GC worker (active)",       \
        "preempted", "debug call", "GC mark termination", "stopping the world"

#define REASONS_OF_TRACE                                                                           \
    "flushing proc caches", "trace goroutine status", "trace proc status", "page trace flush",     \
        "coroutine", "GC weak to strong wait"

#define REASONS_OF_SYNCTEST                                                                        \
    "synctest.Run", "synctest.Wait", "chan receive (durable)", "chan send (durable)",              \
        "select (durable)", "sync.WaitGroup.Wait (durable)", "cleanup wait"

static const char *const reasons_117[] = {
    REASONS_OF_CHANNELS,
    REASONS_OF_WAITS,
    "timer goroutine (idle)",
    "trace reader (blocked)",
    "wait for GC cycle",
    "GC worker (idle)",
    "preempted",
    "debug call",
};

static const char *const reasons_120[] = {
    REASONS_OF_CHANNELS,
    REASONS_OF_WAITS,
    REASONS_OF_LOCKS,
    REASONS_OF_GC,
};

static const char *const reasons_122[] = {
    REASONS_OF_CHANNELS, REASONS_OF_WAITS, REASONS_OF_LOCKS, REASONS_OF_GC, REASONS_OF_TRACE,
};

static const char *const reasons_124[] = {
    REASONS_OF_CHANNELS,    REASONS_OF_WAITS,    REASONS_OF_LOCKS,
    "sync.WaitGroup.Wait",  REASONS_OF_GC,       REASONS_OF_TRACE,
    "synctest.Run",         "synctest.Wait",     "chan receive (synctest)",
    "chan send (synctest)", "select (synctest)",
};

static const char *const reasons_125[] = {
    REASONS_OF_CHANNELS, "GOMAXPROCS updater (idle)", REASONS_OF_WAITS,
    REASONS_OF_LOCKS,    "sync.WaitGroup.Wait",       REASONS_OF_GC,
    REASONS_OF_TRACE,    REASONS_OF_SYNCTEST,
};

/* Those that a leak may have were put side by side. */
static const char *const reasons_126[] = {
    "",
    "GC assist marking",
    "IO wait",
    "dumping heap",
    "garbage collection",
    "garbage collection scan",
    "panicwait",
    "GC assist wait",
    "GC sweep wait",
    "GC scavenge wait",
    "finalizer wait",
    "force gc (idle)",
    "GOMAXPROCS updater (idle)",
    "semacquire",
    "sleep",
    "chan receive (nil chan)",
    "chan send (nil chan)",
    "select (no cases)",
    "select",
    "chan receive",
    "chan send",
    "sync.Cond.Wait",
    REASONS_OF_LOCKS,
    "sync.WaitGroup.Wait",
    REASONS_OF_GC,
    REASONS_OF_TRACE,
    REASONS_OF_SYNCTEST,
};

/* Numbers of the reasons that only let the garbage collector or a trace look at a goroutine which
 * runs; of those in the lists above, the list beginning at `at`. */
#define BIT(reason)       (UINT64_C(1) << (reason))
#define RUNNING_117       (BIT(1) | BIT(6) | BIT(7))
#define RUNNING_126       (BIT(1) | BIT(4) | BIT(5))
#define RUNNING_GC(at)    (BIT((at) + 3) | BIT((at) + 6) | BIT((at) + 7))
#define RUNNING_TRACE(at) (BIT(at) | BIT((at) + 1) | BIT((at) + 2) | BIT((at) + 3))

#define REASONS(list) .reasons = (list), .n_reasons = LENGTH(list)

/* Parts of struct g that moved together. */
#define G_SYSCALL(at) .syscall_sp = (at), .syscall_pc = (at) + 8
#define G_STATUS(at)  .status = (at), .goid = (at) + 8, .waitsince = (at) + 24, .reason = (at) + 32
#define G_START(at)                                                                                \
    .gopc = (at), .startpc = (at) + 16, .waiting = (at) + 32, .labels = (at) + 64, .size = (at) + 72
#define G_ORIGIN(at) .parent = (at)-8, G_START(at)

#define SUDOG_117 .sudog_elem = 24, .sudog_waitlink = 64, .sudog_channel = 80, .sudog_size = 88
/* elem and c became a maybeTraceablePtr, whose second word is the one that is always set. */
#define SUDOG_126 .sudog_elem = 32, .sudog_waitlink = 72, .sudog_channel = 96, .sudog_size = 104

#define CHANNEL_117 .channel_recvq = 56, .channel_sendq = 72, .channel_size = 88
/* It has its timer's address too. */
#define CHANNEL_123 .channel_recvq = 64, .channel_sendq = 80, .channel_size = 96

/* clang-format off */
static const struct g_layout layouts[] = {
    {.minor = 117, G_SYSCALL(112), G_STATUS(144), .sequence = 189, .parent = GO_NONE, G_START(296),
     SUDOG_117, CHANNEL_117, .syscall_counts = 1, .label_map = 1, .coroutine = 0,
     .running = RUNNING_117, REASONS(reasons_117)},
    {.minor = 120, G_SYSCALL(112), G_STATUS(144), .sequence = 189, .parent = GO_NONE, G_START(296),
     SUDOG_117, CHANNEL_117, .syscall_counts = 1, .label_map = 1, .coroutine = 0,
     .running = RUNNING_117 | RUNNING_GC(24), REASONS(reasons_120)},
    {.minor = 121, G_SYSCALL(112), G_STATUS(144), .sequence = 188, G_ORIGIN(280),
     SUDOG_117, CHANNEL_117, .syscall_counts = 1, .label_map = 1, .coroutine = 0,
     .running = RUNNING_117 | RUNNING_GC(24), REASONS(reasons_120)},
    {.minor = 122, G_SYSCALL(112), G_STATUS(144), .sequence = 191, G_ORIGIN(280),
     SUDOG_117, CHANNEL_117, .syscall_counts = 1, .label_map = 1, .coroutine = 36,
     .running = RUNNING_117 | RUNNING_GC(24) | RUNNING_TRACE(32), REASONS(reasons_122)},
    {.minor = 123, G_SYSCALL(112), G_STATUS(152), .sequence = 199, G_ORIGIN(288),
     SUDOG_117, CHANNEL_123, .syscall_counts = 1, .label_map = 1, .coroutine = 36,
     .running = RUNNING_117 | RUNNING_GC(24) | RUNNING_TRACE(32), REASONS(reasons_122)},
    {.minor = 124, G_SYSCALL(112), G_STATUS(152), .sequence = 199, G_ORIGIN(288),
     SUDOG_117, CHANNEL_123, .syscall_counts = 1, .coroutine = 37,
     .running = RUNNING_117 | RUNNING_GC(25) | RUNNING_TRACE(33), REASONS(reasons_124)},
    {.minor = 125, G_SYSCALL(104), G_STATUS(144), .sequence = 191, G_ORIGIN(280),
     SUDOG_117, CHANNEL_123, .syscall_counts = 1, .coroutine = 38,
     .running = RUNNING_117 | RUNNING_GC(26) | RUNNING_TRACE(34), REASONS(reasons_125)},
    {.minor = 126, G_SYSCALL(104), G_STATUS(144), .sequence = 191, G_ORIGIN(288),
     SUDOG_126, CHANNEL_123, .syscall_counts = 0, .coroutine = 38,
     .running = RUNNING_126 | RUNNING_GC(26) | RUNNING_TRACE(34), REASONS(reasons_126)},
};
/* clang-format on */

const struct g_layout *g_layout_of(int minor)
{
    size_t i = LENGTH(layouts) - 1;

    while (i > 0 && layouts[i].minor > minor)
        i--;
    return &layouts[i];
}

struct g_layout g_layout_guess(void)
{
    struct g_layout layout = layouts[LENGTH(layouts) - 1];

    layout.is_guess = true;
    layout.labels = layout.parent = GO_NONE;
    return layout;
}

const char *g_layout_reason(const struct g_layout *layout, uint8_t number)
{
    if (number >= layout->n_reasons)
        return G_LAYOUT_UNKNOWN;
    return number ? layout->reasons[number] : "waiting";
}
