/* SPDX-License-Identifier: Apache-2.0 */
#include "analyst/remote.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "cleanup.h"
#include "passed_fd.h"

struct remote {
    int socket;
    const uint8_t *area;
    struct rpc_tick tick; /* that came before it was waited for; number 0: none */
    struct rpc_request request;
    struct rpc_reply reply;
    /* What was asked ahead, by slot, and how many of them there ever were. */
    struct rpc_reply ahead[RPC_AHEAD_SLOTS];
    uint32_t ahead_ranges[RPC_AHEAD_SLOTS];
    uint64_t n_asked, n_arrived, n_taken;
    uint64_t base; /* of them, when there was nothing to take; the next one got the first slot */
};

int remote_new(int socket, const uint8_t *area, struct remote **ret_remote)
{
    struct remote *remote = calloc(1, sizeof(*remote));

    if (!remote)
        return -ENOMEM;
    remote->socket = socket;
    remote->area = area;
    *ret_remote = remote;
    return 0;
}

void remote_free(struct remote **remote)
{
    free(*remote);
    *remote = NULL;
}

/* Receives one message of at most `size` bytes and, if it carries one, a descriptor, which takes
 * the place of the one that is there. Returns its size or -errno. */
static ssize_t receive(int socket, void *message, size_t size, int *ret_fd)
{
    union passed_fd passed;
    struct iovec part = {.iov_base = message, .iov_len = size};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    ssize_t n;
    int fd;

    passed_fd_expect(&passed, &header);
    do
        n = recvmsg(socket, &header, MSG_CMSG_CLOEXEC);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    fd = passed_fd_take(&header);
    if (fd >= 0) {
        cleanup_close(ret_fd);
        *ret_fd = fd;
    }
    return n;
}

static int receive_tick(struct remote *remote)
{
    AUTO_CLOSE int unasked = -1;
    ssize_t n = receive(remote->socket, &remote->tick, sizeof(remote->tick), &unasked);

    if (n < 0)
        return (int)n;
    return n == sizeof(remote->tick) ? 0 : -ECONNRESET;
}

int remote_wait(struct remote *remote, struct rpc_tick *ret_tick)
{
    int r = remote->tick.number ? 0 : receive_tick(remote);

    if (!r)
        *ret_tick = remote->tick;
    remote->tick.number = 0;
    return r;
}

/* An answer; a tick that comes before it is kept. */
static int receive_answer(struct remote *remote, struct rpc_reply *ret_reply, int *ret_fd)
{
    ssize_t n = receive(remote->socket, ret_reply, sizeof(*ret_reply), ret_fd);

    if (n == sizeof(remote->tick) && !remote->tick.number) {
        memcpy(&remote->tick, ret_reply, sizeof(remote->tick));
        n = receive(remote->socket, ret_reply, sizeof(*ret_reply), ret_fd);
    }
    if (n < 0)
        return (int)n;
    return n == sizeof(*ret_reply) ? 0 : -ECONNRESET;
}

/* A request of `n` ranges, or of a text: only what is used of it is sent. */
static size_t request_size(const struct rpc_request *request)
{
    switch (request->type) {
    case RPC_OPEN_MAPPING:
    case RPC_OPEN_DEBUG:
        return sizeof(*request);
    default:
        return offsetof(struct rpc_request, ranges) + request->n_ranges * sizeof(struct rpc_range);
    }
}

/* Whether the first `n` ranges are within `size` bytes, all in all. */
static bool lengths_fit(const struct rpc_reply *reply, uint32_t n, uint64_t size)
{
    uint64_t total = 0;

    for (uint32_t i = 0; i < n; i++)
        total += reply->lengths[i];
    return total <= reply->size && reply->size <= size;
}

/* Whether no range is longer than was asked for. */
static bool ranges_fit(const struct rpc_request *request, const struct rpc_reply *reply)
{
    for (uint32_t i = 0; i < request->n_ranges; i++)
        if (reply->lengths[i] > request->ranges[i].length)
            return false;
    return true;
}

/* Whether what the reply says there is, is within the area. */
static bool is_sound(const struct remote *remote)
{
    uint64_t size = remote->reply.size;

    if (remote->reply.error)
        return remote->reply.error < 0;
    switch (remote->request.type) {
    case RPC_SCAN:
    case RPC_SCAN_NEXT:
        return size <= RPC_RECORDS_SIZE;
    case RPC_READ:
        return lengths_fit(&remote->reply, remote->request.n_ranges, RPC_DATA_SIZE) &&
               ranges_fit(&remote->request, &remote->reply);
    case RPC_RESIDENT:
        return size == remote->request.n_ranges * sizeof(uint64_t);
    case RPC_PLACE:
        return size == sizeof(uint64_t);
    default:
        return size <= RPC_DATA_SIZE;
    }
}

