/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/native.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "analyst/go/site.h"
#include "analyst/site.h"
#include "analyst/unwind.h"
#include "cleanup.h"
#include "clock.h"
#include "reason.h"

#define STACK_COPY    (16 * 1024) /* of each stack at once: most park within it */
#define WINDOW_SIZE   (16 * 1024) /* what is read at once of anything beyond */
#define WINDOW_ALIGN  4096
#define RAW_MAX       STACK_FRAMES_MAX
#define PREPARE_MAPS  (2 * 1024 * 1024) /* more text takes longer to read than it can save */
/* A stack's mapping ends within this distance above its thread pointer (static TLS and struct
 * pthread lie above it), unless other things share the mapping. */
#define STACK_TOP_MAX (64 * 1024)

static_assert(NATIVE_BATCH_MAX * STACK_COPY <=
                  (RPC_AHEAD_SLOTS - 1) * (RPC_AHEAD_SIZE - STACK_COPY),
              "a batch is in the slots at once");
static_assert(NATIVE_BATCH_MAX <= RPC_RANGES_MAX, "a batch is read at once");

struct native {
    struct remote *remote;
    struct mappings *mappings;
    int mappings_error; /* of the batch: what is mapped could not be asked */
    struct losses *losses;
    struct stacks *stacks;
    struct unwinder *unwinder;
    struct go_code *go;           /* NULL: none */
    struct kernel_record *kernel; /* of this scan, if any thread asked for them */
    size_t n_kernel;
    bool kernel_asked;
    uint64_t window_address; /* 0: empty */
    size_t window_length;
    uint8_t window[WINDOW_SIZE];
};

static int read_window(struct native *native, uint64_t address)
{
    struct rpc_range range = {address & ~(uint64_t)(WINDOW_ALIGN - 1), WINDOW_SIZE};
    const uint32_t *lengths;
    const uint8_t *bytes;
    int r;

    native->window_address = 0;
    r = remote_read(native->remote, &range, 1, &bytes, &lengths);
    if (r)
        return r;
    memcpy(native->window, bytes, lengths[0]);
    native->window_address = range.address;
    native->window_length = lengths[0];
    return 0;
}

static bool window_has(const struct native *native, uint64_t address, size_t size)
{
    uint64_t offset = address - native->window_address;

    return native->window_address && address >= native->window_address &&
           offset < native->window_length && size <= native->window_length - offset;
}

/* More than the window holds: version tables and the like, never stacks. */
static int read_large(struct native *native, struct rpc_range range, void *buffer)
{
    const uint32_t *lengths;
    const uint8_t *bytes;
    int r;

    if (range.length > RPC_DATA_SIZE)
        return -E2BIG;
    r = remote_read(native->remote, &range, 1, &bytes, &lengths);
    if (r)
        return r;
    if (lengths[0] < range.length)
        return -EFAULT;
    memcpy(buffer, bytes, range.length);
    return 0;
}

static int target_read(void *context, uint64_t address, void *buffer, size_t size)
{
    struct native *native = context;
    int r;

    if (size > WINDOW_SIZE - WINDOW_ALIGN)
        return read_large(native, (struct rpc_range){address, size}, buffer);
    if (!window_has(native, address, size)) {
        r = read_window(native, address);
        if (r)
            return r;
    }
    if (!window_has(native, address, size)) {
        native->losses->count[LOSS_memory_unreadable]++;
        return -EFAULT;
    }
    memcpy(buffer, native->window + (address - native->window_address), size);
    return 0;
}

static int target_open_mapping(void *context, const struct mapping *mapping, int *ret_fd)
{
    struct native *native = context;
    struct rpc_range range = {mapping->start, mapping->end - mapping->start};

    return remote_open_mapping(native->remote, range, mapping->device, mapping->inode,
                               mapping->path, ret_fd);
}

static int target_open_debug(void *context, const char *path, int *ret_fd)
{
    struct native *native = context;

    return remote_open_debug(native->remote, path, ret_fd);
}

static int target_find_mapping(void *context, uint64_t address, struct mapping *ret_mapping)
{
    struct native *native = context;
    const struct mapping *mapping;
    int r = mappings_find(native->mappings, address, &mapping);

    if (r) {
        native->mappings_error = r;
        return r;
    }
    if (!mapping)
        return -ENOENT;
    *ret_mapping = *mapping;
    return 0;
}

