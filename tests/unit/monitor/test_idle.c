/* SPDX-License-Identifier: Apache-2.0 */
/* Idle by design: the built-in rules on stacks as they are met, and the user's patterns. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "monitor/idle.h"

#define FRAMES_MAX 16

/* A stack of functions, innermost first and separated by blanks; those with a leading '@' are the C
 * library's. */
static const char *rule_with(const struct idle *idle, enum sample_kind kind, const char *reason,
                             const char *functions)
{
    struct frame frames[FRAMES_MAX] = {0};
    char *text = strdup(functions);
    struct stack stack = {.kind = kind, .reason = reason, .frames = frames};
    const char *rule;

    assert_non_null(text);
    for (char *name = strtok(text, " "); name; name = strtok(NULL, " ")) {
        struct frame *frame = &frames[stack.n_frames++];

        frame->function = name[0] == '@' ? name + 1 : name;
        frame->module = name[0] == '@' ? "libc.so.6" : "program";
    }
    rule = idle_rule(idle, &stack);
    free(text);
    return rule;
}

static const struct idle no_patterns;

static const char *goroutine_rule(const char *reason, const char *functions)
{
    return rule_with(&no_patterns, SAMPLE_GOROUTINE, reason, functions);
}

static const char *thread_rule(const char *reason, const char *functions)
{
    return rule_with(&no_patterns, SAMPLE_THREAD, reason, functions);
}

static void test_go_runtime(void **state)
{
    (void)state;
    assert_string_equal(goroutine_rule("GC sweep wait", "runtime.gopark runtime.bgsweep"),
                        "go runtime");
    assert_string_equal(
        goroutine_rule("select", "runtime.gopark runtime.selectgo runtime.ensureSigM.func1"),
        "go runtime");
    assert_string_equal(goroutine_rule("syscall", "os/signal.signal_recv os/signal.loop"),
                        "signal");
    assert_string_equal(
        goroutine_rule("select (no cases)", "runtime.gopark runtime.block main.main runtime.main"),
        "main");
    assert_null(goroutine_rule("select (no cases)", "runtime.gopark runtime.block main.work"));
    assert_null(goroutine_rule("chan receive",
                               "runtime.gopark runtime.chanrecv main.main.func1 runtime.runfinq"));
}

static void test_by_reason(void **state)
{
    (void)state;
    assert_string_equal(thread_rule("sleep", "@clock_nanosleep main"), "sleep");
    assert_string_equal(thread_rule("signal", ""), "signal");
    assert_string_equal(thread_rule("accept", "@accept4 serve"), "accept");
    assert_string_equal(goroutine_rule("sleep", "time.Sleep"), "sleep");
}

/* What may as well wait for an answer that never comes. */
static void test_not_idle(void **state)
{
    (void)state;
    assert_null(thread_rule("futex wait", "@pthread_cond_wait worker @start_thread"));
    assert_null(thread_rule("futex lock", "@__lll_lock_wait @pthread_mutex_lock flush"));
    assert_null(thread_rule("poll", "@__poll ask_server main"));
    assert_null(thread_rule("poll", ""));
    assert_null(thread_rule("read", "@read main"));
    assert_null(thread_rule("futex wait", "@__pthread_clockjoin_ex main"));
    assert_null(goroutine_rule("chan send", "main.fetchScores"));
    assert_null(goroutine_rule("IO wait", "internal/poll.(*FD).Read"));
}

static void test_event_loops(void **state)
{
    (void)state;
    assert_string_equal(thread_rule("poll", "@epoll_wait loop main"), "event loop");
    assert_string_equal(thread_rule("poll", "epoll_pwait main"), "event loop");
    assert_null(thread_rule("poll", "@poll ask epoll_wait main"));
    assert_string_equal(
        thread_rule("poll", "@__poll g_main_context_iterate.constprop.0 g_main_loop_run"), "glib");
}

/* A callback under a main loop that polls for itself. */
static void test_depth(void **state)
{
    (void)state;
    assert_null(thread_rule("poll", "@__poll ask g_main_context_dispatch g_main_context_iterate "
                                    "g_main_loop_run main"));
    assert_string_equal(thread_rule("futex wait", "@pthread_cond_wait bioProcessBackgroundJobs"),
                        "redis");
    assert_null(thread_rule("futex wait", "@pthread_cond_wait job_wait bioProcessBackgroundJobs"));
    assert_null(thread_rule("futex wait", "@pthread_cond_wait"));
}

static void test_caller(void **state)
{
    (void)state;
    assert_string_equal(
        thread_rule("futex wait", "@pthread_cond_wait uv_cond_wait worker @start_thread"), "libuv");
    assert_null(thread_rule("futex wait", "@pthread_cond_wait uv_cond_wait main"));
    assert_null(thread_rule("futex wait", "@pthread_cond_wait uv_cond_wait"));
}

