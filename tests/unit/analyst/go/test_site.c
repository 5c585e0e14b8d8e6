/* SPDX-License-Identifier: Apache-2.0 */
/* Which frame of a Go stack a reader looks for. */
#include "analyst/go/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* The name of the site among these, innermost first. */
static const char *site(const char *const names[static 6])
{
    struct frame frames[6] = {{0}};
    uint32_t n = 0;

    while (n < 6 && names[n]) {
        frames[n].function = names[n];
        n++;
    }
    return frames[go_site_find(frames, n)].function;
}

static void the_first_frame_of_the_program(void **state)
{
    static const struct {
        const char *names[6];
        const char *site;
    } cases[] = {
        {{"runtime.gopark", "runtime.chansend1", "main.work", "main.main"}, "main.work"},
        {{"runtime.gopark", "sync.(*Mutex).Lock", "plugins/x.Run", "main.main"}, "plugins/x.Run"},
        {{"runtime.gopark", "plugin/unnamed-0a1b.work", "main.main"}, "plugin/unnamed-0a1b.work"},
        {{"runtime.gopark", "plugin.Open", "main.main"}, "main.main"},
        {{"runtime.gopark", "internal/poll.(*FD).Read", "net.(*conn).Read"}, "net.(*conn).Read"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(site(cases[i].names), cases[i].site);
}

/* Its frames say why it sleeps, what is below them only how it got there. */
static void a_thread_without_a_goroutine(void **state)
{
    static const struct {
        const char *names[6];
        const char *site;
    } cases[] = {
        {{"runtime.futex", "runtime.stopm", "runtime.findRunnable", "runtime.schedule",
          "runtime.mcall"},
         "runtime.findRunnable"},
        {{"runtime.epollwait", "runtime.netpoll", "runtime.findrunnable", "runtime.mstart0"},
         "runtime.findrunnable"},
        {{"runtime.futex", "runtime.stoplockedm", "runtime.schedule", "runtime.mcall"},
         "runtime.stoplockedm"},
        {{"runtime.futex", "runtime.stopm", "runtime.exitsyscall0", "runtime.mcall"},
         "runtime.exitsyscall0"},
        {{"runtime.futex", "runtime.stopm", "runtime.exitsyscallNoP", "runtime.mcall"},
         "runtime.exitsyscallNoP"},
        {{"runtime.futex", "runtime.stopm", "runtime.gcstopm", "runtime.schedule",
          "runtime.mstart1"},
         "runtime.gcstopm"},
        {{"runtime.futex", "runtime.mPark", "runtime.mexit", "runtime.mstart0"}, "runtime.mexit"},
        {{"runtime.usleep", "runtime.sysmon", "runtime.mstart1"}, "runtime.sysmon"},
        {{"runtime.gopark", "runtime.bgsweep"}, "runtime.bgsweep"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(site(cases[i].names), cases[i].site);
    assert_int_equal(go_site_find(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_frame_of_the_program),
        cmocka_unit_test(a_thread_without_a_goroutine),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
