/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/gate.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "monitor/auth.h"
#include "monitor/clients.h"
#include "monitor/listeners.h"

#define EVENTS_MAX 64 /* handled in one go, as are new connections of one socket */

/* What an event is about, in its data: a client's slot, one of these, or the pair of the client in
 * slot `source - SOURCE_PAIRS`. */
enum source { SOURCE_LISTENERS = CLIENTS_MAX, SOURCE_VERIFIER, SOURCE_PAIRS };

struct gate {
    struct gate_options options;
    int epoll_fd;
    struct webconfig *config; /* owned; NULL: plain, open to all */
    struct tls *tls;          /* owned; NULL: plain */
    struct auth *auth;
    bool is_open;
    uint64_t now_ns; /* of this run */
    uint64_t n_tickets;
    size_t n_answers; /* clients in CLIENT_ANSWER */
    struct weblosses losses;
    struct listeners listeners;
    struct clients clients;
};

static void end_client(struct gate *gate, size_t slot)
{
    struct client *client = gate->clients.slots[slot];

    if (client->state == CLIENT_ANSWER)
        gate->n_answers--;
    if (client->state == CLIENT_PASSWORD)
        auth_cancel(gate->auth, client->ticket);
    client_free(&gate->clients.slots[slot]);
}

static void enter(struct gate *gate, struct client *client, enum client_state state,
                  uint64_t patience_ns)
{
    gate->n_answers += state == CLIENT_ANSWER;
    gate->n_answers -= client->state == CLIENT_ANSWER;
    client->state = state;
    client->deadline_ns = gate->now_ns + patience_ns;
    client->idle_ns = gate->now_ns;
}

/* Ends the client that has kept us waiting longest, of those with an answer or of all others. */
static bool evict(struct gate *gate, bool answered)
{
    const size_t slot = clients_idlest(&gate->clients, gate->now_ns, answered);

    if (slot == CLIENTS_MAX)
        return false;
    gate->losses.count[answered ? WEBLOSS_slow : WEBLOSS_evicted]++;
    end_client(gate, slot);
    return true;
}

static void close_pair(struct client *client)
{
    cleanup_close(&client->pair);
    client->pair = -1;
    client->is_pair_watched = false;
}

static void refuse(struct gate *gate, struct client *client, enum refusal refusal)
{
    explicit_bzero(client->buffer, client->have);
    close_pair(client);
    client->have = refusal_write(refusal, !client->is_head, gate->config, client->buffer);
    client->sent = 0;
    enter(gate, client, CLIENT_REFUSAL, GATE_REFUSAL_NS);
}

/* Writes the request into a pair whose other end goes to who answers. */
static int hand_over(struct gate *gate, struct client *client)
{
    char text[HEAD_WRITTEN_MAX];
    const size_t length = head_write(&client->head, text);
    int pair[2];

    if (!length)
        return -EMSGSIZE;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair))
        return -errno;
    client->pair = pair[0];
    if (send(pair[0], text, length, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)length) {
        close(pair[1]);
        return -EIO;
    }
    return gate->options.serve(gate->options.context, pair[1]);
}

static void begin_answer(struct gate *gate, struct client *client)
{
    if (gate->n_answers == GATE_ANSWERS_MAX && !evict(gate, true)) {
        enter(gate, client, CLIENT_QUEUE, GATE_QUEUE_NS);
        return;
    }
    if (hand_over(gate, client)) {
        refuse(gate, client, REFUSAL_INTERNAL);
        return;
    }
    explicit_bzero(client->buffer, client->have);
    client->have = client->sent = 0;
    enter(gate, client, CLIENT_ANSWER, GATE_ANSWER_NS);
}

static void decide(struct gate *gate, struct client *client)
{
    const enum refusal refusal = refusal_of(&client->head, gate->options.names);
    int r;

    if (refusal) {
        refuse(gate, client, refusal);
        return;
    }
    r = auth_check(gate->auth, client->head.authorization, client->ticket);
    if (r == 1) {
        begin_answer(gate, client);
    } else if (r == -EINPROGRESS) {
        enter(gate, client, CLIENT_PASSWORD, GATE_PASSWORD_NS);
    } else if (r) {
        gate->losses.count[WEBLOSS_passwords_capped]++;
        refuse(gate, client, REFUSAL_BUSY_PASSWORDS);
    } else {
        refuse(gate, client, REFUSAL_PASSWORD);
    }
}

