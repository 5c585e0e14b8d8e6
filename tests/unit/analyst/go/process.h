/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A Go process that is none, for tests of the goroutine side: a heap of g's, sudogs and channels, a
 * page of variables with runtime.allgs in it, and the functions of code.h that a test links with
 * in place of the real ones. Offsets are written out here once more, from the facts of each
 * version's DWARF, so that a slip in layout.c shows.
 */
#pragma once

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/asked.h"
#include "analyst/go/code.h"
#include "analyst/go/goroutine.h"
#include "analyst/go/memory.h"

#define DATA_BASE  0x500000ul
#define DATA_SIZE  4096u
#define ALLGS_AT   (DATA_BASE + 512)
#define HEAP_BASE  0xc000000000ul
#define HEAP_SIZE  (8u * 1024 * 1024)
#define ARRAY_AT   HEAP_BASE             /* of allgs */
#define GS_AT      (HEAP_BASE + 0x40000) /* g's, one behind the other */
#define G_STRIDE   512u
#define THINGS_AT  (HEAP_BASE + 0x180000) /* sudogs and channels */
#define STACKS_AT  (HEAP_BASE + 0x200000) /* 2048 bytes each */
#define STACK_SIZE 2048u
#define PROCESS_GS 2300 /* at most */

struct offsets {
    int minor;
    unsigned syscall_sp, status, goid, waitsince, reason, sequence, gopc, startpc, waiting;
    unsigned sudog_link, sudog_channel, recvq;
    uint8_t force_gc, sweep, scavenge, send, receive, select, mutex, coroutine;
};

static const struct offsets versions[] = {
    {117, 112, 144, 152, 168, 176, 189, 296, 312, 328, 64, 80, 56, 17, 12, 13, 15, 14, 9, 0, 0},
    {119, 112, 144, 152, 168, 176, 189, 296, 312, 328, 64, 80, 56, 17, 12, 13, 15, 14, 9, 0, 0},
    {120, 112, 144, 152, 168, 176, 189, 296, 312, 328, 64, 80, 56, 17, 12, 13, 15, 14, 9, 21, 0},
    {121, 112, 144, 152, 168, 176, 188, 280, 296, 312, 64, 80, 56, 17, 12, 13, 15, 14, 9, 21, 0},
    {122, 112, 144, 152, 168, 176, 191, 280, 296, 312, 64, 80, 56, 17, 12, 13, 15, 14, 9, 21, 36},
    {123, 112, 152, 160, 176, 184, 199, 288, 304, 320, 64, 80, 64, 17, 12, 13, 15, 14, 9, 21, 36},
    {124, 112, 152, 160, 176, 184, 199, 288, 304, 320, 64, 80, 64, 17, 12, 13, 15, 14, 9, 21, 37},
    {125, 104, 144, 152, 168, 176, 191, 280, 296, 312, 64, 80, 64, 17, 12, 13, 15, 14, 9, 22, 38},
    {126, 104, 144, 152, 168, 176, 191, 288, 304, 320, 72, 96, 64, 11, 8, 9, 20, 19, 18, 22, 38},
    {127, 104, 144, 152, 168, 176, 191, 288, 304, 320, 72, 96, 64, 11, 8, 9, 20, 19, 18, 22, 38},
};

#define VERSIONS (sizeof(versions) / sizeof(versions[0]))

static inline const struct offsets *offsets_of(int minor)
{
    for (size_t i = 0; i < VERSIONS; i++)
        if (versions[i].minor == minor)
            return &versions[i];
    return NULL;
}

struct process {
    const struct offsets *offsets;
    int minor; /* what it says it is */
    struct go_memory memory;
    uint8_t data[DATA_SIZE];
    uint8_t heap[HEAP_SIZE];
    uint8_t packed[RPC_DATA_SIZE];
    uint32_t lengths[RPC_RANGES_MAX];
    struct asked asked;
    unsigned n_reads, n_late;
    size_t n_gs;
    void (*before_read)(struct process *process); /* what the target does meanwhile */
};

