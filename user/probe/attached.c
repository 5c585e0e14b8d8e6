/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/attached.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "analyst/analyst.h"
#include "cleanup.h"
#include "clock.h"
#include "log.h"
#include "probe/resources.h"
#include "role.h"
#include "sandbox.h"
#include "wire_send.h"

void attached_init(struct attached *attached)
{
    *attached = (struct attached){
        .target = TARGET_NONE, .area_fd = -1, .analyst_fd = -1, .area = MAP_FAILED};
}

int attached_open(struct attached *attached, uint32_t index, pid_t pid)
{
    attached->index = index;
    return target_open(pid, &attached->target);
}

/* Memory that only the probe writes to: the analyst's mapping of it is read-only, and its size is
 * sealed, so that nobody can pull it from under the probe. */
static int make_area(struct attached *attached)
{
    attached->area_fd = memfd_create("parkwatch", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (attached->area_fd < 0 || ftruncate(attached->area_fd, RPC_AREA_SIZE))
        return -errno;
    if (fcntl(attached->area_fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL))
        return -errno;
    attached->area =
        mmap(NULL, RPC_AREA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, attached->area_fd, 0);
    return attached->area == MAP_FAILED ? -errno : 0;
}

struct analyst_start {
    struct analyst_options options;
    int area_fd;
};

static int analyst_role(void *context)
{
    struct analyst_start *start = context;
    void *area = mmap(NULL, RPC_AREA_SIZE, PROT_READ, MAP_SHARED, start->area_fd, 0);

    if (area == MAP_FAILED || close(start->area_fd) || sandbox_analyst())
        return EXIT_FAILURE;
    start->options.area = area;
    return analyst_run(&start->options) ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int fork_analyst(struct attached *attached, int probe_socket, int monitor_socket)
{
    struct analyst_start start = {
        .options =
            {
                .probe_socket = probe_socket,
                .monitor_socket = monitor_socket,
                .threshold_ns = attached->options.threshold_ns,
                .kinds = attached->options.kinds,
                .proven = attached->options.proven,
                .attach_ns = attached->attach_ns,
            },
        .area_fd = attached->area_fd,
    };
    int keep[] = {probe_socket, monitor_socket, attached->area_fd};
    struct role role = {
        .name = "pw-analyst",
        .run = analyst_role,
        .context = &start,
        .keep = keep,
        .n_keep = sizeof(keep) / sizeof(keep[0]),
    };

    /* The probe's own mapping is writable, and stays the probe's. */
    if (madvise(attached->area, RPC_AREA_SIZE, MADV_DONTFORK))
        return -errno;
    return role_start(&role, &attached->analyst);
}

static int start_analyst(struct attached *attached)
{
    AUTO_CLOSE int to_analyst = -1, analyst_end = -1, to_monitor = -1, monitor_end = -1;
    int pair[2];
    int r;

    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
        return -errno;
    to_analyst = pair[0];
    analyst_end = pair[1];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair))
        return -errno;
    monitor_end = pair[0];
    to_monitor = pair[1];
    r = fork_analyst(attached, analyst_end, to_monitor);
    if (r)
        return r;
    attached->analyst_fd = TAKE_FD(to_analyst);
    attached->service.socket = attached->analyst_fd;
    attached->described.analyst = 1;
    r = wire_send(attached->monitor, WIRE_TARGET, &attached->described, sizeof(attached->described),
                  monitor_end);
    attached->described.analyst = 0;
    return r;
}

static int describe(struct attached *attached, struct wire_target *ret_described)
{
    pid_t tid;
    int r;

    r = service_live_tid(&attached->service, &tid);
    if (r)
        return r;
    memset(ret_described, 0, sizeof(*ret_described));
    r = target_describe(&attached->target, tid, ret_described);
    ret_described->index = attached->index;
    ret_described->attach_ns = attached->attach_ns;
    return r;
}

int attached_start(struct attached *attached, struct bpf *bpf, int monitor,
                   const struct attached_options *options)
{
    int r;

    attached->bpf = bpf;
    attached->monitor = monitor;
    attached->options = *options;
    attached->attach_ns = clock_now();
    service_init(&attached->service, &attached->target, bpf, &attached->losses);
    r = make_area(attached);
    if (r)
        return r;
    attached->service.area = attached->area;
    r = describe(attached, &attached->described);
    if (r)
        return r;
    attached->up = true;
    return start_analyst(attached);
}

/* A lost analyst is noticed by attached_answer(). */
static int ask_for_scan(struct attached *attached)
{
    struct rpc_tick tick = {.number = attached->number};

    attached->asked_ns = clock_now();
    if (send(attached->analyst_fd, &tick, sizeof(tick), MSG_NOSIGNAL) < 0 && errno != EPIPE)
        return -errno;
    return 0;
}

