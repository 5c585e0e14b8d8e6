/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/clients.h"

size_t clients_free_slot(const struct clients *clients)
{
    size_t i = 0;

    while (i < CLIENTS_MAX && clients->slots[i])
        i++;
    return i;
}

size_t clients_find(const struct clients *clients, uint64_t ticket)
{
    size_t i = 0;

    while (i < CLIENTS_MAX && (!clients->slots[i] || clients->slots[i]->ticket != ticket))
        i++;
    return i;
}

/* How long it has kept us waiting, and a nanosecond; 0: it is we who make it wait. */
static uint64_t idle_of(const struct client *client, uint64_t now_ns)
{
    const uint64_t idle_ns = now_ns - client->idle_ns;

    if (client->state == CLIENT_PASSWORD || client->state == CLIENT_QUEUE)
        return 0;
    if (client->state == CLIENT_ANSWER && client->sent == client->have)
        return 0;
    return idle_ns + 1;
}

size_t clients_idlest(const struct clients *clients, uint64_t now_ns, bool answered)
{
    size_t idlest = CLIENTS_MAX;
    uint64_t longest = 0;

    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        const struct client *client = clients->slots[i];

        if (!client || (client->state == CLIENT_ANSWER) != answered)
            continue;
        if (idle_of(client, now_ns) > longest) {
            longest = idle_of(client, now_ns);
            idlest = i;
        }
    }
    return idlest;
}

size_t clients_first_in_queue(const struct clients *clients)
{
    size_t first = CLIENTS_MAX;

    for (size_t i = 0; i < CLIENTS_MAX; i++) {
        const struct client *client = clients->slots[i];

        if (client && client->state == CLIENT_QUEUE &&
            (first == CLIENTS_MAX || client->deadline_ns < clients->slots[first]->deadline_ns))
            first = i;
    }
    return first;
}

uint64_t clients_due_ns(const struct clients *clients)
{
    uint64_t due_ns = UINT64_MAX;

    for (size_t i = 0; i < CLIENTS_MAX; i++)
        if (clients->slots[i] && clients->slots[i]->deadline_ns < due_ns)
            due_ns = clients->slots[i]->deadline_ns;
    return due_ns;
}