/* Steps: each does what it can in its state. 0: it went on to another; -EAGAIN: it has to wait;
 * else the connection ends. */

static int step_handshake(struct gate *gate, struct client *client)
{
    const int r = tls_handshake(client->session);

    if (r == -EPROTO)
        gate->losses.count[WEBLOSS_tls_failed]++;
    if (!r)
        client->state = CLIENT_HEAD; /* in the time that is left */
    return r;
}

static int step_head(struct gate *gate, struct client *client)
{
    const ssize_t n = client_read(client);
    int r;

    if (n <= 0)
        return n ? (int)n : -ECONNRESET;
    client->is_head = client->have >= 5 && !memcmp(client->buffer, "HEAD ", 5);
    r = head_parse(client->buffer, client->have, &client->head);
    if (r == -EAGAIN)
        return 0;
    if (r)
        refuse(gate, client, refusal_of_error(r));
    else
        decide(gate, client);
    return 0;
}

static int finish(struct gate *gate, struct client *client)
{
    client_end(client);
    enter(gate, client, CLIENT_LINGER, GATE_LINGER_NS);
    return 0;
}

static int step_answer(struct gate *gate, struct client *client)
{
    const int r = client_write(client);
    ssize_t n;

    if (r)
        return r;
    n = client_refill(client);
    if (n < 0)
        return (int)n;
    client->is_answered |= n > 0;
    if (n)
        return 0;
    if (client->is_answered)
        return finish(gate, client);
    /* It ended without a word: out of memory, most likely. */
    refuse(gate, client, REFUSAL_INTERNAL);
    return 0;
}

static int step(struct gate *gate, struct client *client)
{
    int r;

    switch (client->state) {
    case CLIENT_HANDSHAKE:
        return step_handshake(gate, client);
    case CLIENT_HEAD:
        return step_head(gate, client);
    case CLIENT_ANSWER:
        return step_answer(gate, client);
    case CLIENT_REFUSAL:
        r = client_write(client);
        return r ? r : finish(gate, client);
    case CLIENT_LINGER:
        return client_drain(client) ? -EAGAIN : -ECONNRESET;
    default:
        return -EAGAIN;
    }
}

static int ask_client(struct gate *gate, struct client *client, size_t slot)
{
    const uint32_t wanted = client_wants(client);
    struct epoll_event event = {.events = wanted, .data.u64 = slot};

    if (client->events == wanted)
        return 0;
    client->events = wanted;
    return epoll_ctl(gate->epoll_fd, EPOLL_CTL_MOD, client->fd, &event) ? -errno : 0;
}

/* A pair that nothing is wanted of has to leave: that its other end was closed, as that of every
 * answer is once it is written, epoll tells of whatever it was asked for. */
static int ask_pair(struct gate *gate, struct client *client, size_t slot, bool wanted)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = SOURCE_PAIRS + slot};
    const int operation = wanted ? EPOLL_CTL_ADD : EPOLL_CTL_DEL;

    if (client->pair < 0 || client->is_pair_watched == wanted)
        return 0;
    client->is_pair_watched = wanted;
    return epoll_ctl(gate->epoll_fd, operation, client->pair, &event) ? -errno : 0;
}

/* Who answers is listened to when the client has read all that came before. */
static int ask_for_events(struct gate *gate, struct client *client, size_t slot)
{
    const bool wants_answer = client->state == CLIENT_ANSWER && !client_wants(client);
    const int r = ask_client(gate, client, slot);

    return r ? r : ask_pair(gate, client, slot, wants_answer);
}

/* Goes on with a client until it has to wait. */
static void advance(struct gate *gate, size_t slot)
{
    struct client *client = gate->clients.slots[slot];
    int r;

    do
        r = step(gate, client);
    while (!r);
    if (r != -EAGAIN || ask_for_events(gate, client, slot))
        end_client(gate, slot);
}

static void take_answers_of_verifier(struct gate *gate)
{
    uint64_t ticket;
    bool right;
    size_t slot;
    int r;

    while ((r = auth_answer(gate->auth, &ticket, &right)) == 1) {
        slot = clients_find(&gate->clients, ticket);
        if (slot == CLIENTS_MAX || gate->clients.slots[slot]->state != CLIENT_PASSWORD)
            continue;
        if (right)
            begin_answer(gate, gate->clients.slots[slot]);
        else
            refuse(gate, gate->clients.slots[slot], REFUSAL_PASSWORD);
        advance(gate, slot);
    }
    /* The verifier is gone, or is to go: it ends when its socket does, and the probe starts another
     * one. All that wait for it will be told so in time. */
    if (r < 0)
        auth_replace(gate->auth, -1);
}

