/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/go/parker.h"

#include <string.h>

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Callers of gopark() in the runtime of 1.17 to 1.27. Before 1.20 all of package sync but Cond gave
 * "semacquire"; WaitGroup did up to 1.23, in sync.runtime_Semacquire(). */
static const struct parker parkers[] = {
    {"runtime.chansend",
     PARKER_SENDS,
     {"chan send", "chan send (nil chan)", "chan send (synctest)", "chan send (durable)"}},
    {"runtime.chanrecv",
     PARKER_RECEIVES,
     {"chan receive", "chan receive (nil chan)", "chan receive (synctest)",
      "chan receive (durable)"}},
    {"runtime.selectgo", PARKER_SELECTS, {"select", "select (synctest)", "select (durable)"}},
    {"runtime.block", PARKER_OTHER, {"select (no cases)"}},
    {"runtime.netpollblock", PARKER_OTHER, {"IO wait"}},
    {"time.Sleep", PARKER_OTHER, {"sleep"}},
    {"sync.runtime_notifyListWait", PARKER_OTHER, {"sync.Cond.Wait"}},
    {"sync.runtime_Semacquire", PARKER_OTHER, {"semacquire"}},
    {"internal/poll.runtime_Semacquire", PARKER_OTHER, {"semacquire"}},
    {"sync.runtime_SemacquireMutex", PARKER_OTHER, {"semacquire", "sync.Mutex.Lock"}},
    {"internal/sync.runtime_SemacquireMutex", PARKER_OTHER, {"sync.Mutex.Lock"}},
    {"sync.runtime_SemacquireRWMutexR", PARKER_OTHER, {"sync.RWMutex.RLock"}},
    {"sync.runtime_SemacquireRWMutex", PARKER_OTHER, {"sync.RWMutex.Lock"}},
    {"sync.runtime_SemacquireWaitGroup",
     PARKER_OTHER,
     {"sync.WaitGroup.Wait", "sync.WaitGroup.Wait (durable)"}},
    {"runtime.coroswitch", PARKER_OTHER, {"coroutine"}},
    {"runtime.gcBgMarkWorker", PARKER_OTHER, {"GC worker (idle)"}},
    {"runtime.forcegchelper", PARKER_OTHER, {"force gc (idle)"}},
    {"runtime.bgsweep", PARKER_OTHER, {"GC sweep wait"}},
    {"runtime.bgscavenge", PARKER_OTHER, {"GC scavenge wait", "sleep"}},
    {"runtime.(*scavengerState).park", PARKER_OTHER, {"GC scavenge wait"}},
    {"runtime.(*scavengerState).sleep", PARKER_OTHER, {"sleep"}},
    {"runtime.runfinq", PARKER_OTHER, {"finalizer wait"}},
    {"runtime.runFinalizers", PARKER_OTHER, {"finalizer wait"}},
    {"runtime.(*cleanupQueue).dequeue", PARKER_OTHER, {"cleanup wait"}},
    {"runtime.updateMaxProcsGoroutine", PARKER_OTHER, {"GOMAXPROCS updater (idle)"}},
};

/* Whether it parks on behalf of its caller, which knows why. */
static bool is_between(const char *function)
{
    static const char *const between[] = {"runtime.gopark", "runtime.goparkunlock",
                                          "runtime.semacquire1"};

    for (size_t i = 0; i < LENGTH(between); i++)
        if (!strcmp(function, between[i]))
            return true;
    return false;
}

static const struct parker *parker_of(const char *function)
{
    for (size_t i = 0; i < LENGTH(parkers); i++)
        if (!strcmp(function, parkers[i].function))
            return &parkers[i];
    return NULL;
}

const struct parker *parker_find(struct go_code *code, const struct raw_frame *frames, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint64_t pc = frames[i].activation ? frames[i].pc : frames[i].pc - 1, entry;
        const char *function = go_code_function(code, pc, &entry);

        if (!function)
            return NULL;
        if (!is_between(function))
            return parker_of(function);
    }
    return NULL;
}

bool parker_gives(const struct parker *parker, const char *reason)
{
    for (size_t i = 0; i < PARKER_REASONS_MAX && parker->reasons[i]; i++)
        if (!strcmp(parker->reasons[i], reason))
            return true;
    return false;
}
