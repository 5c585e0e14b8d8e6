/* SPDX-License-Identifier: Apache-2.0 */
/* Tests of user/monitor/gate.c and clients.c: deadlines by a clock that the test sets, room, and
 * passwords. Who serves is the test, which keeps each request's socket. */
#include "monitor/gate.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "monitor/clients.h"
#include "monitor/http.h"
#include "verifier.h"

#define SECOND  1000000000ull
#define GOOD    "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n"
#define SOCKETS (GATE_ANSWERS_MAX + 8)

#define ROUNDS_MAX 1000 /* of the gate, for what happened at one moment */

struct fixture {
    struct gate *gate;
    int listener;
    struct sockaddr_in address;
    uint64_t now_ns;
    int verifier; /* the verifier's end */
    size_t n_served;
    int served[SOCKETS]; /* the ends of requests */
};

static int serve(void *context, int fd)
{
    struct fixture *fixture = context;

    assert_true(fixture->n_served < SOCKETS);
    fixture->served[fixture->n_served++] = fd;
    return 0;
}

static int set_up(void **state)
{
    struct fixture *fixture = calloc(1, sizeof(*fixture));
    socklen_t length = sizeof(fixture->address);
    char why[HTTP_WHY_MAX];
    int pair[2];
    struct gate_options options = {
        .fds = &fixture->listener, .n_fds = 1, .serve = serve, .context = fixture};

    if (http_listen("127.0.0.1:0", &fixture->listener, why) ||
        getsockname(fixture->listener, (struct sockaddr *)&fixture->address, &length) ||
        socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
        return -1;
    fixture->verifier = pair[1];
    options.verifier_fd = pair[0];
    fixture->now_ns = 1000 * SECOND;
    *state = fixture;
    return gate_new(&options, &fixture->gate);
}

static int set_up_open(void **state)
{
    int r = set_up(state);

    return r ? r : gate_configure(((struct fixture *)*state)->gate, NULL, NULL);
}

static int tear_down(void **state)
{
    struct fixture *fixture = *state;

    gate_free(&fixture->gate);
    for (size_t i = 0; i < fixture->n_served; i++)
        close(fixture->served[i]);
    close(fixture->listener);
    close(fixture->verifier);
    free(fixture);
    return 0;
}

/* Lets the gate do all that it can do now. Then it has nothing to do: one that goes on being
 * readable would keep the monitor's loop going round. */
static void run(struct fixture *fixture)
{
    struct pollfd poller = {.fd = gate_fd(fixture->gate), .events = POLLIN};
    int rounds = 0;

    do
        gate_run(fixture->gate, fixture->now_ns);
    while (poll(&poller, 1, 0) == 1 && ++rounds < ROUNDS_MAX);
    assert_true(rounds < ROUNDS_MAX);
}

static void pass(struct fixture *fixture, uint64_t ns)
{
    fixture->now_ns += ns;
    run(fixture);
}

static int connect_client(struct fixture *fixture)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    assert_true(fd >= 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&fixture->address, sizeof(fixture->address)),
                     0);
    run(fixture);
    return fd;
}

static void say(struct fixture *fixture, int client, const char *text)
{
    assert_int_equal(send(client, text, strlen(text), MSG_NOSIGNAL), strlen(text));
    run(fixture);
}

/* True if the gate has closed: what came before the end is in ret_text. */
static bool is_closed(int client, char *ret_text, size_t size)
{
    struct pollfd poller = {.fd = client, .events = POLLIN};
    size_t at = 0;
    ssize_t n = -1;

    while (at < size - 1 && poll(&poller, 1, 50) == 1 &&
           (n = recv(client, ret_text + at, size - 1 - at, MSG_DONTWAIT)) > 0)
        at += (size_t)n;
    ret_text[at] = '\0';
    return n == 0 || (n < 0 && errno == ECONNRESET);
}

static void expect_closed(int client, const char *answer)
{
    char text[8192];

    assert_true(is_closed(client, text, sizeof(text)));
    if (strncmp(text, answer, strlen(answer)) != 0 || (!answer[0] && text[0]))
        fail_msg("'%s' instead of '%s'", text, answer);
    close(client);
}

static uint64_t lost(const struct fixture *fixture, enum webloss loss)
{
    return gate_losses(fixture->gate)->count[loss];
}

