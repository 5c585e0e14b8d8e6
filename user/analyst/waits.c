/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/waits.h"

#include <errno.h>
#include <linux/futex.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>

#include "reason.h"

#define SHAPE_FRAMES_MAX 8 /* inlined ones among them */
#define POLL_LISTED_MAX  4 /* descriptors of a poll() that are named */

/* glibc nptl/bits/struct_mutex.h and struct_rwlock.h, x86-64. */
#define MUTEX_OWNER          8
#define RWLOCK_WRPHASE_FUTEX 8
#define RWLOCK_WRITERS_FUTEX 12
#define RWLOCK_CUR_WRITER    24

/* Since Linux 5.16 and 6.7. */
#define NR_FUTEX_WAITV 449
#define NR_FUTEX_WAIT  455

struct futex_waitv_entry { /* struct futex_waitv, include/uapi/linux/futex.h */
    uint64_t val;
    uint64_t uaddr;
    uint32_t flags;
    uint32_t reserved;
};

static enum wait_shape shape_of_name(const char *name)
{
    static const struct {
        const char *prefix;
        enum wait_shape shape;
    } shapes[] = {
        {"pthread_mutex_", WAIT_MUTEX},     {"lll_mutex_lock", WAIT_MUTEX},
        {"pthread_rwlock_", WAIT_RWLOCK},   {"pthread_cond_", WAIT_CONDITION},
        {"sem_", WAIT_SEMAPHORE},           {"new_sem_", WAIT_SEMAPHORE},
        {"pthread_barrier_", WAIT_BARRIER}, {"pthread_join", WAIT_JOIN},
        {"pthread_timedjoin", WAIT_JOIN},   {"pthread_clockjoin", WAIT_JOIN},
    };

    name += strspn(name, "_");
    if (!strncmp(name, "GI_", 3)) {
        name += 3;
        name += strspn(name, "_");
    }
    for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++)
        if (!strncmp(name, shapes[i].prefix, strlen(shapes[i].prefix)))
            return shapes[i].shape;
    return WAIT_UNKNOWN;
}

enum wait_shape waits_shape(const struct frame *frames, size_t n)
{
    for (size_t i = 0; i < n && i < SHAPE_FRAMES_MAX; i++) {
        enum wait_shape shape =
            frames[i].function ? shape_of_name(frames[i].function) : WAIT_UNKNOWN;

        if (shape != WAIT_UNKNOWN)
            return shape;
    }
    return WAIT_UNKNOWN;
}

/* The lock that a condition variable's waiter takes again after it was signalled is its mutex. */
static bool waits_for_mutex(const struct thread_record *record, enum wait_shape shape)
{
    return reason_class_of(record) == PARK_FUTEX_LOCK &&
           (shape == WAIT_MUTEX || shape == WAIT_CONDITION);
}

struct owner_word waits_owner(const struct thread_record *record, enum wait_shape shape)
{
    uint64_t futex = record->regs[REGS_DI];
    uint32_t value = (uint32_t)record->regs[REGS_DX];

    if (reason_syscall(record) != SYS_futex)
        return (struct owner_word){0};
    if (reason_class_of(record) == PARK_FUTEX_PI)
        return (struct owner_word){futex, FUTEX_TID_MASK};
    if (waits_for_mutex(record, shape))
        return (struct owner_word){futex + MUTEX_OWNER, UINT32_MAX};
    if (shape ==
        WAIT_JOIN) /* the word is the TID, until the kernel clears it at the thread's end */
        return (struct owner_word){futex, UINT32_MAX};
    if (shape != WAIT_RWLOCK)
        return (struct owner_word){0};
    /* A rwlock begins at a multiple of 8. Its phase word has 0 or 1 and the "in use" bit 2 for
     * values; what remains is the word of readers (nptl/pthread_rwlock_common.c). */
    if (futex % 8 == RWLOCK_WRITERS_FUTEX % 8)
        futex -= RWLOCK_WRITERS_FUTEX;
    else if (value == 2 || value == 3)
        futex -= RWLOCK_WRPHASE_FUTEX;
    return (struct owner_word){futex + RWLOCK_CUR_WRITER, UINT32_MAX};
}

static void describe_futex(const struct thread_record *record, enum wait_shape shape,
                           struct wait *ret_wait)
{
    static const char *const names[WAIT_SHAPE_MAX] = {
        [WAIT_MUTEX] = "mutex",
        [WAIT_RWLOCK] = "rwlock",
        [WAIT_CONDITION] = "condition variable",
        [WAIT_SEMAPHORE] = "semaphore",
        [WAIT_BARRIER] = "barrier",
        [WAIT_JOIN] = "end of a thread",
    };

