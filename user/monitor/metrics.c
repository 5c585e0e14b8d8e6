/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The families of metrics as a table, and the samples that are no single target's.
 */
#include "monitor/metrics.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "monitor/metrics_target.h"

#define MICROSECONDS 1e6 /* in a second */

struct scrape {
    struct exposition to;
    const struct report *report;
    const struct metrics_self *self;
    struct series *series; /* of report->targets */
};

static void write_build_info(struct scrape *scrape, const struct family *family)
{
    (void)family;
    exposition_begin(&scrape->to, "");
    exposition_label(&scrape->to, "version", scrape->report->version);
    exposition_end(&scrape->to, 1);
}

static void write_threshold(struct scrape *scrape, const struct family *family)
{
    (void)family;
    exposition_begin(&scrape->to, "");
    exposition_end_seconds(&scrape->to, (uint64_t)scrape->report->threshold_ns);
}

static void write_up(struct scrape *scrape, const struct family *family)
{
    (void)family;
    for (size_t i = 0; i < scrape->report->n_targets; i++) {
        exposition_begin(&scrape->to, "");
        exposition_label(&scrape->to, "target", scrape->series[i].name);
        exposition_end(&scrape->to, scrape->report->targets[i].up);
    }
}

/* The programs serve all targets, so each target's counters tell of the same ones: the newest count
 * is the greatest. Returns how many were found. */
static size_t collect_programs(const struct report *report,
                               struct wire_program ret_programs[static WIRE_PROGRAMS_MAX])
{
    size_t n = 0;

    for (size_t i = 0; i < report->n_targets; i++) {
        const struct wire_counters *counters = &report->targets[i].counters;

        for (size_t j = 0; j < counters->n_programs && j < WIRE_PROGRAMS_MAX; j++) {
            const struct wire_program *program = &counters->programs[j];
            size_t known = 0;

            while (known < n &&
                   strncmp(ret_programs[known].name, program->name, sizeof(program->name)) != 0)
                known++;
            if (known == WIRE_PROGRAMS_MAX)
                continue;
            if (known == n || program->runs > ret_programs[known].runs)
                ret_programs[known] = *program;
            n += known == n;
        }
    }
    return n;
}

static void write_programs(struct scrape *scrape, const struct family *family)
{
    struct wire_program programs[WIRE_PROGRAMS_MAX];
    size_t n = collect_programs(scrape->report, programs);
    bool seconds = family->offset == offsetof(struct wire_program, run_ns);

    for (size_t i = 0; i < n; i++) {
        uint64_t value = family_number(family, &programs[i]);
        char name[sizeof(programs[i].name) + 1] = "";

        if (programs[i].runs == 0 && programs[i].run_ns == 0)
            continue;
        memcpy(name, programs[i].name, sizeof(programs[i].name));
        exposition_begin(&scrape->to, "");
        exposition_label(&scrape->to, "program", name);
        if (seconds)
            exposition_end_seconds(&scrape->to, value);
        else
            exposition_end(&scrape->to, (double)value);
    }
}

static const char *const roles[ROLE_MAX] = {
    [ROLE_PROBE] = "probe",     [ROLE_READER] = "reader",     [ROLE_ANALYST] = "analyst",
    [ROLE_MONITOR] = "monitor", [ROLE_VERIFIER] = "verifier",
};

static void write_usage(struct scrape *scrape, const struct family *family)
{
    for (size_t i = 0; i < ROLE_MAX; i++) {
        uint64_t value = family_number(family, &scrape->report->usage.roles[i]);

        if (value == WIRE_UNKNOWN)
            continue;
        exposition_begin(&scrape->to, "");
        exposition_label(&scrape->to, "role", roles[i]);
        exposition_end(&scrape->to,
                       (double)value / (family->type == METRIC_COUNTER ? MICROSECONDS : 1));
    }
}

static void write_self(struct scrape *scrape, const struct family *family)
{
    double value = family_real(family, scrape->self);

    if (value < 0)
        return;
    exposition_begin(&scrape->to, "");
    exposition_end(&scrape->to, value);
}

