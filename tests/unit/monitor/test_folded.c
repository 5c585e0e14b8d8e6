/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/folded.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "monitor/example.h"

#define BAD "\xef\xbf\xbd"

static char *render(const struct report *report)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    assert_non_null(out);
    assert_int_equal(folded_write(report, out), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static void one_line_a_stack_outermost_first(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    text = render(&example.report);
    assert_string_equal(text, "recommendd;main.fetchScores;runtime.gopark;[chan send] 14235\n"
                              "recommendd;libvendor.so+0x12345;cache_refresh;pthread_mutex_lock;"
                              "__lll_lock_wait;[futex lock] 11\n"
                              "recommendd;loop_run;epoll_wait;[poll] 1012\n");
    free(text);
}

static void names_keep_to_their_frame(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    example.target.n_groups = 1;
    strcpy(example.target.name, "a;b c\xc3");
    example.leak_frames[0].function = "f(int; \n\033)";
    example.stacks[0].reason = "x]\n; 5";
    text = render(&example.report);
    assert_string_equal(text,
                        "a:b c" BAD ";main.fetchScores;f(int: " BAD BAD ");[x]" BAD ": 5] 14235\n");
    free(text);
}

static void stack_without_frames_keeps_its_reason(void **state)
{
    struct example example;
    char *text;

    (void)state;
    example_fill(&example);
    example.target.n_groups = 1;
    example.stacks[0].n_frames = 0;
    text = render(&example.report);
    assert_string_equal(text, "recommendd;[chan send] 14235\n");
    free(text);
}

static void failed_file_is_reported(void **state)
{
    struct example example;
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(full);
    setvbuf(full, NULL, _IONBF, 0);
    example_fill(&example);
    assert_true(folded_write(&example.report, full) < 0);
    fclose(full);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_a_stack_outermost_first),
        cmocka_unit_test(names_keep_to_their_frame),
        cmocka_unit_test(stack_without_frames_keeps_its_reason),
        cmocka_unit_test(failed_file_is_reported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
