/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/web.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "cleanup.h"
#include "log.h"
#include "probe/usage.h"
#include "role.h"
#include "verifier.h"
#include "wire_send.h"

static int load(struct web *web, char ret_why[static WEBFILES_WHY_MAX])
{
    const int r = webfiles_load(&web->files, &web->bundle, &web->size, ret_why);

    if (r && r != -EINVAL)
        snprintf(ret_why, WEBFILES_WHY_MAX, "%s", strerror(-r));
    return r;
}

int web_open(struct web *web, const char *path, bool is_exposed)
{
    char why[WEBFILES_WHY_MAX] = "the path is too long";
    int r;

    if (!path)
        return 0;
    web->is_used = true;
    r = webfiles_init(&web->files, path, is_exposed);
    if (!r)
        r = load(web, why);
    if (r)
        log_error("--web.config.file: %s", why);
    return r;
}

static int verifier_role(void *context)
{
    return verifier_run(*(const int *)context);
}

int web_start_verifier(struct web *web, int *ret_socket)
{
    AUTO_CLOSE int ours = -1, theirs = -1;
    struct role role = {.name = "pw-verifier",
                        .run = verifier_role,
                        .context = &theirs,
                        .keep = &theirs,
                        .n_keep = 1};
    int pair[2], r;

    if (!web->is_used)
        return 0;
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -errno;
    ours = pair[0];
    theirs = pair[1];
    r = role_start(&role, &web->verifier);
    if (!r)
        *ret_socket = TAKE_FD(ours);
    return r;
}

int web_send(struct web *web, int monitor_fd)
{
    int r = 0;

    if (web->bundle)
        r = wire_send(monitor_fd, WIRE_WEB, web->bundle, web->size, -1);
    webfiles_wipe(&web->bundle);
    return r;
}

/* Those who wait for it are told to come again, and till there is another so are all who need one.
 * Where it cannot be started now, it is tried again the next time. */
static int restart_verifier(struct web *web, int monitor_fd)
{
    AUTO_CLOSE int fd = -1;

    if (web_start_verifier(web, &fd))
        return 0;
    return wire_send(monitor_fd, WIRE_VERIFIER, NULL, 0, fd);
}

static int check_files(struct web *web, int monitor_fd)
{
    char why[WEBFILES_WHY_MAX];

    if (!webfiles_changed(&web->files))
        return 0;
    if (!load(web, why))
        return web_send(web, monitor_fd);
    log_warning("--web.config.file: it stays as it was: %s", why);
    return wire_send(monitor_fd, WIRE_WEB_BAD, NULL, 0, -1);
}

int web_check(struct web *web, uint64_t now_ns, int monitor_fd)
{
    int r = 0;

    if (!web->is_used || now_ns - web->checked_ns < WEB_CHECK_NS)
        return 0;
    web->checked_ns = now_ns;
    if (!web->verifier)
        r = restart_verifier(web, monitor_fd);
    return r ? r : check_files(web, monitor_fd);
}

void web_reap(struct web *web)
{
    struct rusage usage;
    int status;

    if (!web->verifier ||
        wait4(web->verifier, &status, WNOHANG | WUNTRACED, &usage) != web->verifier)
        return;
    if (WIFSTOPPED(status)) {
        kill(web->verifier, SIGKILL);
        return;
    }
    web->verifier = 0;
    web->verifier_cpu_us += usage_cpu_us(&usage);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != EXIT_SUCCESS)
        log_warning("the checker of passwords ended; another one is started");
}

void web_close(struct web *web)
{
    webfiles_wipe(&web->bundle);
    if (!web->verifier)
        return;
    kill(web->verifier, SIGKILL);
    waitpid(web->verifier, NULL, 0);
}
