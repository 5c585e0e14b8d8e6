/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any replies and records to an analyst: a whole scan over them ends, and what the analyst says of
 * it, the monitor would take.
 *
 * An input is the records' bytes, the data's, and then the replies in their order; when they are
 * used up, the probe is gone.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#include "analyst/go/program.h"
#include "analyst/goroutines.h"
#include "analyst/outbox.h"
#include "analyst/remote.h"
#include "analyst/threads.h"

#define REPLIES_MAX 64

static void fill_area(struct input *input, uint8_t *area)
{
    size_t n_records = take_u8(input) % 4, n_data = take_u16(input) % 4096;

    take(input, area, n_records * sizeof(struct thread_record));
    take(input, area + RPC_RECORDS_SIZE, n_data);
}

/* Only the first lengths differ: more would make inputs of a kilobyte for each reply. */
static void queue_replies(struct input *input, int socket)
{
    static struct rpc_reply reply;

    for (size_t i = 0; i < REPLIES_MAX && input->left; i++) {
        memset(&reply, 0, sizeof(reply));
        reply.error = (int8_t)take_u8(input);
        reply.more = take_u8(input);
        reply.size = take_u64(input);
        take(input, reply.lengths, 4 * sizeof(reply.lengths[0]));
        if (send(socket, &reply, sizeof(reply), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
            break;
    }
    shutdown(socket, SHUT_WR);
}

static void scan(struct remote *remote, int monitor)
{
    struct threads_options threads_options = {.samples = true};
    struct goroutines_options goroutines_options = {.samples = true};
    struct wire_scan result = {.number = 1};
    struct losses losses = {0};
    struct goroutines *goroutines = NULL;
    struct program *program = NULL;
    struct threads *threads = NULL;
    struct outbox *outbox = NULL;
    bool in_program;

    check(!outbox_new(monitor, &losses, &outbox));
    check(!program_new(remote, &losses, &program));
    check(!threads_new(&threads_options, program, remote, outbox, &losses, &threads));
    check(!goroutines_new(&goroutines_options, program, remote, outbox, &losses, &goroutines));
    if (!threads_prepare(threads, &in_program) && in_program)
        (void)!program_prepare(program);
    for (int i = 0; i < 2; i++, result.number++)
        if (!threads_scan(threads, 0, &result) &&
            !goroutines_scan(goroutines, threads_exec_id(threads), &result))
            outbox_scan(outbox, &result);
    goroutines_free(&goroutines);
    threads_free(&threads);
    program_free(&program);
    outbox_free(&outbox);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t area[RPC_AREA_SIZE];
    struct input input = {data, size};
    struct remote *remote = NULL;
    int probe[2], monitor[2];

    check(!socketpair(AF_UNIX, SOCK_SEQPACKET, 0, probe));
    check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, monitor));
    check(!remote_new(probe[0], area, &remote));
    fill_area(&input, area);
    queue_replies(&input, probe[1]);
    scan(remote, monitor[0]);
    remote_free(&remote);
    for (int i = 0; i < 2; i++) {
        close(probe[i]);
        close(monitor[i]);
    }
    return 0;
}
