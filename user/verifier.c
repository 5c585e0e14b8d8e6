/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier.h"

#include <crypt.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "cleanup.h"
#include "log.h"
#include "sandbox.h"

/* A bcrypt hash of cost c takes 2^c rounds. Those of c, c + 1, ... up to the dearest add up to what
 * that one takes: how long a check lasted tells nothing of whose it was. */
static void fill_time(const struct verifier_request *request, struct crypt_data *data)
{
    char setting[WEBCONFIG_HASH_MAX];

    memcpy(setting, request->hash, sizeof(setting));
    for (unsigned cost = webconfig_cost(request->hash);
         cost < request->cost && cost < WEBCONFIG_COST_MAX; cost++) {
        setting[4] = (char)('0' + cost / 10);
        setting[5] = (char)('0' + cost % 10);
        crypt_r(request->password, setting, data);
    }
}

/* crypt_r() wants room of which it makes the sandbox's memory no smaller: once, from the start. */
static uint64_t verify(const struct verifier_request *request, struct crypt_data *data)
{
    const char *found = crypt_r(request->password, request->hash, data);
    uint64_t right = found && !strcmp(found, request->hash);

    fill_time(request, data);
    explicit_bzero(data, sizeof(*data));
    return right;
}

/* What else libcrypt takes for a hash may keep it for hours, or want gigabytes. */
static bool is_sound(const struct verifier_request *request)
{
    return memchr(request->hash, '\0', sizeof(request->hash)) &&
           memchr(request->password, '\0', sizeof(request->password)) &&
           webconfig_is_hash(request->hash) && request->cost <= WEBCONFIG_COST_MAX;
}

static int serve(int socket, struct crypt_data *data)
{
    struct verifier_request request;
    struct verifier_reply reply;
    ssize_t n;

    while ((n = recv(socket, &request, sizeof(request), MSG_TRUNC)) > 0) {
        if (n != sizeof(request) || !is_sound(&request))
            return -EBADMSG;
        reply = (struct verifier_reply){request.ticket, verify(&request, data)};
        explicit_bzero(&request, sizeof(request));
        if (send(socket, &reply, sizeof(reply), MSG_NOSIGNAL) != sizeof(reply))
            return -errno;
    }
    return n < 0 ? -errno : 0;
}

int verifier_run(int socket)
{
    AUTO_FREE struct crypt_data *data = calloc(1, sizeof(*data));
    int r = data ? sandbox_analyst() : -ENOMEM;

    if (!r)
        r = serve(socket, data);
    if (r)
        log_error("the checker of passwords failed: %s", strerror(-r));
    return r ? EXIT_FAILURE : EXIT_SUCCESS;
}
