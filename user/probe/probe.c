/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
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
#include "probe/attached.h"
#include "probe/bpf.h"
#include "probe/console.h"
#include "probe/notify.h"
#include "probe/refusal.h"
#include "probe/schedule.h"
#include "probe/web.h"
#include "role.h"
#include "sandbox.h"
#include "wire_send.h"

#define IDLE_CHECK_MS      5000 /* how often files of the configuration are looked at */
#define CHECK_MS           500  /* how often who hangs is looked for while a scan is under way */
#define CLOSE_NS           1000000000ll /* how long the end waits for that of the crews */
#define MONITOR_PATIENCE_S 10           /* a monitor that takes no message for so long hangs */

struct probe {
    enum command command;
    const struct options *options;
    struct bpf *bpf;
    struct schedule schedule;
    int signal_fd;
    int output_fd; /* report */
    struct console console;
    int listen_fds[OPTIONS_LISTEN_MAX];
    size_t n_listen_fds;
    int monitor_fd;       /* the probe's end of the socket */
    pid_t monitor;        /* 0: not running */
    struct web web;       /* watch */
    struct notify notify; /* watch */
    bool last_scan;       /* the report waits for the scan that is under way */
    bool stop;
    int status; /* exit code */
    size_t n_targets;
    struct attached targets[RECORD_TARGETS_MAX];
};

static void probe_close(struct probe *probe)
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
    };
    char why[256];
    int r;

    r = bpf_new(&options, why, sizeof(why), &probe->bpf);
    if (r)
        log_error("%s", why);
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

static int attach_targets(struct probe *probe)
{
    const struct attached_options options = {
        .threshold_ns = probe->options->threshold_ns,
        .kinds = probe->options->kinds,
        .proven = probe->command != COMMAND_REPORT,
        .interval_ns = probe->command != COMMAND_REPORT ? (uint64_t)probe->options->interval_ns : 0,
    };
    int r = 0;

    for (size_t i = 0; i < probe->n_targets && !r; i++) {
        r = attached_start(&probe->targets[i], probe->bpf, probe->monitor_fd, &options);
        if (r)
            refusal_log(probe->options->pids[i], r);
    }
    return r;
}

