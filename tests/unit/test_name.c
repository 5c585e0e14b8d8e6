/* SPDX-License-Identifier: Apache-2.0 */
/* Names of processes: children that take one. */
#include "tests/unit/probe/child.h"

#include <string.h>

#include "user/name.h"

#define NAME "name-of-a-test"

static void be_named(int note_fd)
{
    prctl(PR_SET_NAME, NAME);
    child_ready(note_fd, &(struct child_note){0});
    for (;;)
        pause();
}

/* Its thread has the name, the process has not. */
static void *take_name(void *context)
{
    prctl(PR_SET_NAME, NAME);
    child_ready(*(int *)context, &(struct child_note){0});
    for (;;)
        pause();
    return NULL;
}

static void be_named_in_a_thread(int note_fd)
{
    pthread_t thread;

    prctl(PR_SET_NAME, "another");
    pthread_create(&thread, NULL, take_name, &note_fd);
    pthread_join(thread, NULL);
}

static struct options asking(const char *name)
{
    struct options options = {.n_names = 1};

    snprintf(options.names[0], sizeof(options.names[0]), "%s", name);
    return options;
}

static void test_all_of_a_name(void **state)
{
    struct options options = asking(NAME);
    char why[NAME_WHY_MAX];
    struct child_note note;
    pid_t first = child_start(be_named, &note), second = child_start(be_named, &note);
    pid_t other = child_start(be_named_in_a_thread, &note);

    (void)state;
    assert_int_equal(name_resolve(&options, why), 0);
    assert_int_equal(options.n_pids, 2);
    assert_true((options.pids[0] == first && options.pids[1] == second) ||
                (options.pids[0] == second && options.pids[1] == first));
    child_end(first);
    child_end(second);
    child_end(other);
}

static void test_once_with_its_pid(void **state)
{
    struct options options = asking(NAME);
    char why[NAME_WHY_MAX];
    struct child_note note;
    pid_t child = child_start(be_named, &note);

    (void)state;
    options.pids[options.n_pids++] = child;
    assert_int_equal(name_resolve(&options, why), 0);
    assert_int_equal(options.n_pids, 1);
    child_end(child);
}

static void test_a_part_is_no_name(void **state)
{
    struct options options = asking("name-of-a-tes");
    char why[NAME_WHY_MAX];
    struct child_note note;
    pid_t child = child_start(be_named, &note);

    (void)state;
    assert_int_equal(name_resolve(&options, why), -ESRCH);
    assert_string_equal(why,
                        "no process has the name 'name-of-a-tes'; 'ps -e' lists those there are");
    child_end(child);
}

static void test_too_many(void **state)
{
    struct options options = asking(NAME);
    char why[NAME_WHY_MAX];
    struct child_note note;
    pid_t child = child_start(be_named, &note);

    (void)state;
    options.n_pids = RECORD_TARGETS_MAX;
    assert_int_equal(name_resolve(&options, why), -E2BIG);
    assert_string_equal(why, "with the name '" NAME
                             "' there are more than 64 processes; name some by PID");
    child_end(child);
}

/* Neither what has ended and was not waited for, nor who asks. */
static void test_the_dead_and_oneself(void **state)
{
    struct options options = asking(NAME);
    char why[NAME_WHY_MAX], before[16];
    struct child_note note;
    pid_t child = child_start(be_named, &note);
    siginfo_t ended;

    (void)state;
    kill(child, SIGKILL);
    assert_int_equal(waitid(P_PID, (id_t)child, &ended, WEXITED | WNOWAIT), 0);
    prctl(PR_GET_NAME, before);
    prctl(PR_SET_NAME, NAME);
    assert_int_equal(name_resolve(&options, why), -ESRCH);
    prctl(PR_SET_NAME, before);
    assert_int_equal(waitpid(child, NULL, 0), child);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_of_a_name),        cmocka_unit_test(test_once_with_its_pid),
        cmocka_unit_test(test_a_part_is_no_name),    cmocka_unit_test(test_too_many),
        cmocka_unit_test(test_the_dead_and_oneself),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
