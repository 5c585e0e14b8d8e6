/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/open.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "monitor/http.h"
#include "monitor/monitor.h"
#include "probe/refusal.h"
#include "role.h"
#include "sandbox.h"

#define LASTING_NS INT64_C(10000000000) /* a report that takes less is attached in haste */
#define CLOSE_NS   1000000000ll         /* how long the end waits for that of the crews */

void probe_close(struct probe *probe)
{
    uint64_t until_ns = clock_now() + CLOSE_NS;

    notify_stopping(&probe->notify);
    for (size_t i = 0; i < probe->n_targets; i++)
        attached_leave(&probe->targets[i]);
    for (size_t i = 0; i < probe->n_targets; i++)
        attached_close(&probe->targets[i], until_ns);
    bpf_free(&probe->bpf);
    for (size_t i = 0; i < probe->n_listen_fds; i++)
        close(probe->listen_fds[i]);
    if (probe->monitor_fd >= 0)
        close(probe->monitor_fd);
    if (probe->output_fd > STDERR_FILENO)
        close(probe->output_fd);
    if (probe->signal_fd >= 0)
        close(probe->signal_fd);
    if (probe->monitor) {
        kill(probe->monitor, SIGKILL);
        waitpid(probe->monitor, NULL, 0);
        console_reset(&probe->console);
    }
    console_close(&probe->console);
    web_close(&probe->web);
    notify_close(&probe->notify);
}

static int open_targets(struct probe *probe)
{
    int r;

    for (size_t i = 0; i < probe->options->n_pids; i++) {
        pid_t pid = probe->options->pids[i];
        struct attached *attached = &probe->targets[probe->n_targets++];

        attached_init(attached);
        r = attached_open(attached, i, pid);
        if (r) {
            refusal_log(pid, r);
            return r;
        }
    }
    return 0;
}

static int open_listeners(struct probe *probe)
{
    char why[HTTP_WHY_MAX];
    int r;

    if (probe->command != COMMAND_WATCH)
        return 0;
    for (size_t i = 0; i < probe->options->n_listens; i++) {
        r = http_listen(probe->options->listens[i], &probe->listen_fds[i], why);
        if (r) {
            log_error("%s", why);
            return r;
        }
        probe->n_listen_fds++;
    }
    return 0;
}

static int open_output(struct probe *probe)
{
    const char *path = probe->options->output;

    if (!path)
        return 0;
    probe->output_fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (probe->output_fd >= 0)
        return 0;
    log_error("cannot write %s: %s", path, strerror(errno));
    return -EIO;
}

static int open_signals(struct probe *probe)
{
    sigset_t signals;

    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    if (probe->command == COMMAND_TOP) {
        sigaddset(&signals, SIGQUIT);
        sigaddset(&signals, SIGTSTP);
    }
    signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &signals, NULL))
        return -errno;
    probe->signal_fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    return probe->signal_fd < 0 ? -errno : 0;
}

static int open_bpf(struct probe *probe)
{
    struct bpf_options options = {
        .n_targets = probe->n_targets,
        .threshold_ns = probe->options->threshold_ns,
        .futex = probe->options->futex,
        .lasting = probe->command != COMMAND_REPORT || probe->options->duration_ns >= LASTING_NS,
    };
    char why[256];
    int r;

    r = bpf_new(&options, why, sizeof(why), &probe->bpf);
    if (r)
        log_error("%s", why);
    else if (options.futex && !bpf_has_futex(probe->bpf))
        log_warning(
            "this kernel refuses the programs on futex calls: futex waits are not followed, "
            "as with --futex off");
    return r;
}

static unsigned terminal_width(int fd)
{
    struct winsize size;

    return isatty(fd) && !ioctl(fd, TIOCGWINSZ, &size) ? size.ws_col : 0;
}

static int monitor_role(void *context)
{
    return monitor_run(context);
}

