/* SPDX-License-Identifier: Apache-2.0 */
/* Real child processes as targets of tests. They die with their test. */
#pragma once

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <setjmp.h>

#include <cmocka.h>

/* What a child tells its test, once it is as the test wants it. */
struct child_note {
    uint64_t address;
    uint64_t end;
    pid_t tid;
    int fd;
};

static inline void child_ready(int note_fd, const struct child_note *note)
{
    if (write(note_fd, note, sizeof(*note)) != sizeof(*note))
        _exit(1);
}

/* Runs `body`, which calls child_ready() and does not return; waits for the note. */
static inline pid_t child_start(void (*body)(int note_fd), struct child_note *ret_note)
{
    int pipe_fds[2];

    assert_int_equal(pipe(pipe_fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(pipe_fds[0]);
        body(pipe_fds[1]);
        _exit(1);
    }
    close(pipe_fds[1]);
    assert_int_equal(read(pipe_fds[0], ret_note, sizeof(*ret_note)), sizeof(*ret_note));
    close(pipe_fds[0]);
    return pid;
}

static inline void child_end(pid_t pid)
{
    assert_int_equal(kill(pid, SIGKILL), 0);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

static inline void child_sleep(void)
{
    for (;;)
        pause();
}

/* A body: nothing but the note. */
static inline void child_idle(int note_fd)
{
    child_ready(note_fd, &(struct child_note){.tid = getpid()});
    child_sleep();
}

static inline void *child_survivor(void *argument)
{
    const int *note_fd = argument;
    char path[64], state = '?';

    /* The leader is a zombie once it has really gone. */
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", getpid());
    while (state != 'Z') {
        FILE *file = fopen(path, "re");
        if (!file || fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
            _exit(1);
        fclose(file);
    }
    child_ready(*note_fd, &(struct child_note){.tid = gettid()});
    child_sleep();
    return NULL;
}

/* A body: its leader exits, another thread, the note's tid, goes on. */
static inline void child_leaderless(int note_fd)
{
    static int fd;
    pthread_t thread;

    fd = note_fd;
    if (pthread_create(&thread, NULL, child_survivor, &fd))
        _exit(1);
    pthread_exit(NULL);
}
