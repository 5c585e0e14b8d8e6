/* SPDX-License-Identifier: Apache-2.0 */
/* Which frame of a stack is the program's own. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "user/analyst/site.h"

#define FIND(...)                                                                                  \
    find((const struct frame[]){__VA_ARGS__},                                                      \
         sizeof((const struct frame[]){__VA_ARGS__}) / sizeof(struct frame))

#define FRAME(name, of)                                                                            \
    {                                                                                              \
        .function = (name), .module = (of)                                                         \
    }

static uint32_t find(const struct frame *frames, size_t n)
{
    return site_find(frames, (uint32_t)n);
}

static void test_dynamic_program(void **state)
{
    (void)state;
    assert_int_equal(FIND(FRAME("__futex_abstimed_wait_common64", "libc.so.6"),
                          FRAME("pthread_cond_wait@@GLIBC_2.3.2", "libc.so.6"),
                          FRAME("consume", "server"), FRAME("start_thread", "libc.so.6")),
                     2);
    assert_int_equal(FIND(FRAME("__lll_lock_wait", "libpthread-2.31.so"),
                          FRAME("pthread_mutex_lock", "libpthread.so.0"),
                          FRAME("flush", "libcache.so.1"), FRAME("main", "server")),
                     2);
    assert_int_equal(FIND(FRAME("__GI_epoll_wait", "libc-2.31.so"), FRAME("main", "server")), 1);
    /* A program's function may well be called as the C library's are. */
    assert_int_equal(FIND(FRAME("read", "libc.so.6"), FRAME("connect", "server")), 1);
    /* Without a name it still is a frame of its own. */
    assert_int_equal(FIND(FRAME("read", "libc.so.6"), FRAME(NULL, "server")), 1);
    assert_int_equal(FIND(FRAME("read", "libc.so.6"), FRAME(NULL, NULL)), 1);
}

static void test_kernel_and_vdso(void **state)
{
    (void)state;
    assert_int_equal(FIND(FRAME("io_schedule", "[kernel]"), FRAME("vfs_fsync", "[kernel]"),
                          FRAME("fsync", "libc.so.6"), FRAME("save", "server")),
                     3);
    assert_int_equal(FIND(FRAME("__vdso_clock_gettime", "[vdso]"), FRAME("main", "server")), 1);
}

static void test_static_program(void **state)
{
    (void)state;
    assert_int_equal(FIND(FRAME("__futex_abstimed_wait_common", "server"),
                          FRAME("___pthread_mutex_lock", "server"), FRAME("flush", "server"),
                          FRAME("start_thread", "server")),
                     2);
    assert_int_equal(FIND(FRAME("__syscall_cp_c", "server"), FRAME("__timedwait", "server"),
                          FRAME("pthread_cond_timedwait", "server"), FRAME("work", "server")),
                     3);
    assert_int_equal(FIND(FRAME("__libc_read", "server"), FRAME("read_config", "server")), 1);
    assert_int_equal(FIND(FRAME("__new_sem_wait_slow64", "server"), FRAME("sem_wait", "server"),
                          FRAME("main", "server")),
                     2);
    /* Kernel frames in front change nothing of that. */
    assert_int_equal(FIND(FRAME("io_schedule", "[kernel]"), FRAME("__GI___write", "server"),
                          FRAME("main", "server")),
                     2);
}

static void test_rust(void **state)
{
    (void)state;
    assert_int_equal(FIND(FRAME("syscall", "libc.so.6"),
                          FRAME("std::sys::unix::futex::futex_wait", "server"),
                          FRAME("std::sync::mpmc::list::Channel<T>::recv", "server"),
                          FRAME("<alloc::boxed::Box<F,A> as core::ops::function::FnOnce<Args>>::"
                                "call_once",
                                "server"),
                          FRAME("server::worker::run", "server"),
                          FRAME("core::ops::function::FnOnce::call_once", "server")),
                     4);
    assert_int_equal(FIND(FRAME("<std::io::Stdin as std::io::Read>::read", "server"),
                          FRAME("<server::Worker as core::ops::Drop>::drop", "server")),
                     1);
}

static void test_cxx(void **state)
{
    (void)state;
    assert_int_equal(
        FIND(
            FRAME("pthread_cond_wait", "libc.so.6"), FRAME("__gthread_cond_wait", "server"),
            FRAME("std::condition_variable::wait(std::unique_lock<std::mutex>&)", "libstdc++.so.6"),
            FRAME("std::condition_variable::wait<Queue::pop()::{lambda()#1}>", "app"),
            FRAME("Queue::pop()", "app"), FRAME("std::thread::_State_impl<X>::_M_run()", "app")),
        4);
    assert_int_equal(FIND(FRAME("__gnu_cxx::__mutex::lock()", "app"), FRAME("f()", "app")), 1);
}

static void test_nothing_of_its_own(void **state)
{
    (void)state;
    assert_int_equal(site_find(NULL, 0), 0);
    assert_int_equal(FIND(FRAME("poll", "libc.so.6"), FRAME("start_thread", "libc.so.6")), 0);
    assert_int_equal(FIND(FRAME("io_schedule", "[kernel]")), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_dynamic_program),
        cmocka_unit_test(test_kernel_and_vdso),
        cmocka_unit_test(test_static_program),
        cmocka_unit_test(test_rust),
        cmocka_unit_test(test_cxx),
        cmocka_unit_test(test_nothing_of_its_own),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
