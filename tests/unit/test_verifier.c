/* SPDX-License-Identifier: Apache-2.0 */
/* The verifier, by what it asks of the C library: the test is crypt_r(), and counts the rounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <crypt.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "user/sandbox.h"
#include "user/verifier.h"

#define CHEAP "$2y$04$aaaaaaaaaaaaaaaaaaaaaeaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DEAR  "$2y$12$bbbbbbbbbbbbbbbbbbbbbebbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static uint64_t rounds;

char *crypt_r(const char *password, const char *setting, struct crypt_data *data)
{
    rounds += 1ull << webconfig_cost(setting);
    strcpy(data->output, strcmp(password, "secret") != 0 ? "*0" : setting);
    return data->output;
}

/* A test does not lock itself in. */
int sandbox_analyst(void)
{
    return 0;
}

/* Whether the password is right; what it took is in `rounds`. */
static uint64_t ask(const char *hash, const char *password)
{
    struct verifier_request request = {.ticket = 7, .cost = 12};
    struct verifier_reply reply;
    int pair[2];

    rounds = 0;
    strcpy(request.hash, hash);
    strcpy(request.password, password);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(send(pair[0], &request, sizeof(request), 0), sizeof(request));
    shutdown(pair[0], SHUT_WR);
    assert_int_equal(verifier_run(pair[1]), 0);
    assert_int_equal(recv(pair[0], &reply, sizeof(reply), 0), sizeof(reply));
    assert_int_equal(reply.ticket, 7);
    close(pair[0]);
    close(pair[1]);
    return reply.right;
}

static void test_right_and_wrong(void **state)
{
    (void)state;
    assert_int_equal(ask(CHEAP, "secret"), 1);
    assert_int_equal(ask(CHEAP, "wrong"), 0);
    assert_int_equal(ask(DEAR, "secret"), 1);
    assert_int_equal(ask(DEAR, "wrong"), 0);
}

static void test_all_take_as_long(void **state)
{
    static const char *const hashes[] = {CHEAP, DEAR};
    static const char *const passwords[] = {"secret", "wrong"};

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        ask(hashes[i / 2], passwords[i % 2]);
        assert_int_equal(rounds, 1 << 12);
    }
}

/* Whether the verifier ended for a message, and so without a reply. */
static void expect_refused(const void *message, size_t size)
{
    struct verifier_reply reply;
    int pair[2];

    rounds = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    assert_int_equal(send(pair[0], message, size, 0), size);
    shutdown(pair[0], SHUT_WR);
    assert_int_equal(verifier_run(pair[1]), 1);
    close(pair[1]);
    assert_int_equal(recv(pair[0], &reply, sizeof(reply), 0), 0);
    assert_int_equal(rounds, 0);
    close(pair[0]);
}

/* A monitor that was taken over cannot have it count for hours, or use what else libcrypt knows. */
static void test_refuses_what_is_no_request(void **state)
{
    static const char *const hashes[] = {
        "", "$2y$31$bbbbbbbbbbbbbbbbbbbbbebbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "$2y$15$bbbbbbbbbbbbbbbbbbbbbebbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb",
        "$6$rounds=999999999$salt$hash", "$7$DU..../....2Q9obwLhin8qvQl6sisAO/$hash"};
    const struct verifier_request good = {.cost = 12, .hash = CHEAP, .password = "secret"};
    struct verifier_request request;
    char longer[sizeof(good) + 1] = "";

    (void)state;
    for (size_t i = 0; i < sizeof(hashes) / sizeof(hashes[0]); i++) {
        request = good;
        strcpy(request.hash, hashes[i]);
        expect_refused(&request, sizeof(request));
    }
    request = good;
    memset(request.hash + strlen(CHEAP), 'a', sizeof(request.hash) - strlen(CHEAP));
    expect_refused(&request, sizeof(request));
    request = good;
    memset(request.password, 'x', sizeof(request.password));
    expect_refused(&request, sizeof(request));
    request = good;
    request.cost = WEBCONFIG_COST_MAX + 1;
    expect_refused(&request, sizeof(request));
    memcpy(longer, &good, sizeof(good));
    expect_refused(longer, sizeof(longer));
    expect_refused(longer, sizeof(good) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_right_and_wrong),
        cmocka_unit_test(test_all_take_as_long),
        cmocka_unit_test(test_refuses_what_is_no_request),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