/* The first slots are used most: memory that is touched anew is dear, on both sides. */
static size_t slot_of(const struct remote *remote, uint64_t number)
{
    return (number - remote->base) % RPC_AHEAD_SLOTS;
}

static int send_request(struct remote *remote)
{
    if (send(remote->socket, &remote->request, request_size(&remote->request), MSG_NOSIGNAL) < 0)
        return -ECONNRESET; /* who cannot be asked is as good as gone */
    return 0;
}

/* Receives answers to what was asked ahead until there are `n`. */
static int receive_ahead(struct remote *remote, uint64_t n)
{
    AUTO_CLOSE int unasked = -1;
    int r = 0;

    while (!r && remote->n_arrived < n) {
        r = receive_answer(remote, &remote->ahead[slot_of(remote, remote->n_arrived)], &unasked);
        remote->n_arrived += !r;
    }
    return r;
}

static int call(struct remote *remote, int *ret_fd)
{
    AUTO_CLOSE int fd = -1;
    int r;

    r = send_request(remote);
    if (!r)
        r = receive_ahead(remote, remote->n_asked);
    if (!r)
        r = receive_answer(remote, &remote->reply, &fd);
    if (r)
        return r;
    if (!is_sound(remote))
        return -ECONNRESET;
    if (!remote->reply.error && ret_fd)
        *ret_fd = TAKE_FD(fd);
    return remote->reply.error;
}

static void prepare(struct remote *remote, enum rpc_type type, uint64_t value)
{
    remote->request.type = type;
    remote->request.n_ranges = 0;
    remote->request.value = value;
}

static const uint8_t *data(const struct remote *remote)
{
    return remote->area + RPC_RECORDS_SIZE;
}

static int scan(struct remote *remote, enum rpc_type type, const struct thread_record **ret_records,
                size_t *ret_n, bool *ret_more)
{
    int r;

    prepare(remote, type, 0);
    r = call(remote, NULL);
    if (r)
        return r;
    *ret_records = (const struct thread_record *)remote->area;
    *ret_n = remote->reply.size / sizeof(struct thread_record);
    *ret_more = remote->reply.more;
    return 0;
}

int remote_scan(struct remote *remote, const struct thread_record **ret_records, size_t *ret_n,
                bool *ret_more)
{
    return scan(remote, RPC_SCAN, ret_records, ret_n, ret_more);
}

int remote_scan_next(struct remote *remote, const struct thread_record **ret_records, size_t *ret_n,
                     bool *ret_more)
{
    return scan(remote, RPC_SCAN_NEXT, ret_records, ret_n, ret_more);
}

static int set_ranges(struct remote *remote, const struct rpc_range *ranges, size_t n)
{
    if (n > RPC_RANGES_MAX)
        return -E2BIG;
    remote->request.n_ranges = n;
    memcpy(remote->request.ranges, ranges, n * sizeof(*ranges));
    return 0;
}

static int call_with_ranges(struct remote *remote, enum rpc_type type,
                            const struct rpc_range *ranges, size_t n)
{
    int r;

    prepare(remote, type, 0);
    r = set_ranges(remote, ranges, n);
    return r ? r : call(remote, NULL);
}

int remote_read(struct remote *remote, const struct rpc_range *ranges, size_t n,
                const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    int r = call_with_ranges(remote, RPC_READ, ranges, n);

    if (r)
        return r;
    *ret_bytes = data(remote);
    *ret_lengths = remote->reply.lengths;
    return 0;
}

int remote_ask(struct remote *remote, const struct rpc_range *ranges, size_t n)
{
    size_t slot;
    int r;

    if (remote->n_asked - remote->n_taken == RPC_AHEAD_SLOTS)
        return -EBUSY;
    if (remote->n_asked == remote->n_taken)
        remote->base = remote->n_asked;
    slot = slot_of(remote, remote->n_asked);
    prepare(remote, RPC_READ, 1 + slot);
    r = set_ranges(remote, ranges, n);
    if (!r)
        r = send_request(remote);
    if (r)
        return r;
    remote->ahead_ranges[slot] = (uint32_t)n;
    remote->n_asked++;
    return 0;
}

int remote_take(struct remote *remote, const uint8_t **ret_bytes, const uint32_t **ret_lengths)
{
    size_t slot = slot_of(remote, remote->n_taken);
    const struct rpc_reply *reply = &remote->ahead[slot];
    int r;

    if (remote->n_taken == remote->n_asked)
        return -EINVAL;
    remote->n_taken++;
    r = receive_ahead(remote, remote->n_taken);
    if (r)
        return r;
    if (reply->error > 0 ||
        (!reply->error && !lengths_fit(reply, remote->ahead_ranges[slot], RPC_AHEAD_SIZE)))
        return -ECONNRESET;
    *ret_bytes = data(remote) + RPC_DATA_SIZE + slot * RPC_AHEAD_SIZE;
    *ret_lengths = reply->lengths;
    return reply->error;
}