static int start_roles(struct probe *probe)
{
    int r;

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

static int probe_open(struct probe *probe)
{
    int r;

    r = open_targets(probe);
    if (!r)
        r = open_listeners(probe);
    if (!r)
        r = web_open(&probe->web, probe->options->web_config,
                     http_is_exposed(probe->listen_fds, probe->n_listen_fds));
    if (!r)
        r = open_bpf(probe);
    if (!r)
        r = open_output(probe);
    return r ? r : start_roles(probe);
}

static bool is_idle(const struct probe *probe)
{
    for (size_t i = 0; i < probe->n_targets; i++)
        if (!attached_is_idle(&probe->targets[i]))
            return false;
    return true;
}

static size_t count_up(const struct probe *probe)
{
    size_t n = 0;

    for (size_t i = 0; i < probe->n_targets; i++)
        n += probe->targets[i].up;
    return n;
}

static int scan_all(struct probe *probe)
{
    int r = 0;

    bpf_set_clock(probe->bpf); /* or ages are by the offset that was measured last */
    for (size_t i = 0; i < probe->n_targets && !r; i++) {
        r = attached_count(&probe->targets[i]);
        if (!r)
            r = attached_tick(&probe->targets[i]);
    }
    return r;
}

/* The last scan of a report is done: the monitor prints, and its end is ours. Resources were read
 * when it began: CPU and network over the moments since then would say nothing. */
static int finish(struct probe *probe)
{
    int r = 0;

    probe->last_scan = false;
    for (size_t i = 0; i < probe->n_targets && !r; i++)
        r = attached_count(&probe->targets[i]);
    return r ? r : wire_send(probe->monitor_fd, WIRE_FINISH, NULL, 0, -1);
}

static int do_what_is_due(struct probe *probe)
{
    uint64_t now = clock_now();
    int r = 0;

    for (size_t i = 0; i < probe->n_targets && !r; i++)
        r = attached_check(&probe->targets[i], now);
    if (!r)
        r = web_check(&probe->web, now, probe->monitor_fd);
    if (r)
        return r;
    if (probe->last_scan)
        return is_idle(probe) ? finish(probe) : 0;
    switch (schedule_due(&probe->schedule, now, is_idle(probe))) {
    case SCHEDULE_LAST_SCAN:
        probe->last_scan = true;
        return scan_all(probe);
    case SCHEDULE_SCAN:
        return scan_all(probe);
    default:
        return 0;
    }
}

static void stop(struct probe *probe, int status)
{
    probe->stop = true;
    probe->status = status;
}

/* The ends of readers and analysts are attached_check()'s; the monitor's is that of all. */
static void reap_monitor(struct probe *probe)
{
    int status;

    if (!probe->monitor || waitpid(probe->monitor, &status, WNOHANG | WUNTRACED) != probe->monitor)
        return;
    if (WIFSTOPPED(status)) {
        console_suspend(&probe->console, probe->monitor);
        return;
    }
    probe->monitor = 0;
    if (!WIFEXITED(status)) {
        console_reset(&probe->console);
        log_error("the monitor was ended by signal %d", WTERMSIG(status));
    }
    stop(probe, WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE);
}

/* Without a verifier nobody who needs a password gets in. */
static void reap_roles(struct probe *probe)
{
    reap_monitor(probe);
    if (!web_reap(&probe->web) || probe->stop)
        return;
    log_error("the checker of passwords ended");
    stop(probe, EXIT_FAILURE);
}

static void take_signals(struct probe *probe)
{
    struct signalfd_siginfo signal;

    while (!probe->stop && read(probe->signal_fd, &signal, sizeof(signal)) == sizeof(signal)) {
        if (signal.ssi_signo == SIGCHLD)
            reap_roles(probe);
        else if (signal.ssi_signo == SIGTSTP)
            kill(probe->monitor, SIGTSTP);
        else
            stop(probe, probe->command == COMMAND_REPORT ? EXIT_FAILURE : EXIT_SUCCESS);
    }
}

static int target_ended(struct probe *probe, struct attached *attached)
{
    int r;

    log_warning("process %d ended", attached->target.pid); /* first: the monitor may show it */
    r = attached_ended(attached);
    if (count_up(probe))
        return r;
    if (probe->command == COMMAND_REPORT)
        stop(probe, EXIT_FAILURE);
    else if (probe->options->exit_with_targets)
        stop(probe, EXIT_SUCCESS);
    return r;
}

static int hear_reader(struct probe *probe, struct attached *attached)
{
    int r = attached_answer(attached);

    if (attached->refused && !probe->stop) {
        refusal_log(attached->target.pid, attached->refused);
        stop(probe, EXIT_FAILURE);
    }
    return r;
}

/* Two places for each target: its pidfd, readable when it has ended, and its reader. */
static int take_events(struct probe *probe, const struct pollfd *fds)
{
    int r = 0;

    for (size_t i = 0; i < probe->n_targets && !r; i++) {
        struct attached *attached = &probe->targets[i];

        if (fds[2 * i + 1].revents)
            r = hear_reader(probe, attached);
        if (!r && fds[2 * i].revents && attached->up)
            r = target_ended(probe, attached);
    }
    return r;
}

static int wait_for_events(struct probe *probe)
{
    struct pollfd fds[2 * RECORD_TARGETS_MAX + 1];
    int timeout = schedule_timeout_ms(&probe->schedule, clock_now());
    int most = is_idle(probe) ? IDLE_CHECK_MS : CHECK_MS;
    size_t n = 2 * probe->n_targets;

    for (size_t i = 0; i < probe->n_targets; i++) {
        const struct attached *attached = &probe->targets[i];

        fds[2 * i] =
            (struct pollfd){.fd = attached->up ? attached->target.pidfd : -1, .events = POLLIN};
        fds[2 * i + 1] = (struct pollfd){.fd = attached_fd(attached), .events = POLLIN};
    }
    fds[n] = (struct pollfd){.fd = probe->signal_fd, .events = POLLIN};
    if (timeout < 0 || timeout > most)
        timeout = most;
    timeout = notify_timeout_ms(&probe->notify, clock_now(), timeout);
    if (poll(fds, n + 1, timeout) < 0)
        return errno == EINTR ? 0 : -errno;
    if (fds[n].revents)
        take_signals(probe);
    return probe->stop ? 0 : take_events(probe, fds);
}

/* Ready is who has been through a scan of all: by then a target that cannot be read has ended this.
 * What a target does to its own scans is no reason to start all anew. */
static void tell_manager(struct probe *probe)
{
    uint64_t now = clock_now();

    if (is_idle(probe))
        notify_ready(&probe->notify, count_up(probe));
    for (size_t i = 0; i < probe->n_targets; i++)
        if (attached_is_stuck(&probe->targets[i], now))
            return;
    notify_alive(&probe->notify, now);
}

/* -EPIPE is the monitor's end, of which a signal tells more. */
static void run(struct probe *probe)
{
    int r = 0;

    schedule_start(&probe->schedule, probe->command, probe->options, clock_now());
    while (!probe->stop && (!r || r == -EPIPE)) {
        r = do_what_is_due(probe);
        if (!r || r == -EPIPE)
            r = wait_for_events(probe);
        if (!probe->stop && !r)
            tell_manager(probe);
    }
    if (probe->stop)
        return;
    if (r == -EAGAIN)
        log_error("the monitor hangs: it took no message for %d s", MONITOR_PATIENCE_S);
    else
        log_error("cannot go on: %s", strerror(-r));
    probe->status = EXIT_FAILURE;
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

static int probe_run(enum command command, const struct options *options)
{
    CLEANUP(probe_close)
    struct probe probe = {
        .command = command,
        .options = options,
        .signal_fd = -1,
        .monitor_fd = -1,
        .output_fd = STDOUT_FILENO,
        .console = CONSOLE_NONE,
        .notify = NOTIFY_NONE,
    };

    if (open_console(&probe) || open_notify(&probe) || probe_open(&probe))
        return EXIT_FAILURE;
    run(&probe);
    return probe.status;
}

int probe_report(const struct options *options)
{
    return probe_run(COMMAND_REPORT, options);
}

int probe_watch(const struct options *options)
{
    return probe_run(COMMAND_WATCH, options);
}

int probe_top(const struct options *options)
{
    return probe_run(COMMAND_TOP, options);
}