static int target_list_mappings(void *context, const struct maps **ret_maps)
{
    struct native *native = context;
    int r = mappings_renew(native->mappings, ret_maps);

    if (!r)
        stacks_forget(native->stacks);
    else if (r != -EBUSY)
        native->mappings_error = r;
    return r;
}

static bool is_in_go(const struct native *native, uint64_t pc)
{
    return native->go && go_code_has(native->go, pc);
}

static size_t name_frame(void *context, const struct raw_frame *raw,
                         struct frame ret_frames[static SYMBOL_INLINE_MAX])
{
    struct native *native = context;

    if (is_in_go(native, raw->pc))
        return go_code_symbolize(native->go, raw, ret_frames);
    return unwinder_symbolize(native->unwinder, raw, ret_frames);
}

static uint32_t find_site(void *context, const struct frame *frames, uint32_t n)
{
    return n && is_in_go(context, frames[0].address) ? go_site_find(frames, n)
                                                     : site_find(frames, n);
}

int native_new(struct remote *remote, struct mappings *mappings, bool careful,
               struct outbox *outbox, struct losses *losses, struct native **ret_native)
{
    CLEANUP(native_free) struct native *native = calloc(1, sizeof(*native));
    int r;

    if (!native)
        return -ENOMEM;
    native->remote = remote;
    native->mappings = mappings;
    native->losses = losses;
    r = unwinder_new(&(struct unwind_target){.read = target_read,
                                             .open_mapping = target_open_mapping,
                                             .open_debug = target_open_debug,
                                             .find_mapping = target_find_mapping,
                                             .list_mappings = target_list_mappings,
                                             .careful = careful,
                                             .context = native},
                     losses, &native->unwinder);
    if (r)
        return r;
    r = stacks_new(SAMPLE_THREAD, &(struct namer){name_frame, find_site, native}, outbox, losses,
                   &native->stacks);
    if (r)
        return r;
    *ret_native = TAKE_PTR(native);
    return 0;
}

void native_free(struct native **native)
{
    if (!*native)
        return;
    unwinder_free(&(*native)->unwinder);
    stacks_free(&(*native)->stacks);
    free((*native)->kernel);
    free(*native);
    *native = NULL;
}

void native_use(struct native *native, struct go_code *code)
{
    if (native->go != code)
        stacks_forget(native->stacks);
    native->go = code;
}

/* By its name, as ld.so(8) and ldconfig(8) know them. A program may be Go, which is named by its
 * own tables. */
static bool is_library(const struct mapping *mapping)
{
    return mapping && strstr(mapping_name(mapping), ".so");
}

/* The mapping at `pc`, or all, where the kernel cannot be asked for one. */
static int read_maps_at(struct native *native, uint64_t pc, struct maps *ret_maps)
{
    AUTO_FREE char *all = NULL;
    const char *text;
    size_t length;
    int r = remote_mapped(native->remote, &pc, 1, &text, &length);

    if (r == -ENOTTY) {
        r = remote_maps(native->remote, PREPARE_MAPS, &all, &length);
        text = all;
    }
    return r ? r : maps_parse(text, length, ret_maps);
}

static int load_library_at(struct native *native, uint64_t pc, bool *ret_in_program)
{
    CLEANUP(maps_free) struct maps maps = {};
    int r = read_maps_at(native, pc, &maps);
    const struct mapping *mapping = r ? NULL : maps_find(&maps, pc);

    *ret_in_program = mapping && mapping->inode && !is_library(mapping);
    if (!is_library(mapping))
        return r;
    r = unwinder_set_maps(native->unwinder, &maps);
    if (!r)
        unwinder_prepare(native->unwinder, pc);
    return r;
}

/* Where one thread waits there are others: it is the C library, mostly. That it cannot be told is
 * no loss, for the scan will look for itself. */
int native_prepare(struct native *native, bool *ret_in_program)
{
    uint64_t pc;
    int r = remote_place(native->remote, &pc);

    *ret_in_program = false;
    if (!r)
        r = load_library_at(native, pc, ret_in_program);
    return r == -ECONNRESET || r == -ENOMEM ? r : 0;
}

void native_begin(struct native *native)
{
    native->kernel_asked = false;
    native->n_kernel = 0;
    mappings_doubt(native->mappings);
    unwinder_rest(native->unwinder, clock_now());
}

