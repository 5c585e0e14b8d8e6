/* SPDX-License-Identifier: Apache-2.0 */
/* Describes parked goroutines that were read: their stacks, and what they wait on. */
#pragma once

#include <stdbool.h>

#include "analyst/go/code.h"
#include "analyst/go/layout.h"
#include "analyst/go/subjects.h"
#include "analyst/outbox.h"
#include "loss.h"

struct describer;

/* All are borrowed. -ENOMEM. */
int describer_new(struct go_code *code, const struct g_layout *layout, struct outbox *outbox,
                  struct losses *losses, struct describer **ret_describer);
void describer_free(struct describer **describer);

/* Unwinds what was read of one. True: its stack is larger than the copy of it, and the rest was
 * read now: what came out of it is true only if the goroutine has not run until now. */
bool describe_unwind(struct describer *describer, const struct subject *subject);

/* Names what was read of the one that was unwound last, after it was seen that the goroutine has
 * not run meanwhile. -ENOSPC: the monitor has no room for its stack. */
int describe_name(struct describer *describer, struct subject *subject);

/* Names the channel of one that has_channel: others may wait on it by now than when it was named.
 */
void describe_channel(struct describer *describer, struct subject *subject);
