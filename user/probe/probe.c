/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/probe.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "probe/open.h"
#include "probe/refusal.h"
#include "probe/usage.h"
#include "wire_send.h"

#define IDLE_CHECK_MS 5000 /* how often files of the configuration are looked at */
#define CHECK_MS      500  /* how often who hangs is looked for while a scan is under way */

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

/* With each round of scans, so that it costs no more where there is more to tell. */
static int tell_usage(const struct probe *probe)
{
    struct wire_usage usage = {};

    usage_add(&usage.roles[ROLE_PROBE], getpid());
    usage_add(&usage.roles[ROLE_MONITOR], probe->monitor);
    if (probe->web.is_used) {
        usage_add(&usage.roles[ROLE_VERIFIER], probe->web.verifier);
        usage_add_ended(&usage.roles[ROLE_VERIFIER], probe->web.verifier_cpu_us);
    } else {
        usage.roles[ROLE_VERIFIER] = (struct wire_role_usage){WIRE_UNKNOWN, WIRE_UNKNOWN};
    }
    for (size_t i = 0; i < probe->n_targets; i++) {
        const struct crew *crew = &probe->targets[i].crew;

        usage_add(&usage.roles[ROLE_READER], crew->reader);
        usage_add_ended(&usage.roles[ROLE_READER], crew->reader_cpu_us);
        usage_add(&usage.roles[ROLE_ANALYST], crew->analyst);
        usage_add_ended(&usage.roles[ROLE_ANALYST], crew->analyst_cpu_us);
    }
    return wire_send(probe->monitor_fd, WIRE_USAGE, &usage, sizeof(usage), -1);
}

static int scan_all(struct probe *probe)
{
    int r = probe->command == COMMAND_WATCH ? tell_usage(probe) : 0;

    bpf_set_clock(probe->bpf);
    for (size_t i = 0; i < probe->n_targets && !r; i++) {
        r = attached_tick(&probe->targets[i]);
        if (!r)
            r = attached_count(&probe->targets[i]); /* a scan that is late, too, and at once */
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

static void reap_roles(struct probe *probe)
{
    reap_monitor(probe);
    if (!probe->stop)
        web_reap(&probe->web);
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

static int probe_run(enum command command, const struct options *options)
{
    CLEANUP(probe_close)
    struct probe probe = {.command = command, .options = options, PROBE_NONE};

    if (probe_open(&probe))
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