bool remote_is_late(const struct remote *remote)
{
    const struct rpc_progress *progress =
        (const struct rpc_progress *)(remote->area + RPC_PROGRESS_AT);

    return __atomic_load_n(&progress->n_ahead, __ATOMIC_ACQUIRE) <= remote->n_taken;
}

int remote_resident(struct remote *remote, const struct rpc_range *ranges, size_t n,
                    const uint64_t **ret_bytes)
{
    int r = call_with_ranges(remote, RPC_RESIDENT, ranges, n);

    if (r)
        return r;
    *ret_bytes = (const uint64_t *)data(remote);
    return 0;
}

int remote_maps(struct remote *remote, size_t max, char **ret_text, size_t *ret_length)
{
    AUTO_FREE char *text = NULL;
    size_t length = 0;
    int r;

    do {
        char *grown;

        prepare(remote, RPC_MAPS, length);
        r = call(remote, NULL);
        if (r)
            return r;
        if (length + remote->reply.size > max)
            return -E2BIG;
        grown = realloc(text, length + remote->reply.size + 1);
        if (!grown)
            return -ENOMEM;
        text = grown;
        memcpy(text + length, data(remote), remote->reply.size);
        length += remote->reply.size;
    } while (remote->reply.more && remote->reply.size);
    text[length] = '\0';
    *ret_text = TAKE_PTR(text);
    *ret_length = length;
    return 0;
}

int remote_mapped(struct remote *remote, const uint64_t *addresses, size_t n, const char **ret_text,
                  size_t *ret_length)
{
    struct rpc_range ranges[RPC_RANGES_MAX];
    int r;

    if (n > RPC_RANGES_MAX)
        return -E2BIG;
    for (size_t i = 0; i < n; i++)
        ranges[i] = (struct rpc_range){addresses[i], 1};
    r = call_with_ranges(remote, RPC_MAPPED, ranges, n);
    if (r)
        return r;
    *ret_text = (const char *)data(remote);
    *ret_length = remote->reply.size;
    return 0;
}

static int set_path(struct remote *remote, const char *path)
{
    size_t length = strlen(path);

    if (length >= RPC_PATH_MAX)
        return -ENAMETOOLONG;
    memset(&remote->request.path, 0, sizeof(remote->request.path));
    memcpy(remote->request.path.text, path, length);
    return 0;
}

int remote_open_mapping(struct remote *remote, struct rpc_range range, uint64_t device,
                        uint64_t inode, const char *path, int *ret_fd)
{
    int r;

    prepare(remote, RPC_OPEN_MAPPING, 0);
    r = set_path(remote, path);
    if (r)
        return r;
    remote->request.path.range = range;
    remote->request.device = device;
    remote->request.inode = inode;
    r = call(remote, ret_fd);
    return r ? r : (*ret_fd < 0 ? -EBADF : 0);
}

int remote_open_debug(struct remote *remote, const char *path, int *ret_fd)
{
    int r;

    prepare(remote, RPC_OPEN_DEBUG, 0);
    r = set_path(remote, path);
    if (r)
        return r;
    r = call(remote, ret_fd);
    return r ? r : (*ret_fd < 0 ? -EBADF : 0);
}

int remote_file(struct remote *remote, int fd, char *ret_text, size_t size)
{
    size_t length;
    int r;

    prepare(remote, RPC_FILE, fd);
    r = call(remote, NULL);
    if (r)
        return r;
    length = remote->reply.size < size - 1 ? remote->reply.size : size - 1;
    memcpy(ret_text, data(remote), length);
    ret_text[length] = '\0';
    return 0;
}

int remote_kernel(struct remote *remote, const struct kernel_record **ret_records, size_t *ret_n)
{
    int r;

    prepare(remote, RPC_KERNEL, 0);
    r = call(remote, NULL);
    if (r)
        return r;
    *ret_records = (const struct kernel_record *)data(remote);
    *ret_n = remote->reply.size / sizeof(struct kernel_record);
    return 0;
}

int remote_place(struct remote *remote, uint64_t *ret_pc)
{
    int r;

    prepare(remote, RPC_PLACE, 0);
    r = call(remote, NULL);
    if (!r)
        memcpy(ret_pc, data(remote), sizeof(*ret_pc));
    return r;
}

int remote_done(struct remote *remote, uint64_t number, bool failed)
{
    prepare(remote, failed ? RPC_GIVEN_UP : RPC_DONE, number);
    return send_request(remote);
}