static inline uint8_t *process_at(struct process *process, uint64_t address, size_t size)
{
    if (address >= DATA_BASE && address - DATA_BASE <= DATA_SIZE &&
        size <= DATA_SIZE - (address - DATA_BASE))
        return process->data + (address - DATA_BASE);
    if (address >= HEAP_BASE && address - HEAP_BASE <= HEAP_SIZE &&
        size <= HEAP_SIZE - (address - HEAP_BASE))
        return process->heap + (address - HEAP_BASE);
    return NULL;
}

static inline void put64(struct process *process, uint64_t address, uint64_t value)
{
    memcpy(process_at(process, address, 8), &value, 8);
}

static inline void put32(struct process *process, uint64_t address, uint32_t value)
{
    memcpy(process_at(process, address, 4), &value, 4);
}

static inline void put8(struct process *process, uint64_t address, uint8_t value)
{
    *process_at(process, address, 1) = value;
}

static inline uint64_t g_of(size_t index)
{
    return GS_AT + index * G_STRIDE;
}

static inline void process_set_allgs(struct process *process, uint64_t array, uint64_t length,
                                     uint64_t capacity)
{
    put64(process, ALLGS_AT, array);
    put64(process, ALLGS_AT + 8, length);
    put64(process, ALLGS_AT + 16, capacity);
}

static inline void process_set_status(struct process *process, size_t index, uint32_t status,
                                      uint8_t reason)
{
    put32(process, g_of(index) + process->offsets->status, status);
    put8(process, g_of(index) + process->offsets->reason, reason);
}

/* One more goroutine, parked; its goid is its number in the list, from 1. */
static inline size_t process_add(struct process *process, uint8_t reason, uint64_t startpc)
{
    const struct offsets *offsets = process->offsets;
    size_t index = process->n_gs++;
    uint64_t g = g_of(index), stack = STACKS_AT + index * STACK_SIZE;

    put64(process, g, stack);
    put64(process, g + 8, stack + STACK_SIZE);
    put64(process, g + 56, stack + STACK_SIZE - 256);
    put64(process, g + 64, 0x401000);
    put64(process, g + 72, g);
    put64(process, g + offsets->goid, index + 1);
    put64(process, g + offsets->gopc, 0x402000);
    put64(process, g + offsets->startpc, startpc);
    put8(process, g + offsets->sequence, 7);
    process_set_status(process, index, GO_WAITING, reason);
    put64(process, ARRAY_AT + index * 8, g);
    process_set_allgs(process, ARRAY_AT, process->n_gs, PROCESS_GS);
    return index;
}

/* Where goroutines begin, and what those functions are called. */
enum {
    START_MAIN = 0x410000,
    START_FORCE_GC = 0x411000,
    START_SWEEP = 0x412000,
    START_SCAVENGE = 0x413000,
    START_FINALIZERS = 0x415000,
    START_OWN = 0x414000
};

/* Functions that park. */
enum {
    PC_GOPARK = 0x420000,
    PC_SEND = 0x421000,
    PC_RECEIVE = 0x422000,
    PC_SEMACQUIRE = 0x423000,
    PC_SELECT = 0x424000,
    PC_COROSWITCH = 0x425000
};

/* It stands in gopark(), which `pc` called: on its stack lies but that return address. */
static inline void process_park_in(struct process *process, size_t index, uint64_t pc)
{
    put64(process, g_of(index) + 64, PC_GOPARK);
    put64(process, STACKS_AT + (index + 1) * STACK_SIZE - 256, pc);
}

/* It waits on a channel of its own, in a queue of which it is the only one. */
static inline void process_queue(struct process *process, size_t index)
{
    const struct offsets *offsets = process->offsets;
    uint64_t sudog = THINGS_AT + index * 256, channel = sudog + 128;

    put64(process, g_of(index) + offsets->waiting, sudog);
    put64(process, sudog, g_of(index));
    put64(process, sudog + offsets->sudog_channel, channel);
    put64(process, channel + offsets->recvq, sudog);
    put64(process, channel + offsets->recvq + 16, sudog); /* sendq */
}

