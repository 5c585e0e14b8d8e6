/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of user/monitor/auth.c: the test is the verifier, so it counts what would cost time. */
#include "monitor/auth.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>
#include <gnutls/gnutls.h>

#include "verifier.h"

#define CHEAP "$2y$04$aaaaaaaaaaaaaaaaaaaaaeaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DEAR  "$2y$12$bbbbbbbbbbbbbbbbbbbbbebbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

struct fixture {
    struct auth *auth;
    int verifier;
    struct webconfig config;
    struct verifier_request request; /* the last one */
    unsigned n_requests;
};

static void add_user(struct webconfig *config, const char *name, const char *hash)
{
    strcpy(config->users[config->n_users].name, name);
    strcpy(config->users[config->n_users++].hash, hash);
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    int pair[2];

    if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) || auth_new(pair[0], &fixture->auth))
        return -1;
    fixture->verifier = pair[1];
    add_user(&fixture->config, "alice", CHEAP);
    add_user(&fixture->config, "bob", DEAR);
    auth_configure(fixture->auth, &fixture->config);
    *state = fixture;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    auth_free(&fixture->auth);
    auth_free(&fixture->auth);
    close(fixture->verifier);
    free(fixture);
    return 0;
}

static int check(struct fixture *fixture, const char *user_and_password, uint64_t ticket)
{
    const gnutls_datum_t text = {.data = (unsigned char *)user_and_password,
                                 .size = (unsigned)strlen(user_and_password)};
    gnutls_datum_t encoded;
    char field[4096];

    assert_int_equal(gnutls_base64_encode2(&text, &encoded), 0);
    snprintf(field, sizeof(field), "Basic %.*s", (int)encoded.size, encoded.data);
    gnutls_free(encoded.data);
    return auth_check(fixture->auth, field, ticket);
}

static bool is_asked(struct fixture *fixture)
{
    const ssize_t n =
        recv(fixture->verifier, &fixture->request, sizeof(fixture->request), MSG_DONTWAIT);

    fixture->n_requests += n == sizeof(fixture->request);
    return n == sizeof(fixture->request);
}

static void answer(struct fixture *fixture, bool right)
{
    const struct verifier_reply reply = {fixture->request.ticket, right};

    assert_int_equal(send(fixture->verifier, &reply, sizeof(reply), 0), sizeof(reply));
}

/* One whole check; what it came to. */
static bool ask(struct fixture *fixture, const char *user_and_password, bool says_right)
{
    uint64_t ticket;
    bool right;

    assert_int_equal(check(fixture, user_and_password, 7), -EINPROGRESS);
    assert_true(is_asked(fixture));
    assert_int_equal(auth_answer(fixture->auth, &ticket, &right), 0);
    answer(fixture, says_right);
    assert_int_equal(auth_answer(fixture->auth, &ticket, &right), 1);
    assert_int_equal(ticket, 7);
    return right;
}

static void needs_no_password_without_users(void **state)
{
    struct fixture *fixture = *state;

    fixture->config.n_users = 0;
    assert_int_equal(auth_check(fixture->auth, NULL, 1), 1);
    auth_configure(fixture->auth, NULL);
    assert_int_equal(auth_check(fixture->auth, "Basic x", 1), 1);
}

static void refuses_fields_without_a_check(void **state)
{
    static const char *const fields[] = {"",           "Basic",      "Basic ",     "Basic !!!",
                                         "Bearer abc", "Basic YQ==", "Digest a=b", "BasicYTpi"};
    struct fixture *fixture = *state;

    assert_int_equal(auth_check(fixture->auth, NULL, 1), 0);
    for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
        assert_int_equal(auth_check(fixture->auth, fields[i], 1), 0);
    assert_false(is_asked(fixture));
}

static void asks_once_for_a_right_password(void **state)
{
    struct fixture *fixture = *state;

    assert_true(ask(fixture, "alice:secret", true));
    assert_string_equal(fixture->request.hash, CHEAP);
    assert_string_equal(fixture->request.password, "secret");
    assert_int_equal(check(fixture, "alice:secret", 8), 1);
    assert_int_equal(check(fixture, "alice:secret2", 9), -EINPROGRESS);
    assert_int_equal(fixture->n_requests, 1);
}

/* By what is asked of the verifier: one check each, which takes what the dearest does. */
static void asks_alike_for_unknown_users(void **state)
{
    struct fixture *fixture = *state;

    assert_false(ask(fixture, "alice:wrong", false));
    assert_int_equal(fixture->request.cost, 12);
    assert_false(ask(fixture, "mallory:wrong", false));
    assert_string_equal(fixture->request.hash, DEAR);
    assert_int_equal(fixture->request.cost, 12);
    assert_false(ask(fixture, ":", false));
    assert_false(ask(fixture, "alic:wrong", false));
    assert_false(ask(fixture, "alice2:wrong", false));
    assert_int_equal(fixture->n_requests, 5);
    /* Nor is a wrong one remembered, however often it comes. */
    assert_false(ask(fixture, "alice:wrong", false));
}

/* Bob's password lets nobody in whose name is not known, whose check it also passes. */
static void lets_no_unknown_user_in(void **state)
{
    struct fixture *fixture = *state;

    assert_true(ask(fixture, "bob:pass", true));
    assert_false(ask(fixture, "mallory:pass", true));
    assert_false(ask(fixture, "mallory:pass", true));
}