static int by_tid(const void *a, const void *b)
{
    const struct kernel_record *one = a, *other = b;

    return (one->tid > other->tid) - (one->tid < other->tid);
}

/* Kernel frames of all uninterruptible threads, once a scan and only if one of them is parked. */
static int refresh_kernel(struct native *native)
{
    const struct kernel_record *records;
    size_t n;
    int r;

    if (native->kernel_asked)
        return 0;
    r = remote_kernel(native->remote, &records, &n);
    if (r == -ECONNRESET)
        return r;
    native->kernel_asked = true;
    if (r)
        return 0;
    free(native->kernel);
    native->n_kernel = 0;
    native->kernel = malloc(n * sizeof(*records) + 1);
    if (!native->kernel)
        return -ENOMEM;
    memcpy(native->kernel, records, n * sizeof(*records));
    native->n_kernel = n;
    qsort(native->kernel, n, sizeof(*records), by_tid);
    return 0;
}

static const struct kernel_record *kernel_of(const struct native *native, uint32_t tid)
{
    const struct kernel_record key = {.tid = tid};

    return native->n_kernel ? bsearch(&key, native->kernel, native->n_kernel, sizeof(key), by_tid)
                            : NULL;
}

/* The part of a thread's stack that is copied at once: from its stack pointer up to its thread
 * pointer, if that is in the same mapping: glibc has its own record of the thread there, above all
 * frames (nptl/allocatestack.c). */
static struct rpc_range copy_range(const struct maps *maps, const struct thread_record *record)
{
    uint64_t sp = record->regs[REGS_SP];
    const struct mapping *mapping = maps_find(maps, sp);
    uint64_t end;

    if (!mapping)
        return (struct rpc_range){sp, 0};
    end = record->tls > sp && record->tls < mapping->end ? record->tls : mapping->end;
    return (struct rpc_range){sp, end - sp < STACK_COPY ? end - sp : STACK_COPY};
}

/* The memory that a thread's stack takes: its whole mapping, or, where that holds more than one
 * stack, what lies between its stack pointer and its thread pointer. */
static struct rpc_range stack_range(const struct native *native, const struct maps *maps,
                                    const struct thread_record *record)
{
    uint64_t sp = record->regs[REGS_SP];
    const struct mapping *mapping = maps_find(maps, sp);

    /* Go's threads have their stacks somewhere in its heap. */
    if (!mapping || is_in_go(native, record->regs[REGS_IP]))
        return (struct rpc_range){sp, 0};
    if (!strcmp(mapping->path, "[stack]") || (record->tls > sp && record->tls < mapping->end &&
                                              mapping->end - record->tls <= STACK_TOP_MAX))
        return (struct rpc_range){mapping->start, mapping->end - mapping->start};
    if (record->tls > sp && record->tls < mapping->end)
        return (struct rpc_range){sp & -4096ul, (record->tls - (sp & -4096ul) + 4095) & -4096ul};
    return (struct rpc_range){sp, 0};
}

/* /proc/PID/pagemap is its owner's to read, or takes CAP_DAC_READ_SEARCH, which all else can do
 * without. */
static int measure_memory(struct native *native, const struct maps *maps,
                          const struct thread_record *records, size_t n,
                          struct native_thread *ret_threads)
{
    struct rpc_range ranges[NATIVE_BATCH_MAX] = {{0}};
    const uint64_t *bytes;
    int r;

    for (size_t i = 0; i < n; i++)
        ranges[i] = stack_range(native, maps, &records[i]);
    r = remote_resident(native->remote, ranges, n, &bytes);
    for (size_t i = 0; i < n; i++)
        ret_threads[i].memory_bytes = r || bytes[i] == UINT64_MAX ? 0 : bytes[i];
    return r == -EACCES ? 0 : r;
}

/* As many as fit in one slot. */
static size_t count_fitting(const struct rpc_range *ranges, size_t n)
{
    uint64_t left = RPC_AHEAD_SIZE;
    size_t i = 0;

    while (i < n && ranges[i].length <= left)
        left -= ranges[i++].length;
    return i;
}

static int ask_for(struct native *native, const struct rpc_range *ranges, size_t n)
{
    int r = 0;

    for (size_t i = 0, end; i < n && !r; i = end) {
        end = i + count_fitting(ranges + i, n - i);
        r = remote_ask(native->remote, ranges + i, end - i);
    }
    return r;
}

