/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/crew.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "probe/usage.h"
#include "role.h"
#include "rpc.h"
#include "sandbox.h"

/* What the two are connected by. */
struct ends {
    int control;          /* probe to reader: the probe's */
    int reader_control;   /* the reader's */
    int reader_requests;  /* analyst to reader: the reader's */
    int analyst_requests; /* the analyst's */
    int analyst_samples;  /* analyst to monitor: the analyst's */
    int monitor_samples;  /* the monitor's */
    int area;             /* memfd */
};

struct start {
    const struct crew_options *options;
    const struct ends *ends;
};

static void close_ends(struct ends *ends)
{
    cleanup_close(&ends->control);
    cleanup_close(&ends->reader_control);
    cleanup_close(&ends->reader_requests);
    cleanup_close(&ends->analyst_requests);
    cleanup_close(&ends->analyst_samples);
    cleanup_close(&ends->monitor_samples);
    cleanup_close(&ends->area);
}

static int make_pair(int type, int *ret_one, int *ret_other)
{
    int pair[2];

    if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
        return -errno;
    *ret_one = pair[0];
    *ret_other = pair[1];
    return 0;
}

/* Memory that only the reader writes to: the analyst's mapping of it is read-only, and its size is
 * sealed, so that nobody can pull it from under the reader. Each crew has its own: a reader that
 * waits in a copy finishes it when it can, whatever has become of its crew. */
static int make_area(int *ret_fd)
{
    AUTO_CLOSE int fd = memfd_create("parkwatch", MFD_CLOEXEC | MFD_ALLOW_SEALING);

    if (fd < 0 || ftruncate(fd, RPC_AREA_SIZE))
        return -errno;
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return -errno;
    *ret_fd = TAKE_FD(fd);
    return 0;
}

static int make_ends(struct ends *ret_ends)
{
    int r;

    r = make_pair(SOCK_SEQPACKET, &ret_ends->control, &ret_ends->reader_control);
    if (!r)
        r = make_pair(SOCK_SEQPACKET, &ret_ends->reader_requests, &ret_ends->analyst_requests);
    if (!r)
        r = make_pair(SOCK_STREAM, &ret_ends->analyst_samples, &ret_ends->monitor_samples);
    return r ? r : make_area(&ret_ends->area);
}

/* NULL: it cannot be mapped. The descriptor, by which it could be mapped again, is closed. */
static void *map_area(int fd, int protection)
{
    void *area = mmap(NULL, RPC_AREA_SIZE, protection, MAP_SHARED, fd, 0);

    return area == MAP_FAILED || close(fd) ? NULL : area;
}

static int reader_role(void *context)
{
    const struct start *start = context;
    struct reader_options options = start->options->reader;

    options.probe_socket = start->ends->reader_control;
    options.analyst_socket = start->ends->reader_requests;
    options.area = map_area(start->ends->area, PROT_READ | PROT_WRITE);
    if (!options.area || sandbox_reader())
        return EXIT_FAILURE;
    return reader_run(&options) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int start_reader(struct crew *crew, struct start *start)
{
    const struct reader_options *options = &start->options->reader;
    const int keep[] = {start->ends->reader_control, start->ends->reader_requests,
                        start->ends->area,           options->target->pidfd,
                        options->target->proc_fd,    options->links.threads,
                        options->links.times,        options->links.kernel};
    const struct role role = {
        .name = "pw-reader",
        .run = reader_role,
        .context = start,
        .keep = keep,
        .n_keep = sizeof(keep) / sizeof(keep[0]),
        .quiet = true,
        .spare = true,
    };

    return role_start(&role, &crew->reader);
}

static int analyst_role(void *context)
{
    const struct start *start = context;
    struct analyst_options options = start->options->analyst;

    options.probe_socket = start->ends->analyst_requests;
    options.monitor_socket = start->ends->analyst_samples;
    options.area = map_area(start->ends->area, PROT_READ);
    if (!options.area || sandbox_analyst())
        return EXIT_FAILURE;
    return analyst_run(&options) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int start_analyst(struct crew *crew, struct start *start)
{
    const int keep[] = {start->ends->analyst_requests, start->ends->analyst_samples,
                        start->ends->area};
    const struct role role = {
        .name = "pw-analyst",
        .run = analyst_role,
        .context = start,
        .keep = keep,
        .n_keep = sizeof(keep) / sizeof(keep[0]),
        .quiet = true,
        .spare = true,
    };

    return role_start(&role, &crew->analyst);
}

int crew_start(struct crew *crew, const struct crew_options *options, int *ret_monitor_fd)
{
    CLEANUP(close_ends) struct ends ends = {-1, -1, -1, -1, -1, -1, -1};
    struct start start = {.options = options, .ends = &ends};
    int r;

    r = make_ends(&ends);
    if (!r)
        r = start_reader(crew, &start);
    if (!r)
        r = start_analyst(crew, &start);
    if (r) {
        crew_end(crew);
        return r;
    }
    crew->control = TAKE_FD(ends.control);
    *ret_monitor_fd = TAKE_FD(ends.monitor_samples);
    return 0;
}

void crew_end(struct crew *crew)
{
    cleanup_close(&crew->control);
    crew->control = -1;
    if (crew->reader)
        kill(crew->reader, SIGKILL);
    if (crew->analyst)
        kill(crew->analyst, SIGKILL);
}

static uint64_t cpu_us_of(pid_t pid)
{
    uint64_t us = pid ? usage_cpu(pid) : 0;

    return us == WIRE_UNKNOWN ? 0 : us;
}

uint64_t crew_cpu_us(const struct crew *crew)
{
    return cpu_us_of(crew->reader) + cpu_us_of(crew->analyst);
}

static bool has_ended(pid_t *pid, uint64_t *cpu_us)
{
    struct rusage usage = {};

    if (*pid && wait4(*pid, NULL, WNOHANG, &usage) == 0)
        return false;
    *pid = 0;
    *cpu_us += usage_cpu_us(&usage);
    return true;
}

bool crew_reap(struct crew *crew)
{
    bool reader = has_ended(&crew->reader, &crew->reader_cpu_us);
    bool analyst = has_ended(&crew->analyst, &crew->analyst_cpu_us);

    return reader && analyst;
}
