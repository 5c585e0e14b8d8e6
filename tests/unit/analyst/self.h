/* SPDX-License-Identifier: Apache-2.0 */
/* The test process as a target of its own unwinder. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

#include "analyst/unwind.h"
#include "bpf/record.h"

#define SELF_FRAMES 64

struct self {
    struct unwinder *unwinder;
    struct losses losses;
    struct maps maps;
    bool unreadable;      /* let reads fail */
    unsigned int n_reads; /* calls of read() */
    unsigned int n_opens; /* calls of open_mapping() */
    unsigned int n_debug; /* calls of open_debug() */
    unsigned int n_finds; /* calls of find_mapping() */
    unsigned int n_lists; /* calls of list_mappings() */
    int find_error;       /* not 0: of find_mapping() */
    unsigned int lists;   /* calls of list_mappings() that are left */
};

static inline int self_read(void *context, uint64_t address, void *buffer, size_t size)
{
    struct self *self = context;
    struct iovec local = {buffer, size}, remote = {(void *)(uintptr_t)address, size};

    self->n_reads++;
    if (self->unreadable)
        return -EFAULT;
    return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)size ? 0 : -EFAULT;
}

static inline int self_open_mapping(void *context, const struct mapping *mapping, int *ret_fd)
{
    struct self *self = context;

    self->n_opens++;
    *ret_fd = open(mapping->path, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

static inline int self_open_debug(void *context, const char *path, int *ret_fd)
{
    struct self *self = context;

    self->n_debug++;
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC);
    return *ret_fd < 0 ? -errno : 0;
}

static inline void self_read_maps(struct maps *ret_maps)
{
    size_t capacity = 4 << 20, length = 0;
    char *text = malloc(capacity);
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    ssize_t n;

    while ((n = read(fd, text + length, capacity - length)) > 0)
        length += (size_t)n;
    close(fd);
    if (maps_parse(text, length, ret_maps) < 0)
        abort();
    free(text);
}

static inline int self_find_mapping(void *context, uint64_t address, struct mapping *ret_mapping)
{
    struct self *self = context;
    const struct mapping *mapping;

    self->n_finds++;
    if (self->find_error)
        return self->find_error;
    maps_free(&self->maps);
    self_read_maps(&self->maps);
    mapping = maps_find(&self->maps, address);
    if (!mapping)
        return -ENOENT;
    *ret_mapping = *mapping;
    return 0;
}

static inline int self_list_mappings(void *context, const struct maps **ret_maps)
{
    struct self *self = context;

    self->n_lists++;
    if (!self->lists)
        return -EBUSY;
    self->lists--;
    maps_free(&self->maps);
    self_read_maps(&self->maps);
    *ret_maps = &self->maps;
    return 0;
}

static inline void self_start_as(struct self *self, bool careful)
{
    struct unwind_target target = {.read = self_read,
                                   .open_mapping = self_open_mapping,
                                   .open_debug = self_open_debug,
                                   .find_mapping = self_find_mapping,
                                   .list_mappings = self_list_mappings,
                                   .context = self,
                                   .careful = careful};

    *self = (struct self){0};
    if (unwinder_new(&target, &self->losses, &self->unwinder) < 0)
        abort();
    self_read_maps(&self->maps);
    if (unwinder_set_maps(self->unwinder, &self->maps) < 0)
        abort();
}

static inline void self_start(struct self *self)
{
    self_start_as(self, false);
}

static inline void self_stop(struct self *self)
{
    unwinder_free(&self->unwinder);
    maps_free(&self->maps);
}

/* From the C library's order to enum record_reg. */
static inline void self_registers(const ucontext_t *context, uint64_t regs[static RECORD_REGS])
{
    static const uint8_t order[][2] = {
        {REGS_R15, REG_R15}, {REGS_R14, REG_R14}, {REGS_R13, REG_R13}, {REGS_R12, REG_R12},
        {REGS_BP, REG_RBP},  {REGS_BX, REG_RBX},  {REGS_R11, REG_R11}, {REGS_R10, REG_R10},
        {REGS_R9, REG_R9},   {REGS_R8, REG_R8},   {REGS_AX, REG_RAX},  {REGS_CX, REG_RCX},
        {REGS_DX, REG_RDX},  {REGS_SI, REG_RSI},  {REGS_DI, REG_RDI},  {REGS_IP, REG_RIP},
        {REGS_SP, REG_RSP},
    };

    memset(regs, 0, RECORD_REGS * sizeof(*regs));
    for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
        regs[order[i][0]] = (uint64_t)context->uc_mcontext.gregs[order[i][1]];
}

/* A stack with its names, inlined frames included. */
struct named {
    struct frame frames[SELF_FRAMES];
    size_t n;
};

static inline void self_name(struct self *self, const struct raw_frame *raw, size_t n,
                             struct named *ret_named)
{
    struct frame frames[SYMBOL_INLINE_MAX];

    ret_named->n = 0;
    for (size_t i = 0; i < n; i++) {
        size_t n_frames = unwinder_symbolize(self->unwinder, &raw[i], frames);

        for (size_t j = 0; j < n_frames && ret_named->n < SELF_FRAMES; j++)
            ret_named->frames[ret_named->n++] = frames[j];
    }
}

/* Index of the first frame of the function, or SIZE_MAX. */
static inline size_t self_index(const struct named *named, const char *function)
{
    for (size_t i = 0; i < named->n; i++)
        if (named->frames[i].function && strcmp(named->frames[i].function, function) == 0)
            return i;
    return SIZE_MAX;
}
