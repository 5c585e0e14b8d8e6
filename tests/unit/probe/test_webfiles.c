/* SPDX-License-Identifier: Apache-2.0 */
/* What the probe makes of a judge's words: the test is the judge. */
#include "probe/child.h"

#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/mman.h>

#include "user/probe/judge.h"
#include "user/probe/webfiles.h"

#define CONFIG                                                                                     \
    "tls_server_config: {cert_file: /dev/null, key_file: /dev/null}\n"                             \
    "basic_auth_users:\n"                                                                          \
    "  alice: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\n"

/* Both kinds of results begin alike. */
struct answer {
    int error;
    char why[256];
};

struct fixture {
    struct webfiles files;
    int config;
};

static void (*lie)(void *result, size_t size); /* NULL: the truth */
static size_t liar, n_asked;                   /* which of the judges it is */

int judge_ask(void (*judge)(void *context, void *ret_result), void *context, void *ret_result,
              size_t size)
{
    memset(ret_result, 0, size);
    judge(context, ret_result);
    if (lie && n_asked++ == liar)
        lie(ret_result, size);
    return 0;
}

static int start(void **state)
{
    static struct fixture fixture;
    char path[64];

    fixture.config = memfd_create("config", MFD_CLOEXEC);
    assert_int_equal(write(fixture.config, CONFIG, strlen(CONFIG)), strlen(CONFIG));
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fixture.config);
    assert_int_equal(webfiles_init(&fixture.files, path, true), 0);
    n_asked = liar = 0;
    lie = NULL;
    *state = &fixture;
    return 0;
}

static int end(void **state)
{
    struct fixture *fixture = *state;

    close(fixture->config);
    return 0;
}

static void expect_unchecked(struct fixture *fixture)
{
    char why[WEBFILES_WHY_MAX] = "";
    struct wire_web *web = NULL;
    size_t size;

    assert_int_equal(webfiles_load(&fixture->files, &web, &size, why), -EINVAL);
    assert_non_null(strstr(why, "cannot be checked: Bad message"));
    assert_null(web);
}

static void say_least_number(void *result, size_t size)
{
    (void)size;
    ((struct answer *)result)->error = INT_MIN;
}

static void say_a_number_above_0(void *result, size_t size)
{
    (void)size;
    ((struct answer *)result)->error = 1;
}

static void say_without_end(void *result, size_t size)
{
    memset(result, 'x', size);
    ((struct answer *)result)->error = -EINVAL;
}

static void say_all_ones(void *result, size_t size)
{
    memset(result, 0xff, size);
    ((struct answer *)result)->error = 0;
}

/* The configuration is at the end. */
static void say_another_hash(void *result, size_t size)
{
    struct webconfig *config =
        (struct webconfig *)((char *)result + size - sizeof(struct webconfig));

    assert_int_equal(config->n_users, 1);
    memcpy(config->users[0].hash + 4, "31", 2);
}

static void test_answers_of_no_sense(void **state)
{
    static void (*const lies[])(void *result, size_t size) = {
        say_least_number, say_a_number_above_0, say_without_end, say_all_ones, say_another_hash};

    for (size_t i = 0; i < sizeof(lies) / sizeof(lies[0]); i++) {
        lie = lies[i];
        expect_unchecked(*state);
        end(state);
        start(state);
    }
}

static void test_names_no_file_that_is_none(void **state)
{
    char why[WEBFILES_WHY_MAX] = "";
    struct fixture *fixture = *state;
    struct wire_web *web = NULL;
    size_t size;

    assert_int_equal(webfiles_load(&fixture->files, &web, &size, why), -EINVAL);
    assert_string_equal(why, "/dev/null: not a regular file");
    assert_null(web);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, start, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_answers_of_no_sense),
        TEST(test_names_no_file_that_is_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