static inline int process_read(void *context, uint64_t address, void *buffer, size_t size)
{
    struct process *process = context;
    uint8_t *at;

    process->n_reads++;
    if (process->before_read)
        process->before_read(process);
    at = process_at(process, address, size);
    if (!at)
        return -EFAULT;
    memcpy(buffer, at, size);
    return 0;
}

static inline size_t readable(struct process *process, const struct rpc_range *range)
{
    size_t size = range->length;

    while (size && !process_at(process, range->address, size))
        size--;
    return size;
}

static inline int process_read_ranges(void *context, const struct rpc_range *ranges, size_t n,
                                      const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    struct process *process = context;
    size_t used = 0;

    process->n_reads++;
    if (process->before_read)
        process->before_read(process);
    for (size_t i = 0; i < n; i++) {
        process->lengths[i] = (uint32_t)readable(process, &ranges[i]);
        if (process->lengths[i])
            memcpy(process->packed + used,
                   process_at(process, ranges[i].address, process->lengths[i]),
                   process->lengths[i]);
        used += process->lengths[i];
    }
    *ret_bytes = process->packed;
    *ret_lengths = process->lengths;
    return 0;
}

static inline int process_ask(void *context, const struct rpc_range *ranges, size_t n)
{
    return asked_ask(&((struct process *)context)->asked, ranges, n);
}

static inline int process_take(void *context, const uint8_t **ret_bytes,
                               const uint32_t **ret_lengths)
{
    struct process *process = context;

    return asked_take(&process->asked, &process->memory, ret_bytes, ret_lengths);
}

/* Answers are late two times out of three. */
static inline bool process_is_late(void *context)
{
    struct process *process = context;

    return process->n_late++ % 3 != 2;
}

/* Main, the runtime's own three, and `n` that send. */
static inline struct process *process_new(int minor, size_t n)
{
    struct process *process = calloc(1, sizeof(*process));

    process->minor = minor;
    process->offsets = offsets_of(minor);
    process->memory = (struct go_memory){.read = process_read,
                                         .read_ranges = process_read_ranges,
                                         .context = process,
                                         .ask = process_ask,
                                         .take = process_take,
                                         .is_late = process_is_late};
    process_add(process, process->offsets->receive, START_MAIN);
    process_add(process, process->offsets->force_gc, START_FORCE_GC);
    process_add(process, process->offsets->sweep, START_SWEEP);
    process_add(process, process->offsets->scavenge, START_SCAVENGE);
    for (size_t i = 0; i < n; i++)
        process_add(process, process->offsets->send, START_OWN);
    return process;
}

/* The parts of code.h that tests link with instead: a struct go_code is a struct process. */
int go_code_minor(const struct go_code *code)
{
    return ((const struct process *)(const void *)code)->minor;
}

const char *go_code_version(const struct go_code *code)
{
    (void)code;
    return "go1.0";
}

size_t go_code_variables(const struct go_code *code, struct rpc_range *ret_ranges, size_t max)
{
    (void)code;
    if (max)
        ret_ranges[0] = (struct rpc_range){DATA_BASE, DATA_SIZE};
    return max ? 1 : 0;
}

bool go_code_has(const struct go_code *code, uint64_t pc)
{
    (void)code;
    return pc >= 0x400000 && pc < DATA_BASE;
}

const char *go_code_function(struct go_code *code, uint64_t pc, uint64_t *ret_entry)
{
    (void)code;
    *ret_entry = pc;
    switch (pc) {
    case START_MAIN:
        return "runtime.main";
    case START_FORCE_GC:
        return "runtime.forcegchelper";
    case START_SWEEP:
        return "runtime.gcenable.func1";
    case START_SCAVENGE:
        return "runtime.bgscavenge";
    case START_FINALIZERS:
        return "runtime.runfinq";
    case START_OWN:
        return "main.work";
    case PC_GOPARK:
        return "runtime.gopark";
    case PC_SEND:
        return "runtime.chansend";
    case PC_RECEIVE:
        return "runtime.chanrecv";
    case PC_SEMACQUIRE:
        return "sync.runtime_Semacquire";
    case PC_SELECT:
        return "runtime.selectgo";
    case PC_COROSWITCH:
        return "runtime.coroswitch";
    default:
        return NULL;
    }
}