static void write_weblosses(struct scrape *scrape, const struct family *family)
{
    (void)family;
    for (enum webloss i = 0; i < WEBLOSS_MAX; i++) {
        exposition_begin(&scrape->to, "");
        exposition_label(&scrape->to, "what", webloss_name(i));
        exposition_end(&scrape->to, (double)scrape->self->web.count[i]);
    }
}

#define RESOURCE(name_, help_, field)                                                              \
    {                                                                                              \
        .name = name_, .help = help_, .each = metrics_target_resource,                             \
        .offset = offsetof(struct wire_resources, field)                                           \
    }
#define STACKS(name_, help_, field)                                                                \
    {                                                                                              \
        .name = name_, .help = help_, .each = metrics_target_stacks,                               \
        .offset = offsetof(struct tally, field)                                                    \
    }
#define SELF(name_, type_, help_, field)                                                           \
    {                                                                                              \
        .name = name_, .type = type_, .help = help_, .once = write_self,                           \
        .offset = offsetof(struct metrics_self, field)                                             \
    }

static const struct family families[] = {
    {"parkwatch_build_info", METRIC_GAUGE, "The version of parkwatch that runs.",
     .once = write_build_info},
    {"parkwatch_threshold_seconds", METRIC_GAUGE,
     "How long a waiter must have been parked to count.", .once = write_threshold},
    {"parkwatch_target_up", METRIC_GAUGE, "1 while the target is attached, 0 after it ended.",
     .once = write_up},
    {"parkwatch_target_info", METRIC_GAUGE, "What the target is.", .each = metrics_target_info},
    {"parkwatch_target_start_time_seconds", METRIC_GAUGE, "When the target started, since 1970.",
     .each = metrics_target_start_time},
    STACKS("parkwatch_parked", "Waiters parked past the threshold, by stack.", waiters),
    STACKS("parkwatch_parked_oldest_seconds",
           "How long the longest of them has been parked, by stack.", oldest_seconds),
    STACKS("parkwatch_parked_memory_bytes", "Stack memory that they hold, by stack.", memory_bytes),
    {"parkwatch_stack_info", METRIC_GAUGE,
     "The stack behind a stack_id: function names, innermost first, cut at 1000 bytes.",
     .each = metrics_target_stack_info},
    {"parkwatch_deadlocks", METRIC_GAUGE, "Cycles of threads that wait for each other's locks.",
     .each = metrics_target_deadlocks},
    {"parkwatch_threads", METRIC_GAUGE, "Threads of the target by state.",
     .each = metrics_target_threads},
    {"parkwatch_goroutines", METRIC_GAUGE, "Goroutines of the target by state.",
     .each = metrics_target_goroutines},
    {"parkwatch_park_duration_seconds", METRIC_HISTOGRAM, "Parks of threads that ended, by reason.",
     .each = metrics_target_parks},
    {"parkwatch_long_parks", METRIC_COUNTER, "Parks of threads past the threshold that ended.",
     .each = metrics_target_long_parks},
    {"parkwatch_futex_waits", METRIC_COUNTER, "Futex waits that ended, by outcome.",
     .each = metrics_target_futex_waits},
    {"parkwatch_futex_wakes", METRIC_COUNTER,
     "Futex wakes by the target, by whether they woke anyone.", .each = metrics_target_futex_wakes},
    RESOURCE("parkwatch_target_resident_memory_bytes", "Resident memory of the process.",
             resident_bytes),
    RESOURCE("parkwatch_target_virtual_memory_bytes", "Virtual memory of the process.",
             virtual_bytes),
    RESOURCE("parkwatch_target_swap_bytes", "Swapped-out memory of the process.", swap_bytes),
    RESOURCE("parkwatch_target_cgroup_memory_usage_bytes",
             "Memory that the process's cgroup is charged for.", cgroup_usage_bytes),
    RESOURCE("parkwatch_target_cgroup_memory_rss_bytes", "Anonymous memory of the cgroup.",
             cgroup_rss_bytes),
    {"parkwatch_target_cpu_seconds", METRIC_COUNTER, "CPU time of the process, by mode.",
     .each = metrics_target_cpu},
    RESOURCE("parkwatch_target_open_fds", "Open file descriptors of the process.", open_fds),
    {"parkwatch_target_network_receive_bytes", METRIC_COUNTER,
     "Bytes received in the process's network namespace, by device.",
     .each = metrics_target_network, .offset = offsetof(struct wire_net, receive_bytes)},
    {"parkwatch_target_network_transmit_bytes", METRIC_COUNTER,
     "Bytes sent in the process's network namespace, by device.", .each = metrics_target_network,
     .offset = offsetof(struct wire_net, transmit_bytes)},
    {"parkwatch_scan_duration_seconds", METRIC_HISTOGRAM, "What scans took, by source.",
     .each = metrics_target_scans},
    {"parkwatch_scan_interval_seconds", METRIC_GAUGE,
     "Time between scans, longer than asked for where scans take long.",
     .each = metrics_target_interval},
    {"parkwatch_losses", METRIC_COUNTER, "What was dropped, capped or failed.",
     .each = metrics_target_losses},
    {"parkwatch_web_losses", METRIC_COUNTER, "What the HTTP server dropped, cut or failed at.",
     .once = write_weblosses},
    {"parkwatch_bpf_run_seconds", METRIC_COUNTER,
     "Time spent in the BPF programs, where the kernel keeps run-time statistics.",
     .once = write_programs, .offset = offsetof(struct wire_program, run_ns)},
    {"parkwatch_bpf_runs", METRIC_COUNTER,
     "Runs of the BPF programs, where the kernel keeps run-time statistics.",
     .once = write_programs, .offset = offsetof(struct wire_program, runs)},
    {"parkwatch_role_cpu_seconds", METRIC_COUNTER,
     "CPU time of parkwatch itself, by role, ended processes included.", .once = write_usage,
     .offset = offsetof(struct wire_role_usage, cpu_us)},
    {"parkwatch_role_resident_memory_bytes", METRIC_GAUGE,
     "Resident memory of parkwatch itself, by role; shared pages count in each process.",
     .once = write_usage, .offset = offsetof(struct wire_role_usage, resident_bytes)},
    SELF("process_cpu_seconds", METRIC_COUNTER, "CPU time of the monitor role.", cpu_seconds),
    SELF("process_resident_memory_bytes", METRIC_GAUGE, "Resident memory of the monitor role.",
         resident_bytes),
    SELF("process_virtual_memory_bytes", METRIC_GAUGE, "Virtual memory of the monitor role.",
         virtual_bytes),
    SELF("process_open_fds", METRIC_GAUGE, "Open file descriptors of the monitor role.", open_fds),
    SELF("process_max_fds", METRIC_GAUGE, "File descriptors that the monitor role may open.",
         max_fds),
    SELF("process_threads", METRIC_GAUGE, "Threads of the monitor role.", threads),
    SELF("process_start_time_seconds", METRIC_GAUGE, "When the monitor role started, since 1970.",
         start_time),
};

static void write_family(struct scrape *scrape, const struct family *family)
{
    exposition_family(&scrape->to, family->name, family->type, family->help);
    if (family->once)
        family->once(scrape, family);
    for (size_t i = 0; family->each && i < scrape->report->n_targets; i++)
        if (scrape->report->targets[i].up)
            family->each(&scrape->to, family, &scrape->series[i]);
}

int metrics_write(const struct report *report, const struct metrics_self *self,
                  enum metrics_format format, FILE *out)
{
    struct scrape scrape = {
        .to = {.out = out, .format = format},
        .report = report,
        .self = self,
    };
    int r;

    r = series_new(report, &scrape.series);
    if (r < 0)
        return r;
    for (size_t i = 0; i < sizeof(families) / sizeof(families[0]); i++)
        write_family(&scrape, &families[i]);
    exposition_finish(&scrape.to);
    series_free(&scrape.series, report->n_targets);
    return ferror(out) ? -EIO : 0;
}
