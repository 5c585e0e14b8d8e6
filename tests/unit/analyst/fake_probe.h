/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A scripted probe at the other end of an analyst's socket. Its target is the test process itself:
 * memory, mappings and files are real; threads are the records that the test gives it.
 *
 * It runs in a thread of its own, but never while its test does: requests are answered one at a
 * time, and the test waits for the answer. So tests change the script between two calls without a
 * lock.
 */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "bpf/record.h"
#include "rpc.h"

#define FAKE_PROBE_MAPS_MAX   (4 << 20)
#define FAKE_PROBE_MAPS_PIECE 5000 /* no multiple of anything: lines are cut */

struct fake_probe {
    int sockets[2]; /* the analyst's end, the probe's */
    uint8_t *area;
    pthread_t thread;

    /* The script. */
    const struct thread_record *records;
    size_t n_records;
    size_t chunk; /* records of one answer; 0: all */
    const struct kernel_record *kernel;
    size_t n_kernel;
    const char *file;        /* what every descriptor is; NULL: there are none */
    uint64_t resident;       /* of every range */
    uint64_t place;          /* pc in a system call; 0: in none */
    uint32_t fail_type;      /* requests of this type fail with fail_error, ... */
    int fail_error;          /* (0: none does) */
    unsigned int fail_after; /* ... after so many that do not; then counted down to 0 */
    bool only_all;           /* mappings cannot be asked for one by one */
    /* Called before a request is answered. */
    void (*before)(struct fake_probe *probe, const struct rpc_request *request);
    void *context; /* for it */

    /* What it was asked. */
    unsigned int n_requests[RPC_TYPE_MAX];
    unsigned int n_maps; /* texts of maps begun */

    size_t next; /* record of the present sweep */
    char *maps;
    size_t maps_length;
};

static inline void fake_probe_sweep(struct fake_probe *probe, struct rpc_reply *reply)
{
    size_t n = probe->n_records - probe->next;

    if (probe->chunk && n > probe->chunk)
        n = probe->chunk;
    reply->size = n * sizeof(*probe->records);
    if (n)
        memcpy(probe->area, probe->records + probe->next, reply->size);
    probe->next += n;
    reply->more = probe->next < probe->n_records;
}

static inline void fake_probe_read(const struct fake_probe *probe,
                                   const struct rpc_request *request, struct rpc_reply *reply)
{
    uint8_t *data = probe->area + RPC_RECORDS_SIZE;

    if (request->value)
        data += RPC_DATA_SIZE + (request->value - 1) * RPC_AHEAD_SIZE;
    for (uint32_t i = 0; i < request->n_ranges; i++) {
        const struct rpc_range *range = &request->ranges[i];
        struct iovec local = {data + reply->size, range->length};
        struct iovec remote = {(void *)(uintptr_t)range->address, range->length};
        ssize_t n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);

        reply->lengths[i] = n > 0 ? (uint32_t)n : 0;
        reply->size += reply->lengths[i];
    }
}

static inline void fake_probe_load_maps(struct fake_probe *probe)
{
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;

    probe->maps_length = 0;
    while (n > 0 && probe->maps_length < FAKE_PROBE_MAPS_MAX) {
        n = read(fd, probe->maps + probe->maps_length, FAKE_PROBE_MAPS_MAX - probe->maps_length);
        probe->maps_length += n > 0 ? (size_t)n : 0;
    }
    close(fd);
}

static inline void fake_probe_maps(struct fake_probe *probe, uint64_t offset,
                                   struct rpc_reply *reply)
{
    if (!offset) {
        fake_probe_load_maps(probe);
        probe->n_maps++;
    }
    reply->size = probe->maps_length - offset;
    if (reply->size > FAKE_PROBE_MAPS_PIECE)
        reply->size = FAKE_PROBE_MAPS_PIECE;
    memcpy(probe->area + RPC_RECORDS_SIZE, probe->maps + offset, reply->size);
    reply->more = offset + reply->size < probe->maps_length;
}

/* Of ascending addresses. */
static inline int fake_probe_mapped(struct fake_probe *probe, const struct rpc_request *request,
                                    struct rpc_reply *reply)
{
    char *data = (char *)probe->area + RPC_RECORDS_SIZE;
    uint32_t i = 0;

    if (probe->only_all)
        return -ENOTTY;
    fake_probe_load_maps(probe);
    probe->maps[probe->maps_length] = '\0';
    for (char *line = probe->maps, *end; *line; line = end) {
        uint64_t from, to;

        end = strchr(line, '\n') + 1;
        if (sscanf(line, "%" SCNx64 "-%" SCNx64, &from, &to) != 2)
            abort();
        while (i < request->n_ranges && request->ranges[i].address < from)
            i++;
        if (i == request->n_ranges || request->ranges[i].address >= to)
            continue;
        memcpy(data + reply->size, line, (size_t)(end - line));
        reply->size += (size_t)(end - line);
    }
    return 0;
}

