/* SPDX-License-Identifier: Apache-2.0 */
#include "monitor/auth.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>

#include "cleanup.h"
#include "verifier.h"

#define DIGEST 32 /* SHA-256 */

/* What a right password is remembered by: keyed, so that a look into memory tells nothing of it. */
struct digest {
    uint8_t bytes[DIGEST];
};

struct waiting {
    struct verifier_request request;
    struct digest digest;
    bool known; /* the user */
};

struct auth {
    int fd;
    const struct webconfig *config; /* borrowed; NULL: nobody needs a password */
    uint8_t key[DIGEST];            /* of digests */
    size_t n_cached;                /* ever */
    struct digest cache[AUTH_CACHE_MAX];
    bool is_asked; /* the first in the queue is with the verifier */
    size_t n_waiting;
    struct waiting queue[AUTH_QUEUE_MAX];
};

int auth_new(int fd, struct auth **ret_auth)
{
    struct auth *auth = calloc(1, sizeof(*auth));

    if (!auth)
        return -ENOMEM;
    auth->fd = fd;
    if (gnutls_rnd(GNUTLS_RND_KEY, auth->key, sizeof(auth->key)) < 0) {
        free(auth);
        return -EIO;
    }
    *ret_auth = auth;
    return 0;
}

void auth_free(struct auth **auth)
{
    if (!*auth)
        return;
    cleanup_close(&(*auth)->fd);
    explicit_bzero(*auth, sizeof(**auth));
    free(*auth);
    *auth = NULL;
}

void auth_configure(struct auth *auth, const struct webconfig *config)
{
    auth->config = config;
    explicit_bzero(auth->cache, sizeof(auth->cache));
    auth->n_cached = 0;
}

/* Name and password of "Basic BASE64". */
struct credentials {
    gnutls_datum_t text; /* "name:password", without a NUL at the end */
    size_t name;         /* length */
};

static void credentials_wipe(struct credentials *credentials)
{
    if (credentials->text.data)
        explicit_bzero(credentials->text.data, credentials->text.size);
    gnutls_free(credentials->text.data);
}

static int read_credentials(const char *authorization, struct credentials *ret)
{
    const char *encoded = authorization + strlen("Basic ");
    gnutls_datum_t in;
    const void *colon;

    if (strncasecmp(authorization, "Basic ", strlen("Basic ")) != 0)
        return -EINVAL;
    in = (gnutls_datum_t){.data = (unsigned char *)encoded, .size = (unsigned)strlen(encoded)};
    if (!in.size || gnutls_base64_decode2(&in, &ret->text) < 0)
        return -EINVAL;
    colon = memchr(ret->text.data, ':', ret->text.size);
    if (!colon)
        return -EINVAL;
    ret->name = (size_t)((const unsigned char *)colon - ret->text.data);
    return 0;
}

/* Looks at all users, however soon it knows. An unknown one gets the dearest hash there is, and all
 * others' checks are to take as long as that one's. */
static void find_hash(const struct webconfig *config, const struct credentials *credentials,
                      struct waiting *waiting)
{
    const struct webconfig_user *found = NULL, *dearest = &config->users[0];

    for (size_t i = 0; i < config->n_users; i++) {
        const struct webconfig_user *user = &config->users[i];

        if (webconfig_cost(user->hash) > webconfig_cost(dearest->hash))
            dearest = user;
        if (strlen(user->name) == credentials->name &&
            !gnutls_memcmp(user->name, credentials->text.data, credentials->name))
            found = user;
    }
    waiting->known = found;
    waiting->request.cost = webconfig_cost(dearest->hash);
    memcpy(waiting->request.hash, found ? found->hash : dearest->hash, sizeof(dearest->hash));
}

/* A password that cannot be one is checked all the same, to no avail. */
static void take_password(const struct credentials *credentials, struct waiting *waiting)
{
    const unsigned char *password = credentials->text.data + credentials->name + 1;
    size_t length = credentials->text.size - credentials->name - 1;

    if (length >= VERIFIER_PASSWORD_MAX || memchr(password, '\0', length))
        waiting->known = false;
    if (length >= VERIFIER_PASSWORD_MAX)
        length = VERIFIER_PASSWORD_MAX - 1;
    memcpy(waiting->request.password, password, length);
}