/* The copies stay in their slots, whatever else is read for the batch. */
static int copy_stacks(struct native *native, const struct maps *maps,
                       const struct thread_record *records, size_t n, struct stack_copy *ret_copies)
{
    struct rpc_range ranges[NATIVE_BATCH_MAX];
    int r;

    for (size_t i = 0; i < n; i++)
        ranges[i] = copy_range(maps, &records[i]);
    r = ask_for(native, ranges, n);
    /* All answers, whatever one of them says. */
    for (size_t i = 0, end; i < n; i = end) {
        const uint32_t *lengths;
        const uint8_t *bytes;
        int taken = remote_take(native->remote, &bytes, &lengths);

        r = r ? r : taken;
        end = i + count_fitting(ranges + i, n - i);
        for (size_t k = i; k < end && !r; k++) {
            ret_copies[k] = (struct stack_copy){ranges[k].address, bytes, lengths[k - i]};
            bytes += lengths[k - i];
        }
    }
    return r;
}

static int find_stacks(struct native *native, const struct thread_record *records, size_t n,
                       const struct maps **ret_maps)
{
    uint64_t addresses[NATIVE_BATCH_MAX];

    for (size_t i = 0; i < n; i++)
        addresses[i] = records[i].regs[REGS_SP];
    return mappings_at(native->mappings, addresses, n, ret_maps);
}

/* Go code has no CFI, but its own tables. */
static enum unwind_end unwind(struct native *native, const uint64_t *regs,
                              const struct stack_copy *copy, struct raw_frame *ret_frames,
                              size_t *ret_n)
{
    if (is_in_go(native, regs[REGS_IP]))
        return go_code_unwind(native->go, regs[REGS_IP], regs[REGS_SP], copy, ret_frames, RAW_MAX,
                              ret_n);
    return unwinder_unwind(native->unwinder, regs, copy, ret_frames, RAW_MAX, ret_n);
}

static int describe_one(struct native *native, const struct thread_record *record,
                        const struct stack_copy *copy, struct native_thread *ret_thread)
{
    struct raw_frame frames[RAW_MAX];
    char reason[REASON_MAX];
    struct raw_stack raw = {.reason = reason, .frames = frames};
    enum unwind_end end;

    reason_of(record, reason);
    if (reason_class_of(record) == PARK_IO)
        raw.kernel = kernel_of(native, record->tid);
    if (!(record->flags & (RECORD_WORKER | RECORD_COMPAT))) {
        native->window_address = 0;
        end = unwind(native, record->regs, copy, frames, &raw.n_frames);
        if (end == UNWIND_CUT)
            native->losses->count[LOSS_unwind_cut]++;
        if (end == UNWIND_CAPPED)
            native->losses->count[LOSS_frames_capped]++;
    }
    ret_thread->error = stacks_find(native->stacks, &raw, &ret_thread->stack);
    if (native->mappings_error) {
        stacks_forget(native->stacks);
        return native->mappings_error;
    }
    if (ret_thread->error)
        return ret_thread->error == -ENOSPC ? 0 : ret_thread->error;
    return waits_describe(native->remote, record, ret_thread->stack.shape, &ret_thread->wait);
}

/* What is copied and measured before anything else is asked for. */
static int look_at_stacks(struct native *native, const struct thread_record *records, size_t n,
                          struct stack_copy *ret_copies, struct native_thread *ret_threads)
{
    const struct maps *maps;
    int r = find_stacks(native, records, n, &maps);

    if (!r)
        r = measure_memory(native, maps, records, n, ret_threads);
    return r ? r : copy_stacks(native, maps, records, n, ret_copies);
}

int native_describe(struct native *native, const struct thread_record *records, size_t n,
                    struct native_thread *ret_threads)
{
    struct stack_copy copies[NATIVE_BATCH_MAX];
    bool uninterruptible = false;
    int r;

    /* They were seen parked: what is mapped from now on is what they stand in. */
    unwinder_doubt(native->unwinder);
    native->mappings_error = 0;
    for (size_t i = 0; i < n; i++)
        uninterruptible |= reason_class_of(&records[i]) == PARK_IO;
    r = uninterruptible ? refresh_kernel(native) : 0;
    if (!r)
        r = look_at_stacks(native, records, n, copies, ret_threads);
    for (size_t i = 0; i < n && !r; i++)
        r = describe_one(native, &records[i], &copies[i], &ret_threads[i]);
    return r;
}
