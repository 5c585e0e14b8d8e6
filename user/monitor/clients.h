/* SPDX-License-Identifier: Apache-2.0 */
/* The clients that are connected, in slots, and which of them has to make room. */
#pragma once

#include "monitor/client.h"

#define CLIENTS_MAX 256 /* a newer one ends the one that idles longest */

struct clients {
    struct client *slots[CLIENTS_MAX]; /* owned; NULL: free */
};

/* A free slot; CLIENTS_MAX: none. */
size_t clients_free_slot(const struct clients *clients);

/* The slot of the client with this ticket; CLIENTS_MAX: it is gone. */
size_t clients_find(const struct clients *clients, uint64_t ticket);

/* Of those that have an answer and have not yet read it all, or else of all others, the client that
 * has kept us waiting longest. Time counts from the beginning: to trickle does not help.
 * CLIENTS_MAX: we wait for none. */
size_t clients_idlest(const struct clients *clients, uint64_t now_ns, bool answered);

/* Who has been in CLIENT_QUEUE longest; CLIENTS_MAX: nobody is. */
size_t clients_first_in_queue(const struct clients *clients);

/* The first deadline; UINT64_MAX: none. */
uint64_t clients_due_ns(const struct clients *clients);
