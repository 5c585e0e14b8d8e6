/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tests of user/checkup.c and user/diagnosis.c, on this process and on ones that are none.
 */
#include "checkup.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

struct page {
    char *text;
    size_t size;
    struct diagnosis diagnosis;
};

static int set_up(void **state)
{
    struct page *page = calloc(1, sizeof(*page));

    page->diagnosis.out = open_memstream(&page->text, &page->size);
    *state = page;
    return 0;
}

static int tear_down(void **state)
{
    struct page *page = *state;

    fclose(page->diagnosis.out);
    free(page->text);
    free(page);
    return 0;
}

static void expect(struct page *page, const char *text)
{
    fflush(page->diagnosis.out);
    assert_string_equal(page->text, text);
}

static void aligns_lines(void **state)
{
    struct page *page = *state;

    diagnosis_ok(&page->diagnosis, "kernel", "6.%d", 1);
    diagnosis_reduced(&page->diagnosis, "CAP_CHECKPOINT_RESTORE", "do this", "not %s", "held");
    expect(page, "ok       kernel                 6.1\n"
                 "reduced  CAP_CHECKPOINT_RESTORE not held; do this\n");
}

static void cleans_names(void **state)
{
    struct page *page = *state;

    diagnosis_ok(&page->diagnosis, "process", "a\nb\033");
    expect(page, "ok       process                a\xef\xbf\xbd"
                 "b\xef\xbf\xbd\n");
}

static void concludes(void **state)
{
    struct page *page = *state;

    assert_true(diagnosis_conclude(&page->diagnosis));
    page->diagnosis.n_reduced = 2;
    assert_true(diagnosis_conclude(&page->diagnosis));
    page->diagnosis.n_missing = 1;
    assert_false(diagnosis_conclude(&page->diagnosis));
    expect(page, "full: parkwatch can work here\n"
                 "reduced: parkwatch can work here, 2 reduced\n"
                 "refused: parkwatch cannot work here, 1 missing, 2 reduced\n");
}

static void *wait_for_end(void *barrier)
{
    pthread_barrier_wait(barrier);
    pthread_barrier_wait(barrier);
    return NULL;
}

static void finds_this_process_readable(void **state)
{
    struct page *page = *state;
    pthread_barrier_t barrier;
    char start[128];
    pthread_t thread;

    pthread_barrier_init(&barrier, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, wait_for_end, &barrier), 0);
    pthread_barrier_wait(&barrier);
    checkup_process(&page->diagnosis, getpid());
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);

    snprintf(start, sizeof(start),
             "ok       process                %d (test_checkup), threads: ", getpid());
    fflush(page->diagnosis.out);
    assert_int_equal(strncmp(page->text, start, strlen(start)), 0);
    /* The sanitizers may have threads of their own. */
    assert_true(atoi(page->text + strlen(start)) >= 2);
    assert_string_equal(strchr(page->text, '\n'),
                        "\n"
                        "ok       code                   64-bit\n"
                        "ok       memory                 readable\n"
                        "ok       PID namespace          the same as this one\n"
                        "ok       mount namespace        the same as this one\n");
    assert_int_equal(page->diagnosis.n_missing, 0);
}

static void misses_a_process_that_ended(void **state)
{
    struct page *page = *state;
    const pid_t pid = fork();
    char line[128];

    assert_true(pid >= 0);
    if (!pid)
        _exit(0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    checkup_process(&page->diagnosis, pid);
    snprintf(line, sizeof(line),
             "missing  process                %d does not exist; name a process that runs\n", pid);
    expect(page, line);
    assert_int_equal(page->diagnosis.n_missing, 1);
}

static void *check_this_thread(void *context)
{
    struct page *page = context;
    char line[128];

    checkup_process(&page->diagnosis, gettid());
    snprintf(line, sizeof(line),
             "missing  process                %d is a thread of process %d; name the process\n",
             gettid(), getpid());
    expect(page, line);
    return NULL;
}

static void tells_a_thread_from_a_process(void **state)
{
    pthread_t thread;

    assert_int_equal(pthread_create(&thread, NULL, check_this_thread, *state), 0);
    pthread_join(thread, NULL);
}

#define WITH_PAGE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_PAGE(aligns_lines),
        WITH_PAGE(cleans_names),
        WITH_PAGE(concludes),
        WITH_PAGE(finds_this_process_readable),
        WITH_PAGE(misses_a_process_that_ended),
        WITH_PAGE(tells_a_thread_from_a_process),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