/* Whether its request is here, of which no event has told yet: then it does not idle. */
static bool has_asked(struct gate *gate, size_t slot)
{
    if (gate->clients.slots[slot]->state != CLIENT_HEAD)
        return false;
    advance(gate, slot);
    return !gate->clients.slots[slot] || gate->clients.slots[slot]->state != CLIENT_HEAD;
}

/* Ends the client that idles longest, for a newer one. Who reads an answer, of whom there are
 * GATE_ANSWERS_MAX at most, goes where nobody else does. */
static bool evict_for_newer(struct gate *gate)
{
    size_t slot;

    while ((slot = clients_idlest(&gate->clients, gate->now_ns, false)) < CLIENTS_MAX) {
        if (!has_asked(gate, slot))
            return evict(gate, false);
        if (!gate->clients.slots[slot])
            return true;
    }
    return evict(gate, true);
}

/* Who has waited longest goes on, where there is room now. */
static void take_turns(struct gate *gate)
{
    size_t slot;

    while (gate->n_answers < GATE_ANSWERS_MAX &&
           (slot = clients_first_in_queue(&gate->clients)) < CLIENTS_MAX) {
        begin_answer(gate, gate->clients.slots[slot]);
        advance(gate, slot);
    }
}

static size_t make_slot(struct gate *gate)
{
    const size_t slot = clients_free_slot(&gate->clients);

    return slot < CLIENTS_MAX || !evict_for_newer(gate) ? slot : clients_free_slot(&gate->clients);
}

static void take_connection(struct gate *gate, int fd)
{
    const size_t slot = make_slot(gate);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = slot};
    struct client *client;

    if (slot == CLIENTS_MAX) {
        gate->losses.count[WEBLOSS_accept_failed]++;
        close(fd);
        return;
    }
    if (client_new(fd, gate->tls, ++gate->n_tickets, &client)) {
        gate->losses.count[WEBLOSS_accept_failed]++;
        return;
    }
    gate->clients.slots[slot] = client;
    client->events = EPOLLIN;
    client->deadline_ns = gate->now_ns + GATE_HEAD_NS;
    client->idle_ns = gate->now_ns;
    if (epoll_ctl(gate->epoll_fd, EPOLL_CTL_ADD, fd, &event))
        end_client(gate, slot);
    else
        advance(gate, slot);
}

/* Without descriptors or memory somebody who idles has to go. If nobody does, all have to wait. */
static bool make_room(struct gate *gate)
{
    gate->losses.count[WEBLOSS_accept_failed]++;
    if (evict_for_newer(gate))
        return true;
    listeners_pause(&gate->listeners, gate->now_ns + GATE_RETRY_NS);
    return false;
}

static void accept_from(struct gate *gate, size_t index)
{
    for (int i = 0; i < EVENTS_MAX; i++) {
        const int fd = listeners_accept(&gate->listeners, index);

        if (fd >= 0)
            take_connection(gate, fd);
        else if (fd == -EAGAIN || (fd == -EMFILE && !make_room(gate)))
            return;
    }
}

/* Its time is over. Who was on the way with a request is told. */
static void expire(struct gate *gate, size_t slot)
{
    struct client *client = gate->clients.slots[slot];

    switch (client->state) {
    case CLIENT_HEAD:
        gate->losses.count[WEBLOSS_late]++;
        if (!client->have)
            break;
        refuse(gate, client, REFUSAL_LATE);
        advance(gate, slot);
        return;
    case CLIENT_HANDSHAKE:
        gate->losses.count[WEBLOSS_late]++;
        break;
    case CLIENT_PASSWORD:
        gate->losses.count[WEBLOSS_passwords_capped]++;
        auth_cancel(gate->auth, client->ticket);
        refuse(gate, client, REFUSAL_BUSY);
        advance(gate, slot);
        return;
    case CLIENT_QUEUE:
        gate->losses.count[WEBLOSS_answers_capped]++;
        refuse(gate, client, REFUSAL_BUSY);
        advance(gate, slot);
        return;
    case CLIENT_ANSWER:
    case CLIENT_REFUSAL:
        gate->losses.count[WEBLOSS_slow]++;
        break;
    default:
        break;
    }
    end_client(gate, slot);
}