static void expect_open(int client)
{
    char text[8192];

    assert_false(is_closed(client, text, sizeof(text)));
    assert_string_equal(text, "");
}

static void serves_nobody_before_it_is_configured(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_client(fixture);

    say(fixture, client, GOOD);
    assert_int_equal(fixture->n_served, 0);
    assert_int_equal(gate_configure(fixture->gate, NULL, NULL), 0);
    run(fixture);
    assert_int_equal(fixture->n_served, 1);
    close(client);
}

/* A byte every nine seconds is no way to stay. */
static void bounds_a_head_in_total(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_client(fixture);

    say(fixture, client, "G");
    pass(fixture, 9 * SECOND);
    expect_open(client);
    say(fixture, client, "E");
    assert_int_equal(gate_due_ns(fixture->gate), 1000 * SECOND + GATE_HEAD_NS);
    pass(fixture, SECOND - 1);
    expect_open(client);
    pass(fixture, 1);
    expect_closed(client, "HTTP/1.1 408 ");
    assert_int_equal(lost(fixture, WEBLOSS_late), 1);
    pass(fixture, GATE_LINGER_NS);
    assert_int_equal(gate_due_ns(fixture->gate), UINT64_MAX);
}

static void ends_who_says_nothing(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_client(fixture);

    pass(fixture, GATE_HEAD_NS);
    expect_closed(client, "");
    assert_int_equal(lost(fixture, WEBLOSS_late), 1);
}

static void passes_a_canonical_request_and_its_answer(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_client(fixture);
    char text[512];
    ssize_t n;

    say(fixture, client,
        "GET /a?b=%20 HTTP/1.0\r\nX: y\r\nACCEPT:  text/plain \r\nCookie: c\r\n\r\nGET /hidden");
    assert_int_equal(fixture->n_served, 1);
    n = recv(fixture->served[0], text, sizeof(text) - 1, MSG_DONTWAIT);
    assert_true(n > 0);
    text[n] = '\0';
    assert_string_equal(text, "GET /a?b=%20 HTTP/1.1\r\nHost: x\r\nAccept: text/plain\r\n"
                              "Connection: close\r\n\r\n");
    assert_int_equal(send(fixture->served[0], "answer", 6, 0), 6);
    shutdown(fixture->served[0], SHUT_WR);
    run(fixture);
    expect_closed(client, "answer");
}

static void answers_for_who_does_not(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_client(fixture);

    say(fixture, client, GOOD);
    shutdown(fixture->served[0], SHUT_WR);
    run(fixture);
    expect_closed(client, "HTTP/1.1 500 ");
}

/* Fills an answer until nobody takes more. */
static void fill(struct fixture *fixture, int fd)
{
    char bytes[4096] = "";
    int stuck = 0;

    while (stuck < 3) {
        stuck = send(fd, bytes, sizeof(bytes), MSG_DONTWAIT | MSG_NOSIGNAL) > 0 ? 0 : stuck + 1;
        run(fixture);
    }
}

static void ends_slow_readers(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_client(fixture);

    say(fixture, client, GOOD);
    fill(fixture, fixture->served[0]);
    pass(fixture, GATE_ANSWER_NS - 1);
    assert_int_equal(lost(fixture, WEBLOSS_slow), 0);
    pass(fixture, 1);
    assert_int_equal(lost(fixture, WEBLOSS_slow), 1);
    assert_int_equal(gate_due_ns(fixture->gate), UINT64_MAX);
    close(client);
}

/* What answers is done and has closed long before the client has read. */
static void waits_quietly_for_a_slow_reader(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_client(fixture);

    say(fixture, client, GOOD);
    fill(fixture, fixture->served[0]);
    shutdown(fixture->served[0], SHUT_RDWR);
    run(fixture);
    assert_int_equal(gate_due_ns(fixture->gate), fixture->now_ns + GATE_ANSWER_NS);
    close(client);
}

static void lingers_quietly(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_client(fixture);

    say(fixture, client, GOOD);
    assert_int_equal(send(fixture->served[0], "answer", 6, 0), 6);
    shutdown(fixture->served[0], SHUT_RDWR);
    run(fixture);
    assert_int_equal(gate_due_ns(fixture->gate), fixture->now_ns + GATE_LINGER_NS);
    expect_closed(client, "answer");
}

