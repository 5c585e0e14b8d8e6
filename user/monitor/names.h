/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one analyst has named so far: strings by number, stacks by their id. Nothing of it changes
 * or moves until names_free(), so reports may borrow.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "budget.h"
#include "idle.h"
#include "loss.h"
#include "sample.h"
#include "wire.h"

#define NAMES_BYTES_MAX  WIRE_TEXT_MAX
#define NAMES_FRAMES_MAX WIRE_FRAMES_MAX

struct names;

struct named_stack {
    struct stack stack;
    const char *idle_rule; /* NULL: not idle by design */
    struct label labels[STACK_LABELS_MAX];
    struct frame frames[]; /* and the creator behind them, if there is one */
};

/* Both are borrowed. -ENOMEM. */
int names_new(const struct idle *idle, struct budget *budget, struct names **ret_names);
void names_free(struct names **names);

/* Both take the payload of a message that intake_check() let pass. What goes beyond a bound, or the
 * budget, is left out and counted in `losses`: such a string reads as unknown. -EBADMSG: the id is
 * taken, or names a string that was not sent or is not what it has to be; -ENOMEM. */
int names_add_string(struct names *names, const void *payload, size_t length,
                     struct losses *losses);
int names_add_stack(struct names *names, const void *payload, struct losses *losses);

/* Whether string `id` was sent; 0, which stands for none, always was. */
bool names_has_string(const struct names *names, uint32_t id);

/* String `id`, or NULL: none, or unknown. */
const char *names_string(const struct names *names, uint32_t id);

/* A stack, or NULL. */
const struct named_stack *names_stack(const struct names *names, uint64_t id);

/* Whether stacks were left out: an unknown id may then be an honest one. */
bool names_stacks_capped(const struct names *names);
