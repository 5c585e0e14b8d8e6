/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any requests of an analyst about its target, which is a child that sleeps: each is answered, or
 * ends the analyst; no more comes back than there is room for. What a sweep over threads reads is
 * of the input, too, in the place of loaded BPF programs.
 *
 * An input is two bytes of length and the bytes that sweeps read, then messages, one behind the
 * other: two bytes of length, then the request.
 */
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#include "probe/fake_bpf.h"
#include "probe/service.h"

static pid_t start_target(void)
{
    pid_t pid = fork();

    check(pid >= 0);
    if (pid)
        return pid;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;)
        pause();
}

static const struct target_id *the_target(void)
{
    static struct target_id target;

    if (!target.pid)
        check(!target_open(start_target(), &target));
    return &target;
}

static void make_sweep(struct input *input)
{
    static uint8_t records[UINT16_MAX];
    size_t size = take_u16(input);

    if (fake_bpf_sweep < 0)
        fake_bpf_sweep = memfd_create("sweep", MFD_CLOEXEC);
    take(input, records, size);
    check(!ftruncate(fake_bpf_sweep, 0));
    check(pwrite(fake_bpf_sweep, records, size, 0) == (ssize_t)size);
}

/* False: no whole message is left. */
static bool send_request(struct input *input, int socket)
{
    static struct rpc_request request;
    size_t size = take_u16(input) % (sizeof(request) + 1);

    if (!input->left)
        return false;
    take(input, &request, size);
    check(send(socket, &request, size, 0) == (ssize_t)size);
    return size > 0;
}

static void check_reply(int socket)
{
    static struct rpc_reply reply;

    if (recv(socket, &reply, sizeof(reply), MSG_DONTWAIT) < 0)
        return;
    check(reply.error <= 0 && reply.size <= RPC_DATA_SIZE);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t area[RPC_AREA_SIZE];
    struct input input = {data, size};
    struct losses losses = {0};
    struct service service;
    uint64_t number;
    int sockets[2];
    bool done;

    check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, sockets));
    service_init(&service, the_target(), &losses);
    service.socket = sockets[1];
    service.area = area;
    make_sweep(&input);
    while (send_request(&input, sockets[0])) {
        if (service_answer(&service, &done, &number))
            break;
        check_reply(sockets[0]);
    }
    service_close(&service);
    close(sockets[0]);
    close(sockets[1]);
    return 0;
}