    ret_wait->kind = OBJECT_FUTEX;
    ret_wait->object = record->regs[REGS_DI];
    if (waits_for_mutex(record, shape))
        shape = WAIT_MUTEX;
    if (names[shape])
        snprintf(ret_wait->detail, sizeof(ret_wait->detail), "%s", names[shape]);
    else if (reason_class_of(record) == PARK_FUTEX_PI)
        snprintf(ret_wait->detail, sizeof(ret_wait->detail), "priority-inheriting mutex");
}

/* The first argument is a list: the wait is on its first futex, and on the others. */
static int describe_waitv(struct remote *remote, const struct thread_record *record,
                          struct wait *ret_wait)
{
    struct rpc_range range = {record->regs[REGS_DI], sizeof(struct futex_waitv_entry)};
    struct futex_waitv_entry first;
    const uint32_t *lengths;
    const uint8_t *bytes;
    int r;

    r = remote_read(remote, &range, 1, &bytes, &lengths);
    if (r || lengths[0] < sizeof(first))
        return r;
    memcpy(&first, bytes, sizeof(first));
    ret_wait->kind = OBJECT_FUTEX;
    ret_wait->object = first.uaddr;
    snprintf(ret_wait->detail, sizeof(ret_wait->detail), "first of %u futexes",
             (uint32_t)record->regs[REGS_SI]);
    return 0;
}

static int describe_file(struct remote *remote, uint64_t fd, struct wait *ret_wait)
{
    int r;

    ret_wait->kind = OBJECT_FILE;
    ret_wait->object = (uint32_t)fd;
    r = remote_file(remote, (int)fd, ret_wait->detail, sizeof(ret_wait->detail));
    return r == -ECONNRESET ? r : 0; /* closed meanwhile: the number alone */
}

static int describe_poll(struct remote *remote, const struct thread_record *record,
                         struct wait *ret_wait)
{
    uint64_t n = (uint32_t)record->regs[REGS_SI];
    struct rpc_range range = {record->regs[REGS_DI],
                              (n < POLL_LISTED_MAX ? n : POLL_LISTED_MAX) * sizeof(struct pollfd)};
    struct pollfd fds[POLL_LISTED_MAX] = {};
    const uint32_t *lengths;
    const uint8_t *bytes;
    size_t used;
    int r;

    if (!n)
        return 0;
    r = remote_read(remote, &range, 1, &bytes, &lengths);
    if (r || lengths[0] < range.length)
        return r;
    memcpy(fds, bytes, range.length);
    r = describe_file(remote, fds[0].fd, ret_wait);
    if (r || n == 1)
        return r;
    used = strlen(ret_wait->detail);
    snprintf(ret_wait->detail + used, sizeof(ret_wait->detail) - used, "%s1 of %lu descriptors",
             used ? ", " : "", (unsigned long)n);
    return 0;
}

/* Whether the first argument of the syscall is a descriptor that the thread waits on. */
static bool is_on_file(uint32_t nr, enum park_class class)
{
    switch (class) {
    case PARK_READ:
    case PARK_WRITE:
        return nr != SYS_msgrcv && nr != SYS_msgsnd;
    case PARK_ACCEPT:
    case PARK_CONNECT:
    case PARK_IO_URING:
        return true;
    case PARK_POLL:
        return nr == SYS_epoll_wait || nr == SYS_epoll_pwait || nr == SYS_epoll_pwait2;
    default:
        return nr == SYS_fsync || nr == SYS_fdatasync || nr == SYS_flock || nr == SYS_fcntl ||
               nr == SYS_ioctl;
    }
}

int waits_describe(struct remote *remote, const struct thread_record *record, enum wait_shape shape,
                   struct wait *ret_wait)
{
    uint32_t nr = reason_syscall(record);

    *ret_wait = (struct wait){0};
    if (record->flags & RECORD_WORKER)
        return 0;
    if (nr == SYS_futex || nr == NR_FUTEX_WAIT)
        describe_futex(record, shape, ret_wait);
    else if (nr == NR_FUTEX_WAITV)
        return describe_waitv(remote, record, ret_wait);
    else if (nr == SYS_poll || nr == SYS_ppoll)
        return describe_poll(remote, record, ret_wait);
    else if (nr == SYS_select || nr == SYS_pselect6)
        snprintf(ret_wait->detail, sizeof(ret_wait->detail), "descriptors below %u",
                 (uint32_t)record->regs[REGS_DI]);
    else if (is_on_file(nr, reason_class(nr)))
        return describe_file(remote, record->regs[REGS_DI], ret_wait);
    return 0;
}
