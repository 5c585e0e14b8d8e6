/* SPDX-License-Identifier: Apache-2.0 */
/* Judges that were taken over: the probe gets an answer in time, and they end. */
#include "probe/child.h"

#include <string.h>
#include <sys/socket.h>

#include "user/clock.h"
#include "user/probe/judge.h"
#include "user/sandbox.h"

#define SECOND 1000000000ull

/* What they do is not what the filter is asked about here. */
int sandbox_analyst(void)
{
    return 0;
}

struct result {
    int value;
    char text[100];
};

static void answer(void *context, void *ret_result)
{
    struct result *result = ret_result;

    result->value = *(const int *)context;
    strcpy(result->text, "said");
}

static void crash(void *context, void *ret_result)
{
    (void)context;
    (void)ret_result;
    _exit(0);
}

/* The only descriptor that it has besides the standard ones is the one it answers by. */
static void answer_and_stay(void *context, void *ret_result)
{
    struct result result = {};

    answer(context, &result);
    for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
        if (send(fd, &result, sizeof(result), MSG_NOSIGNAL) == sizeof(result))
            break;
    (void)ret_result;
    for (;;)
        pause();
}

static int ask(void (*judge)(void *context, void *ret_result), struct result *ret_result)
{
    int value = 5;

    return judge_ask(judge, &value, ret_result, sizeof(*ret_result));
}

static void test_answers(void **state)
{
    struct result result = {};

    (void)state;
    assert_int_equal(ask(answer, &result), 0);
    assert_int_equal(result.value, 5);
    assert_string_equal(result.text, "said");
}

static void test_ends_without_an_answer(void **state)
{
    struct result result;

    (void)state;
    assert_int_equal(ask(crash, &result), -ECHILD);
}

static void test_answers_and_does_not_end(void **state)
{
    const uint64_t start_ns = clock_now();
    struct result result = {};

    (void)state;
    alarm(60); /* it would be waited for in vain */
    assert_int_equal(ask(answer_and_stay, &result), 0);
    alarm(0);
    assert_int_equal(result.value, 5);
    assert_true(clock_now() - start_ns < 20 * SECOND);
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers),
        cmocka_unit_test(test_ends_without_an_answer),
        cmocka_unit_test(test_answers_and_does_not_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
