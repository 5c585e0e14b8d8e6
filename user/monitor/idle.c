/* SPDX-License-Identifier: Apache-2.0 */
/* Which stacks are idle by design, and by which rule. */
#include "idle.h"

#include <stdbool.h>
#include <string.h>

#include "site.h"

/*
 * A rule matches on a kind, a reason and a function. Depth counts frames from the innermost that is
 * not the C library's: only where the function itself waits is it idle; a callback or a job that
 * runs below it and waits for something else is not. 0: at any depth.
 *
 * Not here, because they may as well wait for an answer that never comes: poll(), select() and
 * condition variables as such, reads, joins.
 */
struct rule {
    const char *name;
    enum sample_kind kind;
    const char *reason;   /* NULL: any */
    const char *function; /* NULL: any */
    const char *caller;   /* of the function; NULL: any */
    uint32_t depth;
};

static const struct rule rules[] = {
    /* It wakes by itself. */
    {"sleep", SAMPLE_THREAD, "sleep", NULL, NULL, 0},
    {"sleep", SAMPLE_GOROUTINE, "sleep", NULL, NULL, 0},
    /* sigwait(), sigsuspend(), pause(): what it waits for is an order from outside. */
    {"signal", SAMPLE_THREAD, "signal", NULL, NULL, 0},
    /* A server without a new client. */
    {"accept", SAMPLE_THREAD, "accept", NULL, NULL, 0},
    {"accept", SAMPLE_GOROUTINE, "IO wait", "internal/poll.(*FD).Accept", NULL, 0},
    /* epoll is what event loops are built on: nginx, PostgreSQL, libuv, libevent, tokio, Netty. */
    {"event loop", SAMPLE_THREAD, "poll", "epoll_wait", NULL, 1},
    {"event loop", SAMPLE_THREAD, "poll", "epoll_pwait", NULL, 1},
    {"event loop", SAMPLE_THREAD, "poll", "epoll_pwait2", NULL, 1},
    /* GLib polls in g_main_context_iterate(), called by one of these (glib/gmain.c); callbacks have
     * g_main_context_dispatch() in between. */
    {"glib", SAMPLE_THREAD, "poll", "g_main_loop_run", NULL, 3},
    {"glib", SAMPLE_THREAD, "poll", "g_main_context_iteration", NULL, 3},
    /* The pool of libuv without a request (src/threadpool.c). */
    {"libuv", SAMPLE_THREAD, "futex wait", "uv_cond_wait", "worker", 1},
    /* Redis' background jobs wait on their queue (src/bio.c); an I/O thread that isn't needed is
     * stopped with a mutex that the main thread holds (src/networking.c, up to 7). */
    {"redis", SAMPLE_THREAD, "futex wait", "bioProcessBackgroundJobs", NULL, 1},
    {"redis", SAMPLE_THREAD, "futex lock", "IOThreadMain", NULL, 1},
    /* jemalloc's purging threads, between two rounds (src/background_thread.c). */
    {"jemalloc", SAMPLE_THREAD, "futex wait", "background_thread_entry", NULL, 4},
    /* Threads of the Go scheduler without a goroutine to run, and its own (runtime/proc.go). */
    {"go scheduler", SAMPLE_THREAD, "futex wait", "runtime.stopm", NULL, 0},
    {"go scheduler", SAMPLE_THREAD, "futex wait", "runtime.stoplockedm", NULL, 0},
    {"go scheduler", SAMPLE_THREAD, "futex wait", "runtime.mexit", NULL, 0},
    {"go scheduler", SAMPLE_THREAD, "futex wait", "runtime.sysmon", NULL, 0},
    {"go scheduler", SAMPLE_THREAD, "futex wait", "runtime.templateThread", NULL, 0},
    {"go scheduler", SAMPLE_THREAD, "poll", "runtime.netpoll", NULL, 0},
    {"signal", SAMPLE_THREAD, "futex wait", "os/signal.signal_recv", NULL, 0},
    /* The Go runtime's own goroutines (waitReasonStrings in runtime/runtime2.go). */
    {"signal", SAMPLE_GOROUTINE, "syscall", "os/signal.signal_recv", NULL, 0},
    {"go runtime", SAMPLE_GOROUTINE, "select", "runtime.ensureSigM.func1", NULL, 0},
    {"go runtime", SAMPLE_GOROUTINE, "force gc (idle)", NULL, NULL, 0},
    {"go runtime", SAMPLE_GOROUTINE, "GC worker (idle)", NULL, NULL, 0},
    {"go runtime", SAMPLE_GOROUTINE, "GC sweep wait", NULL, NULL, 0},
    {"go runtime", SAMPLE_GOROUTINE, "GC scavenge wait", NULL, NULL, 0},
    {"go runtime", SAMPLE_GOROUTINE, "finalizer wait", NULL, NULL, 0},
    {"go runtime", SAMPLE_GOROUTINE, "cleanup wait", NULL, NULL, 0},
    {"go runtime", SAMPLE_GOROUTINE, "GOMAXPROCS updater (idle)", NULL, NULL, 0},
    {"go runtime", SAMPLE_GOROUTINE, "trace reader (blocked)", NULL, NULL, 0},
    /* A program whose work others do. */
    {"main", SAMPLE_GOROUTINE, "select (no cases)", "main.main", NULL, 0},
    /* HotSpot's service threads in their own waits (src/hotspot/share), seen so in JDK 17. Above
     * them are PosixSemaphore::wait(), or os::PlatformMonitor::wait() and Monitor::wait(). */
    {"jvm", SAMPLE_THREAD, "futex wait", "VMThread::wait_for_operation", NULL, 3},
    {"jvm", SAMPLE_THREAD, "futex wait", "GangWorker::loop", NULL, 2},
    {"jvm", SAMPLE_THREAD, "futex wait", "CompileQueue::get", NULL, 3},
    {"jvm", SAMPLE_THREAD, "futex wait", "NMethodSweeper::sweeper_loop", NULL, 3},
    {"jvm", SAMPLE_THREAD, "futex wait", "WatcherThread::sleep", NULL, 3},
    {"jvm", SAMPLE_THREAD, "futex wait", "ServiceThread::service_thread_entry", NULL, 3},
    {"jvm", SAMPLE_THREAD, "futex wait", "NotificationThread::notification_thread_entry", NULL, 3},
    {"jvm", SAMPLE_THREAD, "futex wait", "MonitorDeflationThread::monitor_deflation_thread_entry",
     NULL, 3},
    {"jvm", SAMPLE_THREAD, "futex wait", "os::signal_wait", NULL, 2},
    {"jvm", SAMPLE_THREAD, "futex wait", "JVM_WaitForReferencePendingList", NULL, 3},
    {"jvm", SAMPLE_THREAD, "futex wait", "G1ServiceThread::sleep_before_next_cycle", NULL, 3},
    {"jvm", SAMPLE_THREAD, "futex wait", "G1ConcurrentMarkThread::run_service", NULL, 3},
    {"jvm", SAMPLE_THREAD, "futex wait", "G1ConcurrentRefineThread::run_service", NULL, 2},
    /* Thread.sleep(): by the clock, though a futex wait. */
    {"sleep", SAMPLE_THREAD, "futex wait", "JVM_Sleep", NULL, 3},
    /* GC workers since JDK 18 (gc/shared/workerThread.cpp). */
    {"jvm", SAMPLE_THREAD, "futex wait", "WorkerTaskDispatcher::worker_run_task", NULL, 2},
};

