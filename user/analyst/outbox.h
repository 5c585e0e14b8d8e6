/* SPDX-License-Identifier: Apache-2.0 */
/* What an analyst tells the monitor: names and stacks once, samples when they change. Messages are
 * gathered and written in order, in large pieces. */
#pragma once

#include <stdbool.h>

#include "loss.h"
#include "sample.h"
#include "wire.h"

struct outbox;

/* `socket` and `losses` are borrowed. -ENOMEM. */
int outbox_new(int socket, struct losses *losses, struct outbox **ret_outbox);
void outbox_free(struct outbox **outbox);

/* The number of a text, which is sent when it is new, cut at WIRE_STRING_MAX. 0: NULL, or no room
 * left for it, which counts as strings_capped. */
uint32_t outbox_string(struct outbox *outbox, const char *text);

/* Sends a stack, unless one of this id was sent before. -ENOSPC: no room left, counted as
 * stacks_capped. */
int outbox_stack(struct outbox *outbox, const struct stack *stack);

void outbox_put(struct outbox *outbox, const struct sample *sample);
void outbox_drop(struct outbox *outbox, enum sample_kind kind, uint64_t id);

/* What is put of goroutines from here to the end of the scan of that time is told once: none of it
 * is put again or dropped, and the next scan begins without. */
void outbox_look(struct outbox *outbox, uint64_t time_ns);

/* Ends a scan: writes all that is left. -EPIPE and other -errno of the socket, also those of
 * earlier writes. */
int outbox_scan(struct outbox *outbox, const struct wire_scan *scan);

/* Whether strings or stacks met their bound: time to start anew, without those of the past. */
bool outbox_is_full(const struct outbox *outbox);
