/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any requests of a monitor that was taken over to the verifier: what gets to libcrypt is a bcrypt
 * hash whose check has an end in time, and a reply is to each request before the one that ends it.
 *
 * An input is messages, one behind the other: two bytes of length, then the request.
 */
#include <crypt.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fuzz.h"

#include "log.h"
#include "sandbox.h"
#include "verifier.h"

#define REQUESTS_MAX 64

static uint64_t rounds;

char *crypt_r(const char *password, const char *setting, struct crypt_data *data)
{
    check(strlen(password) < VERIFIER_PASSWORD_MAX);
    check(webconfig_is_hash(setting));
    rounds += 1ull << webconfig_cost(setting);
    strcpy(data->output, password[0] % 2 ? setting : "*0");
    return data->output;
}

int sandbox_analyst(void)
{
    return 0;
}

void log_write(const char *format, ...)
{
    (void)format;
}

static size_t ask(struct input *input, int monitor, uint64_t *ret_tickets)
{
    static char message[sizeof(struct verifier_request) + 8];
    size_t n = 0;

    while (input->left > 2 && n < REQUESTS_MAX) {
        const size_t size = take_u16(input) % sizeof(message);

        take(input, message, size);
        memcpy(&ret_tickets[n++], message, sizeof(*ret_tickets));
        check(send(monitor, message, size, MSG_DONTWAIT) == (ssize_t)size);
    }
    shutdown(monitor, SHUT_WR);
    return n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input input = {data, size};
    uint64_t tickets[REQUESTS_MAX];
    struct verifier_reply reply;
    size_t asked, answered = 0;
    int pair[2], status;

    rounds = 0;
    check(!socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    asked = ask(&input, pair[0], tickets);
    status = verifier_run(pair[1]);
    for (; recv(pair[0], &reply, sizeof(reply), MSG_DONTWAIT) == sizeof(reply); answered++)
        check(answered < asked && reply.ticket == tickets[answered] && reply.right <= 1);
    check(status == EXIT_SUCCESS || answered < asked);
    check(rounds <= (uint64_t)answered << WEBCONFIG_COST_MAX);
    close(pair[0]);
    close(pair[1]); /* not before: what it has not read would make the replies be lost */
    return 0;
}
