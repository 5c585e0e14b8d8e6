/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any replies of a verifier that was taken over to the monitor, while clients come and go: who is
 * let in is known and was said to be right, each is answered once, and what it is asked is what the
 * verifier takes.
 *
 * An input is steps, a byte each and what it takes.
 */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#include "monitor/auth.h"
#include "verifier.h"

#define CHEAP "$2y$04$aaaaaaaaaaaaaaaaaaaaaeaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define DEAR  "$2y$12$bbbbbbbbbbbbbbbbbbbbbebbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

#define CLIENTS 256

enum step { COME, LEAVE, REPLY, REPLY_TO_ALL, REPLACE, CONFIGURE, N_STEPS };

/* "alice:a", "alice:b", "bob:a", "eve:a", and no password at all. */
static const char *const fields[] = {"Basic YWxpY2U6YQ==", "Basic YWxpY2U6Yg==", "Basic Ym9iOmE=",
                                     "Basic ZXZlOmE=", "Basic YWxpY2U="};

struct world {
    struct auth *auth;
    int verifier; /* its end; -1: there is none */
    struct webconfig config;
    uint64_t n_tickets;
    uint8_t field_of[CLIENTS]; /* by ticket; + 1; 0: nobody waits */
    bool said_right;           /* ever */
};

static void replace(struct world *world)
{
    int pair[2];

    check(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    if (world->verifier >= 0)
        close(world->verifier);
    world->verifier = pair[1];
    auth_replace(world->auth, pair[0]);
}

static void come(struct world *world, size_t field)
{
    const uint64_t ticket = world->n_tickets;
    int r;

    if (ticket == CLIENTS)
        return;
    world->n_tickets++;
    r = auth_check(world->auth, fields[field], ticket);
    check(r == 0 || r == 1 || r == -EINPROGRESS || r == -EBUSY);
    check(r != 1 || (world->said_right && field < 3));
    if (r == -EINPROGRESS)
        world->field_of[ticket] = (uint8_t)(field + 1);
}

static void say(struct world *world, const void *message, size_t size)
{
    struct verifier_reply reply;

    if (size == sizeof(reply)) {
        memcpy(&reply, message, sizeof(reply));
        world->said_right |= reply.right == 1;
    }
    (void)!send(world->verifier, message, size, MSG_DONTWAIT | MSG_NOSIGNAL);
}

/* What it was asked has to be in order. */
static void listen_to_monitor(struct world *world)
{
    struct verifier_request request;
    ssize_t n;

    while ((n = recv(world->verifier, &request, sizeof(request), MSG_DONTWAIT | MSG_TRUNC)) > 0) {
        check(n == sizeof(request));
        check(memchr(request.hash, '\0', sizeof(request.hash)) && webconfig_is_hash(request.hash));
        check(memchr(request.password, '\0', sizeof(request.password)));
        check(request.cost <= WEBCONFIG_COST_MAX && request.ticket < world->n_tickets);
    }
}

/* As the gate does. */
static void hear(struct world *world)
{
    uint64_t ticket;
    bool right;
    int r;

    while ((r = auth_answer(world->auth, &ticket, &right)) == 1) {
        check(ticket < CLIENTS && world->field_of[ticket]);
        check(!right || (world->said_right && world->field_of[ticket] <= 3));
        world->field_of[ticket] = 0;
    }
    if (r < 0) {
        auth_replace(world->auth, -1);
        replace(world);
    }
}

static void take_step(struct input *input, struct world *world)
{
    char message[2 * sizeof(struct verifier_reply)];
    struct verifier_reply reply;
    size_t size;

    switch (take_u8(input) % N_STEPS) {
    case COME:
        come(world, take_u8(input) % (sizeof(fields) / sizeof(fields[0])));
        break;
    case LEAVE:
        auth_cancel(world->auth, take_u8(input));
        break;
    case REPLY:
        size = take_u8(input) % (sizeof(message) + 1);
        take(input, message, size);
        say(world, message, size);
        break;
    case REPLY_TO_ALL:
        reply.right = take_u8(input);
        for (reply.ticket = take_u8(input); reply.ticket < world->n_tickets; reply.ticket++)
            say(world, &reply, sizeof(reply));
        break;
    case REPLACE:
        replace(world);
        break;
    default:
        auth_configure(world->auth, &world->config);
        break;
    }
    listen_to_monitor(world);
    hear(world);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct webconfig config = {.n_users = 2,
                                            .users = {{"alice", CHEAP}, {"bob", DEAR}}};
    struct input input = {data, size};
    struct world world = {.verifier = -1, .config = config};

    check(!auth_new(-1, &world.auth));
    auth_configure(world.auth, &world.config);
    replace(&world);
    while (input.left)
        take_step(&input, &world);
    auth_free(&world.auth);
    close(world.verifier);
    return 0;
}