/* Stacks of all threads of an OpenJDK 17.0.15 whose program sleeps, as gdb showed them. */
static void test_jvm(void **state)
{
    (void)state;
#define MONITOR   "@___pthread_cond_wait os::PlatformMonitor::wait(long) Monitor::wait(long) "
#define SEMAPHORE "@__new_sem_wait_slow64 PosixSemaphore::wait() "
    static const char *const stacks[] = {
        SEMAPHORE "GangWorker::loop() GangWorker::run() Thread::call_run()",
        SEMAPHORE "os::signal_wait() signal_thread_entry(JavaThread*,JavaThread*)",
        SEMAPHORE "G1ConcurrentRefineThread::run_service() ConcurrentGCThread::run()",
        MONITOR "WatcherThread::sleep() const WatcherThread::run()",
        MONITOR "NotificationThread::notification_thread_entry(JavaThread*,JavaThread*)",
        MONITOR "NMethodSweeper::sweeper_loop() JavaThread::thread_main_inner()",
        MONITOR "CompileQueue::get() CompileBroker::compiler_thread_loop()",
        MONITOR "MonitorDeflationThread::monitor_deflation_thread_entry(JavaThread*,JavaThread*)",
        MONITOR "ServiceThread::service_thread_entry(JavaThread*,JavaThread*)",
        MONITOR "JVM_WaitForReferencePendingList",
        MONITOR "VMThread::wait_for_operation() VMThread::run()",
        MONITOR "G1ServiceThread::sleep_before_next_cycle() G1ServiceThread::run_service()",
        MONITOR "G1ConcurrentMarkThread::run_service() ConcurrentGCThread::run()",
    };

    for (size_t i = 0; i < sizeof(stacks) / sizeof(stacks[0]); i++)
        assert_string_equal(thread_rule("futex wait", stacks[i]), "jvm");
    assert_string_equal(thread_rule("futex wait",
                                    "@___pthread_cond_timedwait64 os::PlatformEvent::park(long) "
                                    "JavaThread::sleep(long) JVM_Sleep"),
                        "sleep");
    /* Object.wait() of a program's own. */
    assert_null(thread_rule("futex wait",
                            "@___pthread_cond_wait os::PlatformEvent::park() "
                            "ObjectMonitor::wait(long,bool,JavaThread*) JVM_MonitorWait"));
    /* A task that waits below a worker's loop. */
    assert_null(thread_rule("futex wait", SEMAPHORE "Task::work(unsigned) GangWorker::loop() "));
}

static void test_names_with_more_behind(void **state)
{
    (void)state;
    assert_string_equal(thread_rule("futex wait",
                                    "@pthread_cond_wait os::PlatformMonitor::wait(long) "
                                    "Monitor::wait(long) CompileQueue::get() "
                                    "CompileBroker::compiler_thread_loop()"),
                        "jvm");
    assert_string_equal(
        thread_rule("futex wait", "runtime.futex.abi0 runtime.mPark runtime.stopm.abi0"),
        "go scheduler");
    assert_null(thread_rule("futex wait", "runtime.futex runtime.stopmore"));
}

static void test_goroutines(void **state)
{
    (void)state;
    assert_string_equal(goroutine_rule("GC worker (idle)", ""), "go runtime");
    assert_string_equal(
        goroutine_rule("IO wait", "runtime.gopark internal/poll.(*FD).Accept net/http.Serve"),
        "accept");
}

static struct ere *compiled(const char *pattern)
{
    struct ere *ere = NULL;

    assert_int_equal(ere_new(pattern, &ere), 0);
    return ere;
}

static void test_patterns(void **state)
{
    struct ere *patterns[] = {compiled("^futex_wait;pool_"), compiled("libx[.]so[+]0x1f;")};
    const struct idle idle = {patterns, 2};
    const struct frame nameless[] = {{.module = "libx.so", .offset = 0x1f}, {.function = "main"}};
    struct stack stack = {.reason = "read", .frames = nameless, .n_frames = 2};

    (void)state;
    assert_string_equal(rule_with(&idle, SAMPLE_THREAD, "read", "futex_wait pool_get"), "ignore");
    assert_null(rule_with(&idle, SAMPLE_THREAD, "read", "main futex_wait pool_get"));
    assert_string_equal(rule_with(&idle, SAMPLE_THREAD, "sleep", "main"), "sleep");
    assert_string_equal(idle_rule(&idle, &stack), "ignore");
    stack.n_frames = 1;
    assert_null(idle_rule(&idle, &stack));
    ere_free(&patterns[0]);
    ere_free(&patterns[1]);
}

/* Longer than what is matched: cut, and no further. */
static void test_long_stack(void **state)
{
    struct ere *pattern = compiled("last$");
    const struct idle idle = {&pattern, 1};
    char name[1000];
    struct frame frames[20];

    (void)state;
    memset(name, 'f', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    for (size_t i = 0; i < 20; i++)
        frames[i] = (struct frame){.function = i == 19 ? "last" : name};
    assert_null(
        idle_rule(&idle, &(struct stack){.reason = "read", .frames = frames, .n_frames = 20}));
    assert_string_equal(
        idle_rule(&idle, &(struct stack){.reason = "read", .frames = frames + 16, .n_frames = 4}),
        "ignore");
    ere_free(&pattern);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_reason),
        cmocka_unit_test(test_not_idle),
        cmocka_unit_test(test_event_loops),
        cmocka_unit_test(test_depth),
        cmocka_unit_test(test_caller),
        cmocka_unit_test(test_jvm),
        cmocka_unit_test(test_names_with_more_behind),
        cmocka_unit_test(test_goroutines),
        cmocka_unit_test(test_go_runtime),
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_long_stack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