/* A connection that is broken ends in any state: in those that wait for us nobody else would
 * notice, and epoll would go on telling. */
static void take_event(struct gate *gate, const struct epoll_event *event)
{
    const bool is_pair = event->data.u64 >= SOURCE_PAIRS;
    const size_t slot = event->data.u64 - (is_pair ? SOURCE_PAIRS : 0);

    if (!gate->clients.slots[slot])
        return;
    if (!is_pair && event->events & (EPOLLHUP | EPOLLERR))
        end_client(gate, slot);
    else
        advance(gate, slot);
}

void gate_run(struct gate *gate, uint64_t now_ns)
{
    struct epoll_event events[EVENTS_MAX];
    const int n = epoll_wait(gate->epoll_fd, events, EVENTS_MAX, 0);
    bool accepts = false;

    gate->now_ns = now_ns;
    for (int i = 0; i < n; i++) {
        const uint64_t source = events[i].data.u64;

        if (source == SOURCE_LISTENERS)
            accepts = true;
        else if (source == SOURCE_VERIFIER)
            take_answers_of_verifier(gate);
        else
            take_event(gate, &events[i]);
    }
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (gate->clients.slots[i] && gate->clients.slots[i]->deadline_ns <= now_ns)
            expire(gate, i);
    listeners_retry(&gate->listeners, now_ns);
    for (size_t i = 0; accepts && !gate->listeners.retry_ns && i < gate->listeners.n; i++)
        accept_from(gate, i);
    take_turns(gate);
}

uint64_t gate_due_ns(const struct gate *gate)
{
    const uint64_t due_ns = clients_due_ns(&gate->clients);
    const uint64_t retry_ns = gate->listeners.retry_ns;

    return retry_ns && retry_ns < due_ns ? retry_ns : due_ns;
}

static int watch_verifier(struct gate *gate)
{
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = SOURCE_VERIFIER};

    return epoll_ctl(gate->epoll_fd, EPOLL_CTL_ADD, auth_fd(gate->auth), &event) ? -errno : 0;
}

int gate_new(const struct gate_options *options, struct gate **ret_gate)
{
    CLEANUP(gate_free) struct gate *gate = calloc(1, sizeof(*gate));
    int r;

    if (!gate) {
        cleanup_close(&(int){options->verifier_fd});
        return -ENOMEM;
    }
    gate->options = *options;
    gate->epoll_fd = -1;
    r = auth_new(options->verifier_fd, &gate->auth);
    if (r)
        return r;
    gate->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    if (gate->epoll_fd < 0)
        return -errno;
    gate->listeners = (struct listeners){.fds = options->fds,
                                         .n = options->n_fds,
                                         .epoll_fd = gate->epoll_fd,
                                         .source = SOURCE_LISTENERS};
    if (options->verifier_fd >= 0)
        r = watch_verifier(gate);
    if (!r)
        *ret_gate = TAKE_PTR(gate);
    return r;
}

void gate_free(struct gate **gate)
{
    if (!*gate)
        return;
    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if ((*gate)->clients.slots[i])
            end_client(*gate, i);
    auth_free(&(*gate)->auth);
    tls_unref(&(*gate)->tls);
    free((*gate)->config);
    cleanup_close(&(*gate)->epoll_fd);
    free(*gate);
    *gate = NULL;
}

int gate_configure(struct gate *gate, struct webconfig *config, struct tls *tls)
{
    int r = 0;

    auth_configure(gate->auth, config);
    free(gate->config);
    gate->config = config;
    tls_unref(&gate->tls);
    gate->tls = tls;
    if (!gate->is_open)
        r = listeners_open(&gate->listeners);
    gate->is_open = true;
    return r;
}

int gate_replace_verifier(struct gate *gate, int fd)
{
    auth_replace(gate->auth, fd);
    return watch_verifier(gate);
}

const struct webconfig *gate_config(const struct gate *gate)
{
    return gate->config;
}

int gate_fd(const struct gate *gate)
{
    return gate->epoll_fd;
}

struct weblosses *gate_losses(struct gate *gate)
{
    return &gate->losses;
}