/* What comes behind a request is thrown away, for so long. */
static void ends_who_goes_on_and_on(void **state)
{
    static const char more[16 * 1024];
    struct fixture *fixture = *state;
    int client = connect_client(fixture), n = 0;

    say(fixture, client, GOOD);
    shutdown(fixture->served[0], SHUT_RDWR);
    run(fixture);
    while (n < 64 && send(client, more, sizeof(more), MSG_NOSIGNAL | MSG_DONTWAIT) > 0) {
        run(fixture);
        n++;
    }
    assert_in_range(n, 2, 32);
    close(client);
}

/* Closes so that the other side is told at once, by a reset. */
static void reset(struct fixture *fixture, int client)
{
    const struct linger now = {.l_onoff = 1};

    assert_int_equal(setsockopt(client, SOL_SOCKET, SO_LINGER, &now, sizeof(now)), 0);
    close(client);
    run(fixture);
}

static void ends_who_resets_before_the_answer(void **state)
{
    struct fixture *fixture = *state;
    int client = connect_client(fixture);

    say(fixture, client, GOOD);
    assert_int_equal(fixture->n_served, 1);
    reset(fixture, client);
    assert_int_equal(gate_due_ns(fixture->gate), UINT64_MAX);
}

static void ends_who_resets_in_the_queue(void **state)
{
    struct fixture *fixture = *state;
    int clients[GATE_ANSWERS_MAX], more;

    for (size_t i = 0; i < GATE_ANSWERS_MAX; i++) {
        clients[i] = connect_client(fixture);
        say(fixture, clients[i], GOOD);
    }
    more = connect_client(fixture);
    say(fixture, more, GOOD);
    reset(fixture, more);
    assert_int_equal(gate_due_ns(fixture->gate), fixture->now_ns + GATE_ANSWER_NS);
    assert_int_equal(lost(fixture, WEBLOSS_answers_capped), 0);
    for (size_t i = 0; i < GATE_ANSWERS_MAX; i++)
        close(clients[i]);
}

static void makes_room_for_the_newest(void **state)
{
    struct fixture *fixture = *state;
    int clients[CLIENTS_MAX], last;

    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        clients[i] = connect_client(fixture);
        pass(fixture, 1);
    }
    /* That it trickles on does not help the first one. */
    say(fixture, clients[0], "GET /");
    last = connect_client(fixture);
    say(fixture, last, GOOD);
    assert_int_equal(fixture->n_served, 1);
    assert_int_equal(lost(fixture, WEBLOSS_evicted), 1);
    expect_closed(clients[0], "");
    expect_open(clients[1]);
    for (size_t i = 1; i < CLIENTS_MAX; i++)
        close(clients[i]);
    close(last);
}

/* Many answers are on their way longer than a flood takes to fill all slots. */
static void keeps_who_reads_an_answer(void **state)
{
    struct fixture *fixture = *state;
    int reader = connect_client(fixture), clients[CLIENTS_MAX];
    char start[1];

    say(fixture, reader, GOOD);
    fill(fixture, fixture->served[0]);
    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        pass(fixture, 1);
        clients[i] = connect_client(fixture);
    }
    assert_int_equal(recv(reader, start, sizeof(start), MSG_DONTWAIT), sizeof(start));
    assert_int_equal(lost(fixture, WEBLOSS_slow), 0);
    assert_int_equal(lost(fixture, WEBLOSS_evicted), 1);
    expect_closed(clients[0], "");
    expect_open(clients[1]);
    for (size_t i = 1; i < CLIENTS_MAX; i++)
        close(clients[i]);
    close(reader);
}

/* Where so many have something to say at once that not all are heard before the next connection. */
static void keeps_whose_request_is_here(void **state)
{
    struct fixture *fixture = *state;
    int clients[CLIENTS_MAX], last = socket(AF_INET, SOCK_STREAM, 0);

    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        clients[i] = connect_client(fixture);
        pass(fixture, 1);
    }
    assert_int_equal(connect(last, (struct sockaddr *)&fixture->address, sizeof(fixture->address)),
                     0);
    for (size_t i = 1; i < CLIENTS_MAX; i++)
        assert_int_equal(send(clients[i], "G", 1, MSG_NOSIGNAL), 1);
    say(fixture, clients[0], GOOD);
    assert_int_equal(fixture->n_served, 1);
    assert_int_equal(lost(fixture, WEBLOSS_evicted), 1);
    expect_open(clients[0]);
    expect_open(clients[2]);
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        close(clients[i]);
    close(last);
}

