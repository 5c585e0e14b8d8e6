/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/service.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "cleanup.h"
#include "passed_fd.h"
#include "probe/mapped.h"
#include "probe/memory.h"
#include "probe/procfs.h"
#include "probe/sweep.h"

/* Whole records only. */
#define SCAN_BYTES    (RPC_RECORDS_SIZE / sizeof(struct thread_record) * sizeof(struct thread_record))
#define KERNEL_BYTES  (RPC_DATA_SIZE / sizeof(struct kernel_record) * sizeof(struct kernel_record))
#define FILE_TEXT_MAX 256
#define CALL_TEXT_MAX 256 /* nine numbers */
#define CALL_PC       8 /* in /proc/PID/task/TID/syscall, proc(5): number, six arguments, sp, pc */

void service_init(struct service *service, const struct target_id *target, struct losses *losses)
{
    *service = (struct service){
        .target = target,
        .links = BPF_LINKS_NONE,
        .losses = losses,
        .socket = -1,
        .sweep_fd = -1,
        .maps = FILES_MAPS_NONE,
    };
}

static void end_sweep(struct service *service)
{
    if (service->sweep_fd >= 0)
        close(service->sweep_fd);
    service->sweep_fd = -1;
}

void service_close(struct service *service)
{
    end_sweep(service);
    bpf_links_close(&service->links);
    files_maps_close(&service->maps);
}

static uint8_t *data_area(const struct service *service)
{
    return service->area + RPC_RECORDS_SIZE;
}

int service_live_tid(struct service *service, pid_t *ret_tid)
{
    int r = 0;

    if (!service->live_tid || !target_has_tid(service->target, service->live_tid))
        r = target_live_tid(service->target, &service->live_tid);
    *ret_tid = service->live_tid;
    return r;
}

/* The first record tells who the target is to the kernel; from then on any other is not it: its PID
 * was given to another process. */
static int check_identity(struct service *service, const struct thread_record *records, size_t n)
{
    service->live_tid = 0;
    for (size_t i = 0; i < n; i++) {
        if (!service->tgid) {
            service->tgid = records[i].tgid;
            service->leader_start_ns = records[i].leader_start_ns;
        }
        if (records[i].tgid != service->tgid ||
            records[i].leader_start_ns != service->leader_start_ns)
            return -ESRCH;
        if (!service->live_tid && !records[i].exit_state && !(records[i].flags & RECORD_KERNEL))
            service->live_tid = (pid_t)records[i].tid;
    }
    return target_alive(service->target) ? 0 : -ESRCH;
}

static int scan_next(struct service *service)
{
    bool more = false;
    int r;

    if (service->sweep_fd < 0)
        return -EINVAL;
    r = sweep_read(service->sweep_fd, service->area, SCAN_BYTES, &service->reply.size, &more);
    if (!r)
        r = check_identity(service, (const struct thread_record *)service->area,
                           service->reply.size / sizeof(struct thread_record));
    service->reply.more = more;
    if (r || !more)
        end_sweep(service);
    return r;
}

static int scan(struct service *service)
{
    int r;

    end_sweep(service);
    r = bpf_iterate(service->links.threads, &service->sweep_fd);
    return r ? r : scan_next(service);
}

static int read_kernel(struct service *service)
{
    AUTO_CLOSE int fd = -1;
    bool more = false;
    int r;

    r = bpf_iterate(service->links.kernel, &fd);
    if (!r)
        r = sweep_read(fd, data_area(service), KERNEL_BYTES, &service->reply.size, &more);
    service->losses->count[LOSS_kernel_capped] += more;
    return r;
}

static int read_memory(struct service *service, pid_t tid)
{
    uint64_t slot = service->request.value;
    uint8_t *room = data_area(service);

    if (slot > RPC_AHEAD_SLOTS)
        return -EINVAL;
    if (slot)
        room += RPC_DATA_SIZE + (slot - 1) * RPC_AHEAD_SIZE;
    return memory_read(service->target, tid, service->request.ranges, service->request.n_ranges,
                       room, slot ? RPC_AHEAD_SIZE : RPC_DATA_SIZE, service->reply.lengths,
                       &service->reply.size);
}

static int measure_resident(struct service *service, pid_t tid)
{
    service->reply.size = service->request.n_ranges * sizeof(uint64_t);
    return memory_resident(service->target, tid, service->request.ranges, service->request.n_ranges,
                           (uint64_t *)data_area(service));
}

static int read_maps(struct service *service, pid_t tid)
{
    bool more = false;
    int r;

    r = files_maps(&service->maps, service->target, tid, service->request.value, data_area(service),
                   RPC_DATA_SIZE, &service->reply.size, &more);
    service->reply.more = more;
    return r;
}

static int ask_mapped(struct service *service, pid_t tid)
{
    return mapped_at(service->target, tid, service->request.ranges, service->request.n_ranges,
                     data_area(service), RPC_DATA_SIZE, &service->reply.size);
}

static int open_mapping(struct service *service, pid_t tid, int *ret_fd)
{
    const struct rpc_request *request = &service->request;
    struct files_mapping mapping = {
        .start = request->path.range.address,
        .end = request->path.range.address + request->path.range.length,
        .device = request->device,
        .inode = request->inode,
        .path = request->path.text,
    };

    return files_open_mapping(service->target, tid, &mapping, ret_fd);
}

