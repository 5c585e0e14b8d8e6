/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/attached.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cleanup.h"
#include "clock.h"
#include "human.h"
#include "log.h"
#include "passed_fd.h"
#include "probe/news.h"
#include "wire_send.h"

#define PING_NS    (1ll * 1000000000) /* how often a reader at work is asked for a sign of life */
#define LEAVE_NS   (1ll * 1000000000) /* how long a scan waits for the end of the crew before */
#define CARE_BITS  6       /* 2^this: scans after which debug information is read again */
#define SKIP_BITS  4       /* 2^this - 1: ticks that a target is left alone at most */
#define REAP_EVERY 1000000 /* ns between two looks at a crew that is to end */

/* CPU time that a crew may take between two scans, when it has nothing to do. */
#define IDLE_CPU_US 100000

void attached_init(struct attached *attached)
{
    *attached = (struct attached){
        .target = TARGET_NONE, .links = BPF_LINKS_NONE, .samples = -1, .crew = CREW_NONE};
}

int attached_open(struct attached *attached, uint32_t index, pid_t pid)
{
    attached->index = index;
    attached->numbers_are_kernels = target_is_initial(getpid());
    return target_open(pid, &attached->target);
}

static int start_crew(struct attached *attached)
{
    const struct crew_options options = {
        .reader =
            {
                .target = &attached->target,
                .described = attached->described,
                .identity = attached->identity,
                .check = !attached->readable,
            },
        .analyst =
            {
                .threshold_ns = attached->options.threshold_ns,
                .kinds = attached->options.kinds,
                .proven = attached->options.proven,
                .one_look = attached->options.one_look,
                .careful = attached->careful,
            },
    };

    attached->ordered_ns = 0;
    attached->heard_ns = clock_now();
    attached->cpu_us = 0;
    cleanup_close(&attached->samples);
    attached->samples = -1;
    return crew_start(&attached->crew, &options, &attached->samples);
}