int attached_tick(struct attached *attached)
{
    int r = 0;

    if (!attached->up)
        return 0;
    if (!attached_is_idle(attached)) {
        attached->losses.count[LOSS_scan_late]++;
        return 0;
    }
    if (!attached->analyst)
        r = start_analyst(attached);
    if (r)
        return r;
    attached->number++;
    attached->retried = false;
    return ask_for_scan(attached);
}

bool attached_is_idle(const struct attached *attached)
{
    return !attached->up || attached->finished == attached->number;
}

static void end_analyst(struct attached *attached)
{
    if (attached->analyst_fd >= 0)
        close(attached->analyst_fd);
    attached->analyst_fd = attached->service.socket = -1;
    if (!attached->analyst)
        return;
    kill(attached->analyst, SIGKILL);
    waitpid(attached->analyst, NULL, 0);
    attached->analyst = 0;
}

/* One that fails at its start is not started over and over: without a scan under way another one
 * has time until the next. */
static void lose_analyst(struct attached *attached)
{
    end_analyst(attached);
    service_close(&attached->service);
    attached->losses.count[LOSS_analyst_restarts]++;
}

/* A scan that was under way is asked for once again, so that a report does not lack this target. An
 * analyst that ends twice over one scan would do so for ever: that scan is left out. */
static int retry_scan(struct attached *attached)
{
    int r;

    if (attached->retried) {
        log_warning("the analyst of process %d failed twice in a row; its waiters are missing",
                    attached->target.pid);
        attached->finished = attached->number;
        return 0;
    }
    attached->retried = true;
    r = start_analyst(attached);
    return r ? r : ask_for_scan(attached);
}

/* Follows the target's threads from its first record on. */
static void follow(struct attached *attached, uint32_t tgid_before)
{
    if (attached->service.tgid != tgid_before)
        bpf_follow(attached->bpf, attached->index, attached->service.tgid,
                   attached->service.leader_start_ns);
}

int attached_answer(struct attached *attached)
{
    uint32_t tgid = attached->service.tgid;
    uint64_t number;
    bool done;
    int r;

    r = service_answer(&attached->service, &done, &number);
    if (r == -EAGAIN)
        return 0;
    if (r) {
        lose_analyst(attached);
        return attached_is_idle(attached) ? 0 : retry_scan(attached);
    }
    follow(attached, tgid);
    if (done && number == attached->number)
        attached->finished = number;
    return 0;
}

void attached_check(struct attached *attached, uint64_t now_ns)
{
    if (attached->analyst && !attached_is_idle(attached) &&
        (int64_t)(now_ns - attached->asked_ns) > ATTACHED_SCAN_MAX_NS)
        kill(attached->analyst, SIGKILL);
}

int attached_ended(struct attached *attached)
{
    attached->up = false;
    bpf_follow(attached->bpf, attached->index, 0, 0);
    end_analyst(attached);
    attached->described.up = 0;
    return wire_send(attached->monitor, WIRE_TARGET, &attached->described,
                     sizeof(attached->described), -1);
}

static int report_description(struct attached *attached)
{
    struct wire_target now;

    if (describe(attached, &now) || !memcmp(&now, &attached->described, sizeof(now)))
        return 0;
    attached->described = now;
    return wire_send(attached->monitor, WIRE_TARGET, &now, sizeof(now), -1);
}

static int report_resources(struct attached *attached)
{
    struct wire_resources resources = {};
    pid_t tid;

    if (service_live_tid(&attached->service, &tid))
        return 0;
    if (resources_read(&attached->target, tid, attached->index, &resources)) {
        attached->losses.count[LOSS_resources_unreadable]++;
        return 0;
    }
    return wire_send(attached->monitor, WIRE_RESOURCES, &resources, sizeof(resources), -1);
}

int attached_count(struct attached *attached)
{
    struct wire_counters counters = {.index = attached->index};

    if (!attached->up)
        return 0;
    if (bpf_counters(attached->bpf, attached->index, &counters.parks)) {
        attached->losses.count[LOSS_resources_unreadable]++;
        return 0;
    }
    counters.has_futex = bpf_has_futex(attached->bpf);
    counters.n_programs = bpf_programs(attached->bpf, counters.programs);
    counters.losses = attached->losses;
    counters.losses.count[LOSS_task_storage] = counters.parks.storage_failed;
    return wire_send(attached->monitor, WIRE_COUNTERS, &counters, sizeof(counters), -1);
}

int attached_report(struct attached *attached)
{
    int r;

    if (!attached->up)
        return 0;
    r = report_description(attached);
    if (!r)
        r = report_resources(attached);
    return r ? r : attached_count(attached);
}

void attached_close(struct attached *attached)
{
    end_analyst(attached);
    service_close(&attached->service);
    if (attached->area != MAP_FAILED)
        munmap(attached->area, RPC_AREA_SIZE);
    if (attached->area_fd >= 0)
        close(attached->area_fd);
    target_close(&attached->target);
    attached_init(attached);
}
