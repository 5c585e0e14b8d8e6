/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/judge.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "role.h"
#include "sandbox.h"

struct question {
    void (*judge)(void *context, void *ret_result);
    void *context;
    size_t size;
    int socket; /* the child's end */
};

static int judge_role(void *context)
{
    const struct question *question = context;
    AUTO_FREE char *result = calloc(1, question->size);

    if (!result || sandbox_analyst())
        return EXIT_FAILURE;
    question->judge(question->context, result);
    for (size_t at = 0; at < question->size;) {
        const ssize_t n = send(question->socket, result + at, question->size - at, MSG_NOSIGNAL);

        if (n < 0)
            return EXIT_FAILURE;
        at += (size_t)n;
    }
    return EXIT_SUCCESS;
}

/* Reads the whole answer, in the time that there is. */
static int read_answer(int socket, char *result, size_t size)
{
    const uint64_t end_ns = clock_now() + JUDGE_PATIENCE_MS * 1000000ull;
    struct pollfd poller = {.fd = socket, .events = POLLIN};
    size_t at = 0;

    while (at < size) {
        const uint64_t now_ns = clock_now();
        ssize_t n;

        if (now_ns >= end_ns)
            return -ETIMEDOUT;
        if (poll(&poller, 1, (int)((end_ns - now_ns) / 1000000 + 1)) <= 0)
            continue;
        n = recv(socket, result + at, size - at, 0);
        if (n <= 0)
            return -ECHILD;
        at += (size_t)n;
    }
    return 0;
}

int judge_ask(void (*judge)(void *context, void *ret_result), void *context, void *ret_result,
              size_t size)
{
    struct question question = {.judge = judge, .context = context, .size = size};
    struct role role = {.name = "pw-judge",
                        .run = judge_role,
                        .context = &question,
                        .keep = &question.socket,
                        .n_keep = 1};
    AUTO_CLOSE int ours = -1;
    int pair[2], r;
    pid_t pid;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return -errno;
    ours = pair[0];
    question.socket = pair[1];
    r = role_start(&role, &pid);
    close(pair[1]);
    if (r)
        return r;
    r = read_answer(ours, ret_result, size);
    kill(pid, SIGKILL); /* one that was taken over may not end by itself */
    waitpid(pid, NULL, 0);
    return r;
}