static void cuts_no_password(void **state)
{
    struct fixture *fixture = *state;
    char text[600] = "alice:";

    memset(text + 6, 'x', VERIFIER_PASSWORD_MAX - 1);
    assert_true(ask(fixture, text, true));
    text[6 + VERIFIER_PASSWORD_MAX - 1] = 'x';
    assert_false(ask(fixture, text, true));
}

static void forgets_with_the_configuration(void **state)
{
    struct fixture *fixture = *state;

    assert_true(ask(fixture, "alice:secret", true));
    auth_configure(fixture->auth, &fixture->config);
    assert_int_equal(check(fixture, "alice:secret", 8), -EINPROGRESS);
}

static void forgets_the_oldest(void **state)
{
    struct fixture *fixture = *state;
    char text[32];

    for (int i = 0; i <= AUTH_CACHE_MAX; i++) {
        snprintf(text, sizeof(text), "alice:%d", i);
        assert_true(ask(fixture, text, true));
    }
    assert_int_equal(check(fixture, "alice:1", 1), 1);
    assert_int_equal(check(fixture, "alice:0", 1), -EINPROGRESS);
}

static void bounds_its_queue(void **state)
{
    struct fixture *fixture = *state;
    uint64_t ticket;
    bool right;

    for (uint64_t i = 0; i < AUTH_QUEUE_MAX; i++)
        assert_int_equal(check(fixture, "alice:wrong", i), -EINPROGRESS);
    assert_int_equal(check(fixture, "alice:wrong", 99), -EBUSY);
    auth_cancel(fixture->auth, 5);
    assert_int_equal(check(fixture, "alice:wrong", 100), -EINPROGRESS);
    for (uint64_t i = 0; i < AUTH_QUEUE_MAX; i++) {
        assert_true(is_asked(fixture));
        assert_false(is_asked(fixture)); /* one at a time */
        answer(fixture, false);
        assert_int_equal(auth_answer(fixture->auth, &ticket, &right), 1);
        assert_int_equal(ticket, i == AUTH_QUEUE_MAX - 1 ? 100 : i + (i >= 5));
    }
    assert_false(is_asked(fixture));
}

static void notices_a_verifier_that_is_gone(void **state)
{
    struct fixture *fixture = *state;
    uint64_t ticket;
    bool right;

    close(fixture->verifier);
    assert_int_equal(auth_answer(fixture->auth, &ticket, &right), -ECONNRESET);
    assert_int_equal(check(fixture, "alice:secret", 1), -EBUSY);
    fixture->verifier = -1;
}

/* Of no other length, for no other ticket and not unasked: then it was taken over. */
static void believes_no_reply_but_the_one_it_waits_for(void **state)
{
    struct fixture *fixture = *state;
    struct {
        struct verifier_reply reply;
        char more;
    } longer = {{7, 1}, 0};
    uint64_t ticket;
    bool right;

    assert_int_equal(send(fixture->verifier, &longer, sizeof(longer.reply), 0),
                     sizeof(longer.reply));
    assert_int_equal(auth_answer(fixture->auth, &ticket, &right), -ECONNRESET);
    assert_int_equal(check(fixture, "alice:secret", 7), -EINPROGRESS);
    assert_int_equal(send(fixture->verifier, &longer, sizeof(longer), 0), sizeof(longer));
    assert_int_equal(auth_answer(fixture->auth, &ticket, &right), -ECONNRESET);
    assert_int_equal(send(fixture->verifier, &longer, sizeof(longer.reply) - 1, 0),
                     sizeof(longer.reply) - 1);
    assert_int_equal(auth_answer(fixture->auth, &ticket, &right), -ECONNRESET);
    longer.reply.ticket++;
    assert_int_equal(send(fixture->verifier, &longer, sizeof(longer.reply), 0),
                     sizeof(longer.reply));
    assert_int_equal(auth_answer(fixture->auth, &ticket, &right), -ECONNRESET);
}

/* What the one before was asked may be what ended it; the others go on. */
static void goes_on_with_another_verifier(void **state)
{
    struct fixture *fixture = *state;
    uint64_t ticket;
    bool right;
    int pair[2];

    assert_int_equal(check(fixture, "alice:poison", 1), -EINPROGRESS);
    assert_int_equal(check(fixture, "alice:secret", 2), -EINPROGRESS);
    close(fixture->verifier);
    assert_int_equal(auth_answer(fixture->auth, &ticket, &right), -ECONNRESET);
    assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
    fixture->verifier = pair[1];
    auth_replace(fixture->auth, pair[0]);
    assert_true(is_asked(fixture));
    assert_string_equal(fixture->request.password, "secret");
    answer(fixture, true);
    assert_int_equal(auth_answer(fixture->auth, &ticket, &right), 1);
    assert_int_equal(ticket, 2);
    assert_true(right);
    assert_false(is_asked(fixture));
}

#define WITH_AUTH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_AUTH(needs_no_password_without_users),
        WITH_AUTH(refuses_fields_without_a_check),
        WITH_AUTH(asks_once_for_a_right_password),
        WITH_AUTH(asks_alike_for_unknown_users),
        WITH_AUTH(lets_no_unknown_user_in),
        WITH_AUTH(cuts_no_password),
        WITH_AUTH(forgets_with_the_configuration),
        WITH_AUTH(forgets_the_oldest),
        WITH_AUTH(bounds_its_queue),
        WITH_AUTH(notices_a_verifier_that_is_gone),
        WITH_AUTH(believes_no_reply_but_the_one_it_waits_for),
        WITH_AUTH(goes_on_with_another_verifier),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
