/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any news of a reader, with scans asked for in between: what goes on to the monitor is what the
 * monitor can take, and of this reader's target alone.
 *
 * An input is messages, one behind the other: two bytes of length, then the news; of no length: the
 * next scan.
 */
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#include "cleanup.h"
#include "monitor/intake.h"
#include "probe/attached.h"
#include "probe/fake_bpf.h"

#define INDEX 5
#define PID   4711

/* The first of what both messages have is the index. */
static void check_told(int monitor)
{
    static char payload[WIRE_PAYLOAD_MAX];
    struct wire_header header;
    uint32_t index;

    while (recv(monitor, &header, sizeof(header), MSG_DONTWAIT) == sizeof(header)) {
        check(!intake_check_header(INTAKE_PROBE, &header));
        check(recv(monitor, payload, header.length, MSG_DONTWAIT) == (ssize_t)header.length);
        check(!intake_check(INTAKE_PROBE, &header, payload));
        memcpy(&index, payload, sizeof(index));
        check(index == INDEX);
    }
}

/* False: no whole message is left. */
static bool step(struct input *input, struct attached *attached, int reader)
{
    static struct reader_news news;
    size_t size = take_u16(input) % (sizeof(news) + 1);

    if (!input->left || attached->leaving)
        return false;
    if (!size)
        return !attached_tick(attached);
    take(input, &news, size);
    check(send(reader, &news, size, 0) == (ssize_t)size);
    return !attached_answer(attached);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    struct attached attached;
    int control[2], wire[2];

    check(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control));
    check(!socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, wire));
    attached_init(&attached);
    attached.index = INDEX;
    attached.target.pid = PID;
    attached.up = true;
    attached.monitor = wire[0];
    attached.crew.control = control[0];
    attached.described = (struct wire_target){.index = INDEX, .pid = PID, .up = 1};
    while (step(&input, &attached, control[1]))
        check_told(wire[1]);
    check_told(wire[1]);
    check(attached.described.pid == PID && !attached.described.analyst);
    cleanup_close(&attached.crew.control);
    close(control[1]);
    close(wire[0]);
    close(wire[1]);
    return 0;
}