static int start_monitor(struct probe *probe)
{
    AUTO_CLOSE int monitor_end = -1;
    AUTO_CLOSE int verifier = -1;
    struct monitor_options options = {
        .options = probe->options,
        .watch = probe->command == COMMAND_WATCH,
        .top = probe->command == COMMAND_TOP,
        .messages = console_holds_messages(&probe->console),
        .output_fd = probe->output_fd,
        .width = terminal_width(probe->output_fd),
        .listen_fds = probe->listen_fds,
        .n_listen_fds = probe->n_listen_fds,
    };
    struct timeval patience = {.tv_sec = MONITOR_PATIENCE_S};
    int keep[OPTIONS_LISTEN_MAX + 3];
    struct role role = {
        .name = "pw-monitor", .run = monitor_role, .context = &options, .keep = keep};
    int pair[2], r;

    r = web_start_verifier(&probe->web, &verifier);
    if (r)
        return r;
    options.verifier_socket = verifier;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return -errno;
    probe->monitor_fd = pair[0];
    options.probe_socket = monitor_end = pair[1];
    if (setsockopt(probe->monitor_fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)))
        return -errno;
    keep[role.n_keep++] = monitor_end;
    keep[role.n_keep++] = probe->output_fd;
    if (options.top)
        keep[role.n_keep++] = STDIN_FILENO;
    if (verifier >= 0)
        keep[role.n_keep++] = verifier;
    for (size_t i = 0; i < probe->n_listen_fds; i++)
        keep[role.n_keep++] = probe->listen_fds[i];
    return role_start(&role, &probe->monitor);
}

/* Before the programs are loaded, which takes as long as what they prepare meanwhile. */
static int start_crews(struct probe *probe)
{
    const struct attached_options options = {
        .threshold_ns = probe->options->threshold_ns,
        .kinds = probe->options->kinds,
        .proven = probe->command != COMMAND_REPORT,
        .one_look = schedule_is_one_look(probe->command, probe->options),
        .interval_ns = probe->command != COMMAND_REPORT ? (uint64_t)probe->options->interval_ns : 0,
    };
    int r = 0;

    for (size_t i = 0; i < probe->n_targets && !r; i++) {
        r = attached_start(&probe->targets[i], &options);
        if (r)
            refusal_log(probe->options->pids[i], r);
    }
    return r;
}

static int attach_targets(struct probe *probe)
{
    int r = 0;

    for (size_t i = 0; i < probe->n_targets && !r; i++) {
        r = attached_attach(&probe->targets[i], probe->bpf, probe->monitor_fd);
        if (r)
            refusal_log(probe->options->pids[i], r);
    }
    return r;
}

/* It goes on as well, and who asked for a report is done before it could matter. */
static void check_spare(const struct probe *probe)
{
    const int r = probe->command == COMMAND_REPORT ? 0 : role_check_spare();

    if (r)
        log_warning("readers and analysts cannot be marked as the first to end where memory runs "
                    "out (oom_score_adj: %s)",
                    strerror(-r));
}

static int start_roles(struct probe *probe)
{
    int r;

    check_spare(probe);
    r = open_signals(probe);
    if (!r)
        r = start_monitor(probe);
    if (!r)
        r = web_send(&probe->web, probe->monitor_fd);
    if (!r)
        r = sandbox_probe();
    if (r) {
        log_error("cannot start: %s", strerror(-r));
        return r;
    }
    return attach_targets(probe);
}

static int open_notify(struct probe *probe)
{
    int r = probe->command == COMMAND_WATCH ? notify_open(&probe->notify) : 0;

    if (r)
        log_error("cannot reach the service manager at $NOTIFY_SOCKET: %s", strerror(-r));
    return r;
}

/* Before anything else: who has no terminal is told so first. */
static int open_console(struct probe *probe)
{
    char why[CONSOLE_WHY_MAX];
    int r = probe->command == COMMAND_TOP ? console_open(&probe->console, why) : 0;

    if (r)
        log_error("%s", why);
    return r;
}

int probe_open(struct probe *probe)
{
    int r;

    r = open_console(probe);
    if (!r)
        r = open_notify(probe);
    if (!r)
        r = open_targets(probe);
    if (!r)
        r = open_listeners(probe);
    if (!r)
        r = web_open(&probe->web, probe->options->web_config,
                     http_is_exposed(probe->listen_fds, probe->n_listen_fds));
    if (!r)
        r = start_crews(probe);
    if (!r)
        r = open_bpf(probe);
    if (!r)
        r = open_output(probe);
    return r ? r : start_roles(probe);
}
