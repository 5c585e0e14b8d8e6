/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What goroutines wait on in package sync. From Go 1.26 on g.waiting leads there. Before, only the
 * goroutine's own stack does, and is searched for it:
 *
 * - semacquire1() (runtime/sema.go) needs its sudog after the wait, so a pointer to it is in its
 *   frame. The sudog leads back to the g, and to the semaphore; it is emptied when the wait is
 * over, so it can be that of no other wait.
 * - notifyListWait() leaves no such trace in its sudog. But sync.(*Cond).Wait() needs its Cond
 * after the wait, and a Cond that was used points to itself (copyChecker in sync/cond.go). It is
 * known if the frames up to that of Wait() hold pointers to one Cond only.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "analyst/go/gather.h"
#include "analyst/go/goroutine.h"
#include "analyst/go/layout.h"

/* Bytes from the stack pointer up that are searched: the frames of gopark(), of semacquire1() or
 * notifyListWait(), and of Wait() take less than half of it. */
#define SEMAPHORE_WINDOW 512

#define SEMAPHORE_FOUND_MAX 4

/* A goroutine whose semaphore, or the list in its Cond, is looked for. */
struct semaphore_search {
    bool wanted;
    bool is_cond; /* it waits on a Cond, else on a semaphore */
    uint64_t g;   /* address */
    uint64_t sp;
    const uint8_t *stack; /* a copy of `size` bytes from there on */
    size_t size;
    uint32_t n; /* distinct ones that were found; more than the bound are counted only */
    struct {
        uint64_t address;
        uint32_t at; /* where on the stack, first */
    } found[SEMAPHORE_FOUND_MAX];
};

/* Whether a goroutine that waits for this reason, and not on a channel, has one; and where that one
 * is, is known of its Go. */
bool semaphore_is_known(const struct g_layout *layout, const char *reason);

/* Looks for those that are wanted. 0 or -errno of the memory. */
int semaphores_find(struct gatherer *gatherer, const struct g_layout *layout,
                    struct semaphore_search *searches, size_t n);

/* The only one that was found in the first `end` bytes; 0: none, or more than one. */
uint64_t semaphore_found(const struct semaphore_search *search, size_t end);

/*
 * The object of package sync that the semaphore or list at `address` is part of, by the name of the
 * function that waits for it: its address and, in *ret_type, its type ("sync.Mutex"). 0: it is not
 * that function which knows.
 */
uint64_t semaphore_object(uint64_t address, const char *function, const char **ret_type);