/* Names end there, or go on with parameters or template arguments (C++) or with a compiler's suffix
 * such as ".part.0" or Go's ".abi0". */
static bool is_function(const struct frame *frame, const char *function)
{
    size_t length = strlen(function);

    return frame->function && !strncmp(frame->function, function, length) &&
           strchr("(<.[", frame->function[length]);
}

static bool is_libc(const struct frame *frame)
{
    static const char *const prefixes[] = {"libc.so", "libc-", "libpthread", "ld-musl", "["};

    if (!frame->module)
        return false;
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++)
        if (!strncmp(frame->module, prefixes[i], strlen(prefixes[i])))
            return true;
    return false;
}

static bool has_function(const struct stack *stack, const struct rule *rule)
{
    uint32_t end = 0;

    while (end < stack->n_frames && is_libc(&stack->frames[end]))
        end++;
    end = rule->depth && rule->depth < stack->n_frames - end ? end + rule->depth : stack->n_frames;
    for (uint32_t i = 0; i < end; i++) {
        if (!is_function(&stack->frames[i], rule->function))
            continue;
        if (!rule->caller ||
            (i + 1 < stack->n_frames && is_function(&stack->frames[i + 1], rule->caller)))
            return true;
    }
    return false;
}

static bool matches(const struct rule *rule, const struct stack *stack)
{
    return rule->kind == stack->kind && (!rule->reason || !strcmp(rule->reason, stack->reason)) &&
           (!rule->function || has_function(stack, rule));
}

static void join(const struct stack *stack, char ret_text[static IDLE_TEXT_MAX])
{
    size_t length = 0;

    ret_text[0] = '\0';
    for (uint32_t i = 0; i < stack->n_frames && length + 1 < IDLE_TEXT_MAX; i++) {
        if (i)
            ret_text[length++] = ';';
        length += site_frame(&stack->frames[i], ret_text + length, IDLE_TEXT_MAX - length);
    }
}

static bool is_ignored(const struct idle *idle, const struct stack *stack)
{
    char text[IDLE_TEXT_MAX];

    if (!idle->n_patterns)
        return false;
    join(stack, text);
    for (size_t i = 0; i < idle->n_patterns; i++)
        if (ere_matches(idle->patterns[i], text, NULL))
            return true;
    return false;
}

const char *idle_rule(const struct idle *idle, const struct stack *stack)
{
    if (is_ignored(idle, stack))
        return "ignore";
    for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
        if (matches(&rules[i], stack))
            return rules[i].name;
    return NULL;
}