static int pass_link(struct attached *attached, enum reader_order_type type, int fd)
{
    struct reader_order order = {.type = type};
    struct iovec part = {.iov_base = &order, .iov_len = sizeof(order)};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
    union passed_fd passed;

    passed_fd_put(&passed, &message, fd);
    return sendmsg(attached->crew.control, &message, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

/* A reader that is gone already is noticed by attached_answer(). */
static int pass_links(struct attached *attached)
{
    int r = pass_link(attached, READER_THREADS, attached->links.threads);

    if (!r)
        r = pass_link(attached, READER_TIMES, attached->links.times);
    if (!r)
        r = pass_link(attached, READER_KERNEL, attached->links.kernel);
    return r == -EPIPE ? 0 : r;
}

/* Tells the monitor of the target and its new analyst. */
static int introduce(struct attached *attached)
{
    AUTO_CLOSE int samples = TAKE_FD(attached->samples);
    int r;

    attached->described.analyst = 1;
    r = wire_send(attached->monitor, WIRE_TARGET, &attached->described, sizeof(attached->described),
                  samples);
    attached->described.analyst = 0;
    return r;
}

static int describe(struct attached *attached)
{
    pid_t tid;
    int r;

    r = target_live_tid(&attached->target, &tid);
    if (r)
        return r;
    attached->described.index = attached->index;
    return target_describe(&attached->target, tid, &attached->described);
}

int attached_start(struct attached *attached, const struct attached_options *options)
{
    int r;

    attached->options = *options;
    pace_init(&attached->pace, options->interval_ns);
    r = describe(attached);
    return r ? r : start_crew(attached);
}

int attached_attach(struct attached *attached, struct bpf *bpf, int monitor)
{
    int r;

    attached->bpf = bpf;
    attached->monitor = monitor;
    attached->described.attach_ns = clock_now();
    r = bpf_link(bpf, attached->target.pid, &attached->links);
    if (!r)
        r = pass_links(attached);
    if (r)
        return r;
    attached->up = true;
    return introduce(attached);
}

bool attached_is_idle(const struct attached *attached)
{
    return !attached->up || attached->finished == attached->number;
}

int attached_fd(const struct attached *attached)
{
    return attached->crew.control;
}

/* A reader that is gone is noticed by attached_answer(), one that takes no orders by its silence.
 */
static void give_order(struct attached *attached, enum reader_order_type type)
{
    struct reader_order order = {
        .type = type, .number = attached->number, .attach_ns = attached->described.attach_ns};

    attached->ordered_ns = clock_now();
    (void)!send(attached->crew.control, &order, sizeof(order), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static void ask_for_scan(struct attached *attached)
{
    attached->asked_ns = clock_now();
    attached->owed = 1u << READER_TARGET | 1u << READER_RESOURCES;
    give_order(attached, READER_SCAN);
}

/* Starting crews takes time of the machine, which a target could take from the others by spoiling
 * each of its scans: after the second in a row it is left alone for longer and longer. */
static void give_up_scan(struct attached *attached)
{
    if (attached_is_idle(attached))
        return;
    if (!attached->failures)
        log_warning("a scan of process %d failed; its waiters are missing", attached->target.pid);
    attached->finished = attached->number;
    attached->losses.count[LOSS_scan_failed]++;
    attached->skip = (1u << attached->failures) - 1;
    if (attached->failures < SKIP_BITS)
        attached->failures++;
}

void attached_leave(struct attached *attached)
{
    crew_end(&attached->crew);
    attached->leaving = true;
    attached->left_ns = clock_now();
    attached->ordered_ns = 0;
}

/* Debug information is what a file can say most with, and be most wrong in: it may change while it
 * is read, or be made to kill. The next analysts do without it, for longer and longer. */
static void take_care(struct attached *attached)
{
    if (!attached->careful && attached->deaths < CARE_BITS)
        attached->deaths++;
    attached->careful = 1u << attached->deaths;
}

/* A scan that was under way is asked for once again, so that a report does not lack this target:
 * but not of who would do no better, for it lasted too long or this is the second time. */
static void lose_crew(struct attached *attached, enum loss loss, bool again)
{
    attached->losses.count[loss]++;
    attached_leave(attached);
    if (loss == LOSS_analyst_restarts)
        take_care(attached);
    if (!again || attached->retried)
        give_up_scan(attached);
    attached->retried = true;
}

/* Starts another crew and asks it for the scan that waits. Where there is no process or descriptor
 * to be had, that scan is lost, which is nothing to end the others' for; the next one tries again.
 */
static int restart(struct attached *attached)
{
    int r;

    if (start_crew(attached) || pass_links(attached)) {
        attached_leave(attached);
        give_up_scan(attached);
        return 0;
    }
    r = introduce(attached);
    if (!r)
        ask_for_scan(attached);
    return r;
}

/* One that takes CPU time without a scan was taken over. */
static void check_idle(struct attached *attached)
{
    if (attached->crew.control >= 0 && attached->cpu_us &&
        crew_cpu_us(&attached->crew) > attached->cpu_us + IDLE_CPU_US)
        lose_crew(attached, LOSS_analyst_restarts, true);
}

int attached_tick(struct attached *attached)
{
    if (!attached->up)
        return 0;
    if (attached_is_idle(attached))
        check_idle(attached);
    if (!pace_tick(&attached->pace))
        return 0;
    if (!attached_is_idle(attached)) {
        attached->losses.count[LOSS_scan_late]++;
        return 0;
    }
    if (attached->skip) {
        attached->skip--;
        attached->losses.count[LOSS_scan_failed]++;
        return 0;
    }
    pace_begin(&attached->pace);
    attached->number++;
    attached->retried = false;
    if (attached->careful && !--attached->careful)
        attached_leave(attached);
    if (attached->leaving)
        return 0; /* attached_check() goes on with it */
    if (attached->crew.control < 0)
        return restart(attached);
    ask_for_scan(attached);
    return 0;
}

/* What was not asked for, or cannot be: its reader was taken over. */
static void disbelieve(struct attached *attached)
{
    lose_crew(attached, LOSS_reader_restarts, true);
}

/* Who a target is to the kernel never changes, and nobody else is it. Seen from the initial PID
 * namespace it has the number that it has there: no reader can take that of another target, so that
 * who is disbelieved is the one who lies. From another one that number is not to be seen. */
static bool may_be(const struct attached *attached, const struct reader_identity *identity)
{
    const struct reader_identity *known = &attached->identity;

    if (attached->numbers_are_kernels && identity->tgid != (uint32_t)attached->target.pid)
        return false;
    return !known->tgid ||
           (known->tgid == identity->tgid && known->leader_start_ns == identity->leader_start_ns);
}

static void take_identity(struct attached *attached, const struct reader_identity *identity)
{
    if (may_be(attached, identity) &&
        !bpf_follow(attached->bpf, attached->index, identity->tgid, identity->leader_start_ns))
        attached->identity = *identity;
    else
        disbelieve(attached);
}

/* Of each scan at most one message of a type goes on to the monitor: more would keep it busy. */
static bool is_owed(struct attached *attached, enum reader_news_type type)
{
    const bool is = attached->owed & 1u << type;

    attached->owed &= ~(1u << type);
    return is;
}

/* Only the names are the reader's to tell. */
static int take_target(struct attached *attached, const struct wire_target *target)
{
    struct wire_target *described = &attached->described;

    if (!is_owed(attached, READER_TARGET)) {
        disbelieve(attached);
        return 0;
    }
    memcpy(described->comm, target->comm, sizeof(described->comm));
    memcpy(described->exe, target->exe, sizeof(described->exe));
    return wire_send(attached->monitor, WIRE_TARGET, described, sizeof(*described), -1);
}

static int take_resources(struct attached *attached, struct wire_resources *resources)
{
    if (!is_owed(attached, READER_RESOURCES)) {
        disbelieve(attached);
        return 0;
    }
    resources->index = attached->index;
    return wire_send(attached->monitor, WIRE_RESOURCES, resources, sizeof(*resources), -1);
}

static void log_pace(const struct attached *attached)
{
    struct human interval = human_exact((int64_t)attached->pace.interval_ns);

    if (pace_is_stretched(&attached->pace))
        log_warning("scans of process %d take longer than a tenth of %s; there are fewer now, %s "
                    "apart",
                    attached->target.pid, interval.text,
                    human_exact((int64_t)pace_interval(&attached->pace)).text);
    else
        log_warning("process %d is scanned every %s again", attached->target.pid, interval.text);
}

/* Logs that the interval is stretched and that it is not any more; metrics follow it in between. */
static int take_duration(struct attached *attached, uint64_t took_ns)
{
    bool before = pace_is_stretched(&attached->pace);

    if (!pace_end(&attached->pace, took_ns))
        return 0;
    if (pace_is_stretched(&attached->pace) != before)
        log_pace(attached);
    return attached_count(attached);
}

static int take_done(struct attached *attached, uint64_t number)
{
    if (number != attached->number || number == attached->finished)
        return 0;
    attached->finished = number;
    attached->failures = 0;
    if (!attached->careful)
        attached->deaths = 0;
    attached->cpu_us = crew_cpu_us(&attached->crew);
    return take_duration(attached, clock_now() - attached->asked_ns);
}

static void take_taken(struct attached *attached)
{
    attached->readable = true;
    attached->ordered_ns = 0;
    attached->heard_ns = clock_now();
}

/* A target that is about to end has nothing to look into, and its end is told otherwise. One that
 * could be looked into once stays so. */
static void take_refusal(struct attached *attached, int error)
{
    if (attached->readable) {
        disbelieve(attached);
        return;
    }
    attached_leave(attached);
    attached->finished = attached->number;
    if (error != -ESRCH && error != -ENOENT)
        attached->refused = error;
}

static int take_news(struct attached *attached, struct reader_news *news)
{
    for (size_t i = 0; i < LOSS_MAX; i++)
        attached->losses.count[i] += news->losses.count[i];
    switch (news->type) {
    case READER_TAKEN:
        take_taken(attached);
        return 0;
    case READER_REFUSED:
        take_refusal(attached, news->error);
        return 0;
    case READER_IDENTITY:
        take_identity(attached, &news->identity);
        return 0;
    case READER_TARGET:
        return take_target(attached, &news->target);
    case READER_RESOURCES:
        return take_resources(attached, &news->resources);
    case READER_DONE:
        return take_done(attached, news->number);
    default:
        lose_crew(attached, LOSS_analyst_restarts, true);
        return 0;
    }
}

int attached_answer(struct attached *attached)
{
    struct reader_news news;
    ssize_t n = recv(attached->crew.control, &news, sizeof(news), MSG_DONTWAIT | MSG_TRUNC);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n == sizeof(news) && news_is_sound(&news))
        return take_news(attached, &news);
    lose_crew(attached, LOSS_reader_restarts, true);
    return 0;
}

static bool is_past(uint64_t then_ns, int64_t length_ns, uint64_t now_ns)
{
    return (int64_t)(now_ns - then_ns) > length_ns;
}

/* Twice: a scan may be asked for again. */
bool attached_is_stuck(const struct attached *attached, uint64_t now_ns)
{
    return !attached_is_idle(attached) && !attached->leaving &&
           is_past(attached->asked_ns, 2 * ATTACHED_SCAN_MAX_NS, now_ns);
}

/* A crew that was told to end: what waits for another one cannot wait for ever. */
static int check_leaving(struct attached *attached, uint64_t now_ns)
{
    attached->leaving = !crew_reap(&attached->crew);
    if (attached_is_idle(attached))
        return 0;
    if (attached->leaving) {
        if (is_past(attached->left_ns, LEAVE_NS, now_ns))
            give_up_scan(attached);
        return 0;
    }
    return restart(attached);
}

static void check_working(struct attached *attached, uint64_t now_ns)
{
    if (attached->ordered_ns && is_past(attached->ordered_ns, ATTACHED_READER_MAX_NS, now_ns))
        lose_crew(attached, LOSS_reader_restarts, false);
    else if (is_past(attached->asked_ns, ATTACHED_SCAN_MAX_NS, now_ns))
        lose_crew(attached, LOSS_analyst_restarts, true);
    else if (!attached->ordered_ns && is_past(attached->heard_ns, PING_NS, now_ns))
        give_order(attached, READER_PING);
}

int attached_check(struct attached *attached, uint64_t now_ns)
{
    if (attached->leaving)
        return check_leaving(attached, now_ns);
    if (!attached_is_idle(attached))
        check_working(attached, now_ns);
    return 0;
}

int attached_ended(struct attached *attached)
{
    attached->up = false;
    bpf_follow(attached->bpf, attached->index, 0, 0);
    attached_leave(attached);
    attached->described.up = 0;
    return wire_send(attached->monitor, WIRE_TARGET, &attached->described,
                     sizeof(attached->described), -1);
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
    counters.interval_ns = pace_interval(&attached->pace);
    counters.has_futex = bpf_has_futex(attached->bpf);
    counters.n_programs = bpf_programs(attached->bpf, counters.programs);
    counters.losses = attached->losses;
    counters.losses.count[LOSS_task_storage] = counters.parks.storage_failed;
    for (uint32_t i = 0; i < counters.n_programs; i++)
        counters.losses.count[LOSS_bpf_missed] += counters.programs[i].missed;
    return wire_send(attached->monitor, WIRE_COUNTERS, &counters, sizeof(counters), -1);
}

void attached_close(struct attached *attached, uint64_t until_ns)
{
    const struct timespec moment = {.tv_nsec = REAP_EVERY};

    attached_leave(attached);
    while (!crew_reap(&attached->crew) && clock_now() < until_ns)
        nanosleep(&moment, NULL);
    cleanup_close(&attached->samples);
    bpf_links_close(&attached->links);
    target_close(&attached->target);
    attached_init(attached);
}
