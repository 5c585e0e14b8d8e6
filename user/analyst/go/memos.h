/* SPDX-License-Identifier: Apache-2.0 */
/* The memos of all g's of a target, by address: neighbours in memory are neighbours here. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "analyst/go/memo.h"
#include "analyst/go/runtime.h"

#define MEMOS_MAX (4 * 1024 * 1024) /* g's of one target, the dead among them */

struct memos {
    struct memo *all;
    size_t n, room;
    uint64_t left_out; /* entries of the target's list beyond the bound */
};

/* Adds the g's that the target has made since: they come behind those that are known. Memos move.
 * -errno of go_runtime_gs(), -ENOMEM; then none or a part of them was added. */
int memos_grow(struct memos *memos, struct go_runtime *runtime);

void memos_clear(struct memos *memos);
