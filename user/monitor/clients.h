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

/* The client that has kept us waiting longest; of those that read an answer only who has not read
 * for `stalled_ns`, and with `only_answers` nobody else. CLIENTS_MAX: we wait for none. */
size_t clients_idlest(const struct clients *clients, uint64_t now_ns, uint64_t stalled_ns,
                      bool only_answers);

/* The first deadline; UINT64_MAX: none. */
uint64_t clients_due_ns(const struct clients *clients);