/* Of user, hash and password: none of them alone finds what another one was right for. */
static int make_digest(const struct auth *auth, const struct credentials *credentials,
                       struct waiting *waiting)
{
    gnutls_hmac_hd_t hmac;

    if (gnutls_hmac_init(&hmac, GNUTLS_MAC_SHA256, auth->key, sizeof(auth->key)) < 0)
        return -ENOMEM;
    gnutls_hmac(hmac, waiting->request.hash, sizeof(waiting->request.hash));
    gnutls_hmac(hmac, credentials->text.data, credentials->text.size);
    gnutls_hmac_deinit(hmac, waiting->digest.bytes);
    return 0;
}

static bool is_remembered(const struct auth *auth, const struct digest *digest)
{
    const size_t n = auth->n_cached < AUTH_CACHE_MAX ? auth->n_cached : AUTH_CACHE_MAX;
    bool found = false;

    for (size_t i = 0; i < n; i++)
        found |= !gnutls_memcmp(&auth->cache[i], digest, sizeof(*digest));
    return found;
}

static int ask_next(struct auth *auth)
{
    const struct verifier_request *request = &auth->queue[0].request;

    if (auth->is_asked || !auth->n_waiting)
        return 0;
    if (send(auth->fd, request, sizeof(*request), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
        return -errno;
    auth->is_asked = true;
    return 0;
}

static void leave_queue(struct auth *auth, size_t index)
{
    auth->n_waiting--;
    memmove(&auth->queue[index], &auth->queue[index + 1],
            (auth->n_waiting - index) * sizeof(auth->queue[0]));
    explicit_bzero(&auth->queue[auth->n_waiting], sizeof(auth->queue[0]));
}

static int join_queue(struct auth *auth, const struct waiting *waiting)
{
    if (auth->n_waiting == AUTH_QUEUE_MAX)
        return -EBUSY;
    auth->queue[auth->n_waiting++] = *waiting;
    if (!ask_next(auth))
        return -EINPROGRESS;
    leave_queue(auth, auth->n_waiting - 1);
    return -EBUSY;
}

int auth_check(struct auth *auth, const char *authorization, uint64_t ticket)
{
    CLEANUP(credentials_wipe) struct credentials credentials = {};
    struct waiting waiting = {.request = {.ticket = ticket}};
    int r;

    if (!auth->config || !auth->config->n_users)
        return 1;
    if (!authorization || read_credentials(authorization, &credentials))
        return 0;
    find_hash(auth->config, &credentials, &waiting);
    take_password(&credentials, &waiting);
    r = make_digest(auth, &credentials, &waiting);
    if (!r)
        r = waiting.known && is_remembered(auth, &waiting.digest) ? 1 : join_queue(auth, &waiting);
    explicit_bzero(&waiting, sizeof(waiting));
    return r;
}

void auth_cancel(struct auth *auth, uint64_t ticket)
{
    /* What the verifier is at cannot be called back. */
    for (size_t i = auth->is_asked; i < auth->n_waiting; i++) {
        if (auth->queue[i].request.ticket == ticket) {
            leave_queue(auth, i);
            return;
        }
    }
}

void auth_replace(struct auth *auth, int fd)
{
    cleanup_close(&auth->fd);
    auth->fd = fd;
    if (auth->is_asked)
        leave_queue(auth, 0);
    auth->is_asked = false;
    ask_next(auth);
}

int auth_fd(const struct auth *auth)
{
    return auth->fd;
}

int auth_answer(struct auth *auth, uint64_t *ret_ticket, bool *ret_right)
{
    struct verifier_reply reply;
    const ssize_t n = recv(auth->fd, &reply, sizeof(reply), MSG_DONTWAIT | MSG_TRUNC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n != sizeof(reply) || !auth->is_asked || reply.ticket != auth->queue[0].request.ticket)
        return -ECONNRESET;
    *ret_ticket = reply.ticket;
    *ret_right = reply.right == 1 && auth->queue[0].known;
    if (*ret_right)
        auth->cache[auth->n_cached++ % AUTH_CACHE_MAX] = auth->queue[0].digest;
    auth->is_asked = false;
    leave_queue(auth, 0);
    ask_next(auth);
    return 1;
}