static void takes_turns(void **state)
{
    struct fixture *fixture = *state;
    int clients[GATE_ANSWERS_MAX + 2];

    for (size_t i = 0; i < GATE_ANSWERS_MAX + 2; i++) {
        clients[i] = connect_client(fixture);
        pass(fixture, 1);
        say(fixture, clients[i], GOOD);
    }
    assert_int_equal(fixture->n_served, GATE_ANSWERS_MAX);
    assert_int_equal(send(fixture->served[7], "answer", 6, 0), 6);
    shutdown(fixture->served[7], SHUT_WR);
    run(fixture);
    assert_int_equal(fixture->n_served, GATE_ANSWERS_MAX + 1);
    close(clients[7]);
    assert_int_equal(send(fixture->served[GATE_ANSWERS_MAX], "first", 5, 0), 5);
    shutdown(fixture->served[GATE_ANSWERS_MAX], SHUT_WR);
    run(fixture);
    expect_closed(clients[GATE_ANSWERS_MAX], "first");
    assert_int_equal(lost(fixture, WEBLOSS_answers_capped), 0);
    for (size_t i = 0; i < GATE_ANSWERS_MAX; i++)
        if (i != 7)
            close(clients[i]);
    close(clients[GATE_ANSWERS_MAX + 1]);
}

static void bounds_answers(void **state)
{
    struct fixture *fixture = *state;
    int clients[GATE_ANSWERS_MAX], more;

    for (size_t i = 0; i < GATE_ANSWERS_MAX; i++) {
        clients[i] = connect_client(fixture);
        say(fixture, clients[i], GOOD);
    }
    assert_int_equal(fixture->n_served, GATE_ANSWERS_MAX);
    more = connect_client(fixture);
    say(fixture, more, GOOD);
    expect_open(more);
    pass(fixture, GATE_QUEUE_NS);
    expect_closed(more, "HTTP/1.1 503 ");
    assert_int_equal(lost(fixture, WEBLOSS_answers_capped), 1);

    /* Who does not read makes room, who waits for us does not. */
    fill(fixture, fixture->served[3]);
    more = connect_client(fixture);
    say(fixture, more, GOOD);
    assert_int_equal(fixture->n_served, GATE_ANSWERS_MAX + 1);
    assert_int_equal(lost(fixture, WEBLOSS_slow), 1);
    for (size_t i = 0; i < GATE_ANSWERS_MAX; i++)
        close(clients[i]);
    close(more);
}

/* Passwords, by the test as verifier. */
static void require_password(struct fixture *fixture)
{
    struct webconfig *config = calloc(1, sizeof(*config));

    config->n_users = 1;
    strcpy(config->users[0].name, "alice");
    strcpy(config->users[0].hash, "$2y$04$aaaaaaaaaaaaaaaaaaaaaeaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa");
    assert_int_equal(gate_configure(fixture->gate, config, NULL), 0);
}

#define WITH_PASSWORD                                                                              \
    "GET /x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic YWxpY2U6c2VjcmV0\r\n\r\n"

static void verify(struct fixture *fixture, bool right)
{
    struct verifier_request request;
    struct verifier_reply reply;

    assert_int_equal(recv(fixture->verifier, &request, sizeof(request), MSG_DONTWAIT),
                     sizeof(request));
    assert_string_equal(request.password, "secret");
    reply = (struct verifier_reply){request.ticket, right};
    assert_int_equal(send(fixture->verifier, &reply, sizeof(reply), 0), sizeof(reply));
    run(fixture);
}