static inline int fake_probe_data(struct fake_probe *probe, const void *bytes, size_t size,
                                  struct rpc_reply *reply)
{
    if (!bytes)
        return -ENOENT;
    memcpy(probe->area + RPC_RECORDS_SIZE, bytes, size);
    reply->size = size;
    return 0;
}

static inline int fake_probe_resident(struct fake_probe *probe, uint32_t n, struct rpc_reply *reply)
{
    uint64_t *bytes = (uint64_t *)(probe->area + RPC_RECORDS_SIZE);

    for (uint32_t i = 0; i < n; i++)
        bytes[i] = probe->resident;
    reply->size = n * sizeof(*bytes);
    return 0;
}

static inline int fake_probe_perform(struct fake_probe *probe, const struct rpc_request *request,
                                     struct rpc_reply *reply, int *ret_fd)
{
    switch (request->type) {
    case RPC_SCAN:
        probe->next = 0;
        fake_probe_sweep(probe, reply);
        return 0;
    case RPC_SCAN_NEXT:
        fake_probe_sweep(probe, reply);
        return 0;
    case RPC_READ:
        fake_probe_read(probe, request, reply);
        return 0;
    case RPC_RESIDENT:
        return fake_probe_resident(probe, request->n_ranges, reply);
    case RPC_MAPS:
        fake_probe_maps(probe, request->value, reply);
        return 0;
    case RPC_MAPPED:
        return fake_probe_mapped(probe, request, reply);
    case RPC_OPEN_MAPPING:
        *ret_fd = open(request->path.text, O_RDONLY | O_CLOEXEC);
        return *ret_fd < 0 ? -errno : 0;
    case RPC_FILE:
        return fake_probe_data(probe, probe->file, probe->file ? strlen(probe->file) : 0, reply);
    case RPC_PLACE:
        return probe->place ? fake_probe_data(probe, &probe->place, sizeof(probe->place), reply)
                            : -EBUSY;
    case RPC_KERNEL:
        return fake_probe_data(probe, probe->kernel, probe->n_kernel * sizeof(*probe->kernel),
                               reply);
    default:
        return -ENOENT;
    }
}

static inline bool fake_probe_fails(struct fake_probe *probe, uint32_t type)
{
    if (!probe->fail_error || type != probe->fail_type)
        return false;
    if (!probe->fail_after)
        return true;
    probe->fail_after--;
    return false;
}

static inline void fake_probe_reply(const struct fake_probe *probe, struct rpc_reply *reply, int fd)
{
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct iovec part = {.iov_base = reply, .iov_len = sizeof(*reply)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0) {
        message.msg_control = control.bytes;
        message.msg_controllen = sizeof(control.bytes);
        control.align = (struct cmsghdr){CMSG_LEN(sizeof(fd)), SOL_SOCKET, SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.align), &fd, sizeof(fd));
    }
    if (sendmsg(probe->sockets[1], &message, MSG_NOSIGNAL) < 0)
        abort();
    if (fd >= 0)
        close(fd);
}

static inline void *fake_probe_run(void *argument)
{
    struct fake_probe *probe = argument;
    struct rpc_request request;
    struct rpc_reply reply;

    while (recv(probe->sockets[1], &request, sizeof(request), 0) > 0) {
        int fd = -1;

        if (request.type >= RPC_TYPE_MAX)
            abort();
        probe->n_requests[request.type]++;
        if (request.type == RPC_DONE)
            continue;
        if (probe->before)
            probe->before(probe, &request);
        memset(&reply, 0, sizeof(reply));
        reply.error = fake_probe_fails(probe, request.type)
                          ? probe->fail_error
                          : fake_probe_perform(probe, &request, &reply, &fd);
        fake_probe_reply(probe, &reply, fd);
    }
    return NULL;
}

static inline void fake_probe_start(struct fake_probe *probe)
{
    *probe = (struct fake_probe){.resident = 8192};
    probe->area = calloc(1, RPC_AREA_SIZE);
    probe->maps = malloc(FAKE_PROBE_MAPS_MAX + 1);
    if (!probe->area || !probe->maps ||
        socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, probe->sockets) ||
        pthread_create(&probe->thread, NULL, fake_probe_run, probe))
        abort();
}

/* The probe is gone: what is asked from now on meets a closed socket. */
static inline void fake_probe_leave(struct fake_probe *probe)
{
    if (probe->sockets[1] < 0)
        return;
    shutdown(probe->sockets[1], SHUT_RDWR);
    pthread_join(probe->thread, NULL);
    close(probe->sockets[1]);
    probe->sockets[1] = -1;
}

static inline void fake_probe_stop(struct fake_probe *probe)
{
    fake_probe_leave(probe);
    close(probe->sockets[0]);
    free(probe->area);
    free(probe->maps);
}
