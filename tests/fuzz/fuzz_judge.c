/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any answers of judges that were taken over to the probe: refused in a text that ends, or what the
 * monitor takes and can use.
 *
 * An input is of each judge: a byte, by which it answers or not, one with the number of patches,
 * and the patches to its true answer: four bytes of offset, one of length, and the bytes.
 */
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"

#include "cleanup.h"
#include "monitor/auth.h"
#include "monitor/refusal.h"
#include "probe/judge.h"
#include "probe/webfiles.h"
#include "webbundle.h"

static const char config_text[] =
    "tls_server_config: {cert_file: %d, key_file: %d}\n"
    "http_server_config: {headers: {X-Frame-Options: deny, X-XSS-Protection: '0'}}\n"
    "basic_auth_users:\n"
    "  alice: $2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi\n";

static struct input input;

int judge_ask(void (*judge)(void *context, void *ret_result), void *context, void *ret_result,
              size_t size)
{
    const uint8_t how = take_u8(&input);

    judge(context, ret_result);
    for (uint8_t left = take_u8(&input); left && input.left; left--) {
        const size_t at = (take_u16(&input) | (size_t)take_u16(&input) << 16) % size;
        const size_t length = take_u8(&input);

        take(&input, (char *)ret_result + at, length < size - at ? length : size - at);
    }
    return how == 1 ? -ETIMEDOUT : how == 2 ? -ECHILD : 0;
}

/* Beside the file are those that it names: all are in /proc/self/fd. */
static const char *config_path(void)
{
    static char path[64];
    char text[sizeof(config_text) + 32];
    int config, key, n;

    if (path[0])
        return path;
    config = memfd_create("config", MFD_CLOEXEC);
    key = memfd_create("key", MFD_CLOEXEC);
    check(config >= 0 && key >= 0 && write(key, "key", 3) == 3);
    n = snprintf(text, sizeof(text), config_text, key, key);
    check(write(config, text, (size_t)n) == n);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", config);
    return path;
}

/* Each line of an answer is one of ours, or a header that may be set. */
static void check_lines(const struct webconfig *config)
{
    static char plain[REFUSAL_MAX], text[REFUSAL_MAX];
    const size_t n_plain = refusal_write(REFUSAL_HOST, false, NULL, plain);
    const size_t n = refusal_write(REFUSAL_HOST, false, config, text);
    size_t lines = 0;

    for (size_t i = 0; i < n; i++)
        lines += text[i] == '\n';
    for (size_t i = 0; i < n_plain; i++)
        lines -= plain[i] == '\n';
    check(n && lines <= config->n_headers);
}

static void use(const struct wire_web *web, size_t size)
{
    struct tls_bytes files[WEBCONFIG_FILES];
    char why[TLS_WHY_MAX] = "";
    struct auth *auth = NULL;
    struct tls *tls = NULL;

    check(webbundle_is_sound(web, size));
    for (size_t i = 0; i < web->config.n_users; i++)
        check(webconfig_cost(web->config.users[i].hash) <= WEBCONFIG_COST_MAX);
    webbundle_files(web, files);
    check(!web->config.has_tls || tls_new(&web->config, files, &tls, why) != 0 || tls);
    tls_unref(&tls);
    check(!auth_new(-1, &auth));
    auth_configure(auth, &web->config);
    check(auth_check(auth, "Basic YWxpY2U6YQ==", 1) != 1 || !web->config.n_users);
    auth_free(&auth);
    check_lines(&web->config);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct webfiles files;
    char why[WEBFILES_WHY_MAX] = "";
    struct wire_web *web = NULL;
    size_t length;
    int r;

    input = (struct input){data, size};
    check(!webfiles_init(&files, config_path(), true));
    r = webfiles_load(&files, &web, &length, why);
    check(r == 0 || r == -EINVAL || r == -ENOMEM);
    check(r != -EINVAL || (why[0] && memchr(why, '\0', sizeof(why))));
    if (!r)
        use(web, length);
    webfiles_changed(&files);
    webfiles_wipe(&web);
    return 0;
}