static void waits_for_the_verifier_alone(void **state)
{
    struct fixture *fixture = *state;
    int first, second;

    require_password(fixture);
    first = connect_client(fixture);
    say(fixture, first, GOOD);
    expect_closed(first, "HTTP/1.1 401 ");
    first = connect_client(fixture);
    say(fixture, first, WITH_PASSWORD);
    second = connect_client(fixture);
    say(fixture, second, WITH_PASSWORD);
    assert_int_equal(fixture->n_served, 0);
    verify(fixture, false);
    expect_closed(first, "HTTP/1.1 401 ");
    verify(fixture, true);
    assert_int_equal(fixture->n_served, 1);
    close(second);
    second = connect_client(fixture);
    say(fixture, second, WITH_PASSWORD);
    assert_int_equal(fixture->n_served, 2);
    assert_int_equal(send(fixture->served[1], "answer", 6, 0), 6);
    shutdown(fixture->served[1], SHUT_WR);
    run(fixture);
    expect_closed(second, "answer");
}

static void bounds_the_wait_for_the_verifier(void **state)
{
    struct fixture *fixture = *state;
    int clients[17], n = 17;

    require_password(fixture);
    for (int i = 0; i < n; i++) {
        clients[i] = connect_client(fixture);
        say(fixture, clients[i], WITH_PASSWORD);
    }
    expect_closed(clients[n - 1], "HTTP/1.1 429 ");
    pass(fixture, GATE_PASSWORD_NS);
    for (int i = 0; i < n - 1; i++)
        expect_closed(clients[i], "HTTP/1.1 503 ");
    assert_int_equal(lost(fixture, WEBLOSS_passwords_capped), n);
    verify(fixture, true); /* too late, and for nobody */
    assert_int_equal(fixture->n_served, 0);
}

static void ends_who_resets_before_the_verifier(void **state)
{
    struct fixture *fixture = *state;
    int client;

    require_password(fixture);
    client = connect_client(fixture);
    say(fixture, client, WITH_PASSWORD);
    reset(fixture, client);
    assert_int_equal(gate_due_ns(fixture->gate), UINT64_MAX);
    verify(fixture, true); /* for nobody */
    assert_int_equal(fixture->n_served, 0);
}

/* Without descriptors it neither spins nor ends, and goes on when there are some. */
static void survives_without_descriptors(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before, none;
    int idle, client;

    idle = connect_client(fixture);
    client = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)client + 1, .rlim_max = before.rlim_max};
    assert_int_equal(
        connect(client, (struct sockaddr *)&fixture->address, sizeof(fixture->address)), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    run(fixture); /* the idle one goes */
    assert_int_equal(lost(fixture, WEBLOSS_evicted), 1);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_true(lost(fixture, WEBLOSS_accept_failed) >= 1);
    expect_closed(idle, "");
    say(fixture, client, GOOD);
    assert_int_equal(fixture->n_served, 1);
    close(client);
}

static void waits_when_nobody_can_go(void **state)
{
    struct fixture *fixture = *state;
    struct rlimit before, none;
    int client = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){.rlim_cur = (rlim_t)client + 1, .rlim_max = before.rlim_max};
    assert_int_equal(
        connect(client, (struct sockaddr *)&fixture->address, sizeof(fixture->address)), 0);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    run(fixture); /* ends: the listening socket does not keep it busy */
    assert_int_equal(gate_due_ns(fixture->gate), fixture->now_ns + GATE_RETRY_NS);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    pass(fixture, GATE_RETRY_NS);
    say(fixture, client, GOOD);
    assert_int_equal(fixture->n_served, 1);
    close(client);
}

#define OPEN(test) cmocka_unit_test_setup_teardown(test, set_up_open, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(serves_nobody_before_it_is_configured, set_up, tear_down),
        OPEN(bounds_a_head_in_total),
        OPEN(ends_who_says_nothing),
        OPEN(passes_a_canonical_request_and_its_answer),
        OPEN(answers_for_who_does_not),
        OPEN(ends_slow_readers),
        OPEN(waits_quietly_for_a_slow_reader),
        OPEN(lingers_quietly),
        OPEN(ends_who_goes_on_and_on),
        OPEN(ends_who_resets_before_the_answer),
        OPEN(ends_who_resets_in_the_queue),
        OPEN(makes_room_for_the_newest),
        OPEN(keeps_who_reads_an_answer),
        OPEN(keeps_whose_request_is_here),
        OPEN(takes_turns),
        OPEN(bounds_answers),
        OPEN(waits_for_the_verifier_alone),
        OPEN(bounds_the_wait_for_the_verifier),
        OPEN(ends_who_resets_before_the_verifier),
        OPEN(survives_without_descriptors),
        OPEN(waits_when_nobody_can_go),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