static int describe_file(struct service *service, pid_t tid)
{
    char text[FILE_TEXT_MAX];
    int r;

    r = files_describe(service->target, tid, service->request.value, text, sizeof(text));
    if (r)
        return r;
    service->reply.size = strlen(text);
    memcpy(data_area(service), text, service->reply.size);
    return 0;
}

static int find_place(struct service *service, pid_t tid)
{
    AUTO_CLOSE int fd = target_open_task(service->target, tid, "syscall", O_RDONLY);
    char text[CALL_TEXT_MAX];
    uint64_t pc;
    size_t length;
    int r;

    if (fd < 0)
        return fd;
    r = procfs_read(fd, text, sizeof(text), &length);
    if (r)
        return r;
    if (!procfs_column(text, CALL_PC, 16, &pc))
        return -EBUSY;
    service->reply.size = sizeof(pc);
    memcpy(data_area(service), &pc, sizeof(pc));
    return 0;
}

static int look_inside(struct service *service, int *ret_fd)
{
    pid_t tid;
    int r;

    r = service_live_tid(service, &tid);
    if (r)
        return r;
    switch (service->request.type) {
    case RPC_READ:
        return read_memory(service, tid);
    case RPC_RESIDENT:
        return measure_resident(service, tid);
    case RPC_MAPS:
        return read_maps(service, tid);
    case RPC_MAPPED:
        return ask_mapped(service, tid);
    case RPC_OPEN_MAPPING:
        return open_mapping(service, tid, ret_fd);
    case RPC_OPEN_DEBUG:
        return files_open_debug(service->target, tid, service->request.path.text, ret_fd);
    case RPC_FILE:
        return describe_file(service, tid);
    case RPC_PLACE:
        return find_place(service, tid);
    default:
        return -EINVAL;
    }
}

static int perform(struct service *service, int *ret_fd)
{
    switch (service->request.type) {
    case RPC_SCAN:
        return scan(service);
    case RPC_SCAN_NEXT:
        return scan_next(service);
    case RPC_KERNEL:
        return read_kernel(service);
    default:
        return look_inside(service, ret_fd);
    }
}

/* Whether the message is as long as its type says, and what has to be terminated is. */
static bool is_sound(const struct rpc_request *request, size_t size)
{
    if (size < offsetof(struct rpc_request, ranges) || request->type >= RPC_TYPE_MAX)
        return false;
    if (request->type == RPC_OPEN_MAPPING || request->type == RPC_OPEN_DEBUG)
        return size == sizeof(*request) &&
               memchr(request->path.text, '\0', sizeof(request->path.text));
    return request->n_ranges <= RPC_RANGES_MAX &&
           size == offsetof(struct rpc_request, ranges) +
                       request->n_ranges * sizeof(request->ranges[0]);
}

static int receive(struct service *service)
{
    ssize_t n;

    do
        n = recv(service->socket, &service->request, sizeof(service->request), MSG_DONTWAIT);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return errno == EAGAIN ? -EAGAIN : -ECONNRESET;
    if (!n)
        return -ECONNRESET;
    return is_sound(&service->request, n) ? 0 : -EBADMSG;
}

static int send_reply(struct service *service, int fd)
{
    union passed_fd passed;
    struct iovec part = {.iov_base = &service->reply, .iov_len = sizeof(service->reply)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};

    if (fd >= 0)
        passed_fd_put(&passed, &message, fd);
    /* The analyst waits for this and has read all before: a full socket means that it does not. */
    return sendmsg(service->socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -ECONNRESET : 0;
}

static void show_progress(struct service *service)
{
    struct rpc_progress *progress = (struct rpc_progress *)(service->area + RPC_PROGRESS_AT);

    if (service->request.type == RPC_READ && service->request.value)
        __atomic_store_n(&progress->n_ahead, ++service->n_ahead, __ATOMIC_RELEASE);
}

static void count_loss(struct service *service, int error)
{
    uint32_t type = service->request.type;

    if (!error || error == -ESRCH || error == -ENOTTY)
        return;
    if (type == RPC_READ || type == RPC_MAPS || type == RPC_MAPPED)
        service->losses->count[LOSS_memory_unreadable]++;
    if (type == RPC_RESIDENT)
        service->losses->count[LOSS_resources_unreadable]++;
}

int service_answer(struct service *service, bool *ret_done, uint64_t *ret_number)
{
    AUTO_CLOSE int fd = -1;
    int r;

    *ret_done = false;
    r = receive(service);
    if (r)
        return r;
    if (service->request.type == RPC_DONE || service->request.type == RPC_GIVEN_UP) {
        service->losses->count[LOSS_scan_failed] += service->request.type == RPC_GIVEN_UP;
        *ret_done = true;
        *ret_number = service->request.value;
        return 0;
    }
    service->reply.more = 0;
    service->reply.size = 0;
    service->reply.error = perform(service, &fd);
    count_loss(service, service->reply.error);
    show_progress(service);
    return send_reply(service, service->reply.error ? -1 : fd);
}
