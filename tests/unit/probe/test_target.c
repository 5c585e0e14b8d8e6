/* SPDX-License-Identifier: Apache-2.0 */
/* Who a target is, with real children. */
#include "probe/child.h"

#include "user/probe/target.h"

#include <string.h>
#include <time.h>

static void test_open_child(void **state)
{
    struct target_id target = TARGET_NONE;
    struct wire_target described = {.index = 3};
    struct child_note note;
    pid_t tid;

    (void)state;
    pid_t pid = child_start(child_idle, &note);
    assert_int_equal(target_open(pid, &target), 0);
    assert_int_equal(target.pid, pid);
    assert_true(target_alive(&target));
    assert_true(target_has_tid(&target, pid));
    assert_false(target_has_tid(&target, getpid()));
    assert_int_equal(target_live_tid(&target, &tid), 0);
    assert_int_equal(tid, pid);

    assert_int_equal(target_describe(&target, tid, &described), 0);
    assert_int_equal(described.index, 3);
    assert_int_equal(described.pid, pid);
    assert_int_equal(described.up, 1);
    assert_string_equal(described.comm, "test_target");
    assert_non_null(strstr(described.exe, "/test_target"));

    child_end(pid);
    assert_false(target_alive(&target));
    assert_int_equal(target_live_tid(&target, &tid), -ESRCH);
    assert_int_equal(target_describe(&target, pid, &described), -ESRCH);
    target_close(&target);
    target_close(&target);
    assert_int_equal(target_open(pid, &target), -ESRCH);
}

static void test_start_time(void **state)
{
    struct target_id target = TARGET_NONE;
    struct child_note note;
    struct timespec before, after;

    (void)state;
    clock_gettime(CLOCK_BOOTTIME, &before);
    pid_t pid = child_start(child_idle, &note);
    clock_gettime(CLOCK_BOOTTIME, &after);
    assert_int_equal(target_open(pid, &target), 0);
    uint64_t tick_ns = 10000000;
    uint64_t low = (uint64_t)before.tv_sec * 1000000000 + (uint64_t)before.tv_nsec;
    uint64_t high = (uint64_t)after.tv_sec * 1000000000 + (uint64_t)after.tv_nsec;
    assert_in_range(target.start_ns, low - tick_ns, high);
    target_close(&target);
    child_end(pid);
}

static void test_zombie_is_not_alive(void **state)
{
    struct target_id target = TARGET_NONE, again;
    struct child_note note;
    siginfo_t info;

    (void)state;
    pid_t pid = child_start(child_idle, &note);
    assert_int_equal(target_open(pid, &target), 0);
    kill(pid, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT), 0);
    assert_false(target_alive(&target));
    assert_int_equal(target_open(pid, &again), -ESRCH);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    target_close(&target);
}

static void test_leader_gone(void **state)
{
    struct target_id target = TARGET_NONE;
    struct wire_target described = {0};
    struct child_note note;
    pid_t tid;

    (void)state;
    pid_t pid = child_start(child_leaderless, &note);
    assert_int_equal(target_open(pid, &target), 0);
    assert_true(target_alive(&target));
    assert_int_equal(target_live_tid(&target, &tid), 0);
    assert_int_equal(tid, note.tid);
    assert_int_not_equal(tid, pid);
    assert_true(target_has_tid(&target, tid));
    assert_int_equal(target_describe(&target, tid, &described), 0);
    assert_int_equal(described.up, 1);
    assert_non_null(strstr(described.exe, "/test_target"));
    target_close(&target);
    child_end(pid);
}

static void test_tid_is_refused(void **state)
{
    struct target_id target;
    struct child_note note;
    pid_t of;

    (void)state;
    pid_t pid = child_start(child_leaderless, &note);
    assert_int_equal(target_open(note.tid, &target), -EINVAL);
    assert_int_equal(target_process_of(note.tid, &of), 0);
    assert_int_equal(of, pid);
    child_end(pid);
}

static void hostile_comm(int note_fd)
{
    prctl(PR_SET_NAME, ") Z 1\n(\xff x");
    child_idle(note_fd);
}

static void test_hostile_comm(void **state)
{
    struct target_id target = TARGET_NONE;
    struct wire_target described;
    struct child_note note;
    pid_t tid;

    (void)state;
    pid_t pid = child_start(hostile_comm, &note);
    assert_int_equal(target_open(pid, &target), 0);
    assert_int_equal(target_live_tid(&target, &tid), 0);
    assert_int_equal(target_describe(&target, tid, &described), 0);
    assert_string_equal(described.comm, ") Z 1\n(\xff x");
    target_close(&target);
    child_end(pid);
}

/* Without CAP_KILL a signal to it is refused, which is no sign that it is gone. */
static void test_process_of_another_user(void **state)
{
    struct target_id target = TARGET_NONE;

    (void)state;
    assert_int_equal(target_open(1, &target), 0);
    assert_true(target_has_tid(&target, 1));
    assert_false(target_has_tid(&target, getpid()));
    target_close(&target);
}

static void test_nobody(void **state)
{
    struct target_id target;

    (void)state;
    assert_int_equal(target_open(0, &target), -ESRCH);
    assert_int_equal(target_open(-1, &target), -ESRCH);
    assert_int_equal(target_open(INT32_MAX, &target), -ESRCH);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_open_child),
        cmocka_unit_test(test_start_time),
        cmocka_unit_test(test_zombie_is_not_alive),
        cmocka_unit_test(test_leader_gone),
        cmocka_unit_test(test_tid_is_refused),
        cmocka_unit_test(test_hostile_comm),
        cmocka_unit_test(test_process_of_another_user),
        cmocka_unit_test(test_nobody),
    };
    return cmocka_run_group_tests_name("target", tests, NULL, NULL);
}
