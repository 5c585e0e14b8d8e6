/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/bpf.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "buckets.h"
#include "cleanup.h"
#include "heap.h"
#include "parkwatch.skel.h"
#include "probe/target.h"
#include "reason.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* What libbpf takes while it loads: the kernel's types twice, for it makes a copy (btf_new()), and
 * where each of them is. In kernels of distributions they are 5 to 8 MB. */
#define KERNEL_TYPES (20 * 1024 * 1024)

/* Where futex calls are followed: nowhere, at the exit of every syscall, or at the calls
 * themselves, those that Linux 6.7 added or not. The kernel takes a while to attach the latter. */
enum futex_hook { HOOK_NONE, HOOK_SYSCALLS, HOOK_CALLS, HOOK_CALLS_6_7 };

static const struct {
    const char *name;
    enum futex_hook first, last;
} futex_programs[] = {
    {"on_sys_exit", HOOK_SYSCALLS, HOOK_SYSCALLS},
    {"on_futex", HOOK_CALLS, HOOK_CALLS_6_7},
    {"on_restart", HOOK_CALLS, HOOK_CALLS_6_7},
    {"on_futex_waitv", HOOK_CALLS, HOOK_CALLS_6_7},
    {"on_futex_wait", HOOK_CALLS_6_7, HOOK_CALLS_6_7},
    {"on_futex_wake", HOOK_CALLS_6_7, HOOK_CALLS_6_7},
    {"on_requeue", HOOK_CALLS_6_7, HOOK_CALLS_6_7},
};

struct bpf {
    struct parkwatch_bpf *skeleton;
    bool has_futex;
    int n_cpus;
};

static int print_nothing(enum libbpf_print_level level, const char *format, va_list arguments)
{
    (void)level;
    (void)format;
    (void)arguments;
    return 0;
}

static void set_constants(struct parkwatch_bpf *skeleton, const struct bpf_options *options,
                          bool reads_kernel)
{
    skeleton->rodata->reads_kernel = reads_kernel;
    skeleton->rodata->n_targets = options->n_targets;
    skeleton->rodata->threshold_ns = options->threshold_ns;
    for (int i = 0; i < RECORD_BUCKETS - 1; i++)
        skeleton->rodata->bucket_ns[i] = park_bucket_ns[i];
    for (uint32_t nr = 0; nr < RECORD_SYSCALLS; nr++)
        skeleton->rodata->syscall_class[nr] = reason_class(nr);
}

/* The programs' variables are mapped into the probe; the roles that it forks must not have them. */
static int keep_from_children(struct bpf_map *map)
{
    size_t size;
    const void *variables = bpf_map__initial_value(map, &size);

    return madvise((void *)variables, size, MADV_DONTFORK) ? -errno : 0;
}

static bool is_wanted(const struct bpf_program *program, enum futex_hook hook)
{
    for (size_t i = 0; i < LENGTH(futex_programs); i++)
        if (!strcmp(bpf_program__name(program), futex_programs[i].name))
            return hook >= futex_programs[i].first && hook <= futex_programs[i].last;
    return true;
}

/* The iterators are attached to each process that they look at. */
static int attach(struct parkwatch_bpf *skeleton)
{
    skeleton->bss->clock_is_due = true;
    for (int i = 0; i < skeleton->skeleton->prog_cnt; i++) {
        const struct bpf_prog_skeleton *program = &skeleton->skeleton->progs[i];

        if (bpf_program__fd(*program->prog) < 0 ||
            bpf_program__expected_attach_type(*program->prog) == BPF_TRACE_ITER)
            continue;
        *program->link = bpf_program__attach(*program->prog);
        if (!*program->link)
            return -errno;
    }
    return 0;
}

static int explain(int error, char *ret_why, size_t why_size)
{
    struct utsname kernel = {};

    uname(&kernel);
    if (access("/sys/kernel/btf/vmlinux", R_OK)) {
        snprintf(ret_why, why_size,
                 "this kernel (%s) offers no /sys/kernel/btf/vmlinux; "
                 "use one built with CONFIG_DEBUG_INFO_BTF",
                 kernel.release);
        return -ENOENT;
    }
    if (error == -EPERM || error == -EACCES) {
        snprintf(ret_why, why_size,
                 "not allowed to load BPF programs; run as root or with CAP_BPF and CAP_PERFMON");
        return -EPERM;
    }
    if (error == -ENOMEM || error == -EMFILE || error == -ENFILE || error == -EAGAIN) {
        snprintf(ret_why, why_size, "cannot load the BPF programs: %s", strerror(-error));
        return error;
    }
    snprintf(ret_why, why_size,
             "this kernel (%s) refuses the BPF programs (%s); Linux 6.1 or newer is needed, "
             "see 'parkwatch doctor'",
             kernel.release, strerror(-error));
    return -EOPNOTSUPP;
}

/* Opens and loads the programs; without what reads kernel memory by address unless `reads_kernel`.
 */
static int load(const struct bpf_options *options, bool reads_kernel, enum futex_hook hook,
                struct parkwatch_bpf **ret_skeleton)
{
    struct parkwatch_bpf *skeleton = parkwatch_bpf__open();
    struct bpf_program *program;
    int r;

    if (!skeleton)
        return -errno;
    set_constants(skeleton, options, reads_kernel);
    bpf_object__for_each_program(program, skeleton->obj)
        bpf_program__set_autoload(program, is_wanted(program, hook));
    r = parkwatch_bpf__load(skeleton);
    /* libbpf leaves the variables out, and loads, where its own try of them failed for whatever
     * reason (bpf_object__create_maps(), FEAT_GLOBAL_DATA). */
    if (!r && (!skeleton->rodata || !skeleton->bss))
        r = -ENOMEM;
    if (!r)
        r = keep_from_children(skeleton->maps.bss);
    if (!r)
        r = attach(skeleton);
    if (r)
        parkwatch_bpf__destroy(skeleton);
    else
        *ret_skeleton = skeleton;
    return r;
}

/* Whether it is a program that is refused, and not the memory or the rights to load any. */
static bool is_refused(int error)
{
    return error == -EINVAL || error == -EACCES || error == -E2BIG || error == -EOPNOTSUPP;
}

static int load_allowed(const struct bpf_options *options, enum futex_hook hook,
                        struct parkwatch_bpf **ret_skeleton)
{
    int r = load(options, true, hook, ret_skeleton);

    return r == -EINVAL ? load(options, false, hook, ret_skeleton) : r;
}

static int load_at_calls(const struct bpf_options *options, struct parkwatch_bpf **ret_skeleton)
{
    int r = load_allowed(options, HOOK_CALLS_6_7, ret_skeleton);

    return r ? load_allowed(options, HOOK_CALLS, ret_skeleton) : 0;
}

/* As much as this kernel takes. */
static int load_most(struct bpf *bpf, const struct bpf_options *options)
{
    int r = -ENOTSUP;

    bpf->has_futex = options->futex;
    if (options->futex && options->lasting)
        r = load_at_calls(options, &bpf->skeleton);
    if (options->futex && r)
        r = load_allowed(options, HOOK_SYSCALLS, &bpf->skeleton);
    if (!options->futex || is_refused(r)) {
        bpf->has_futex = false;
        r = load_allowed(options, HOOK_NONE, &bpf->skeleton);
    }
    return r;
}

int bpf_new(const struct bpf_options *options, char *ret_why, size_t why_size, struct bpf **ret_bpf)
{
    CLEANUP(bpf_free) struct bpf *bpf = NULL;
    int r;

    libbpf_set_print(print_nothing);
    bpf = calloc(1, sizeof(*bpf));
    if (!bpf)
        return -ENOMEM;
    bpf->n_cpus = libbpf_num_possible_cpus();
    if (bpf->n_cpus < 0)
        return explain(bpf->n_cpus, ret_why, why_size);
    heap_begin_bulk(KERNEL_TYPES);
    r = load_most(bpf, options);
    heap_end_bulk();
    if (r)
        return explain(r, ret_why, why_size);
    *ret_bpf = TAKE_PTR(bpf);
    return 0;
}

void bpf_free(struct bpf **bpf)
{
    if (!*bpf)
        return;
    parkwatch_bpf__destroy((*bpf)->skeleton);
    free(*bpf);
    *bpf = NULL;
}

int bpf_follow(struct bpf *bpf, uint32_t index, uint32_t tgid, uint64_t leader_start_ns)
{
    struct parkwatch_bpf__bss *bss = bpf->skeleton->bss;

    for (uint32_t i = 0; i < RECORD_TARGETS_MAX && tgid; i++)
        if (i != index && bss->targets[i].tgid == tgid)
            return -EEXIST;
    /* The programs read the start only when the number matches: it goes first. */
    __atomic_store_n(&bss->targets[index].leader_start_ns, leader_start_ns, __ATOMIC_RELEASE);
    __atomic_store_n(&bss->targets[index].tgid, tgid, __ATOMIC_RELEASE);
    return 0;
}

static int link_to(struct bpf_program *program, pid_t pid, int *ret_fd)
{
    union bpf_iter_link_info info = {.task = {.pid = pid}};
    LIBBPF_OPTS(bpf_iter_attach_opts, options, .link_info = &info, .link_info_len = sizeof(info));
    struct bpf_link *link;

    link = bpf_program__attach_iter(program, &options);
    if (!link)
        return -errno;
    *ret_fd = fcntl(bpf_link__fd(link), F_DUPFD_CLOEXEC, 0);
    bpf_link__destroy(link);
    return *ret_fd < 0 ? -errno : 0;
}

/* Threads have numbers of their own in other PID namespaces than the initial one, which the kernel
 * keeps where only bpf_probe_read_kernel() gets. */
static bool can_number(const struct bpf *bpf, pid_t pid)
{
    return bpf->skeleton->rodata->reads_kernel ||
           (target_is_initial(getpid()) && target_is_initial(pid));
}

int bpf_link(struct bpf *bpf, pid_t pid, struct bpf_links *ret_links)
{
    AUTO_CLOSE int threads = -1, times = -1, kernel = -1;
    int r;

    if (!can_number(bpf, pid))
        return -EREMOTE;
    r = link_to(bpf->skeleton->progs.threads, pid, &threads);
    if (!r)
        r = link_to(bpf->skeleton->progs.cpu_times, pid, &times);
    if (!r)
        r = link_to(bpf->skeleton->progs.kernel_frames, pid, &kernel);
    if (!r)
        *ret_links = (struct bpf_links){
            .threads = TAKE_FD(threads), .times = TAKE_FD(times), .kernel = TAKE_FD(kernel)};
    return r;
}

void bpf_links_close(struct bpf_links *links)
{
    cleanup_close(&links->threads);
    cleanup_close(&links->times);
    cleanup_close(&links->kernel);
    *links = BPF_LINKS_NONE;
}

int bpf_iterate(int link_fd, int *ret_fd)
{
    int fd = bpf_iter_create(link_fd);

    if (fd < 0)
        return -errno;
    *ret_fd = fd;
    return 0;
}

bool bpf_has_futex(const struct bpf *bpf)
{
    return bpf->has_futex;
}

void bpf_set_clock(struct bpf *bpf)
{
    __atomic_store_n(&bpf->skeleton->bss->clock_is_due, true, __ATOMIC_RELAXED);
}

/* Adds up counters made of nothing but u64. */
static void add_counters(struct park_counters *sum, const struct park_counters *one)
{
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)one;

    for (size_t i = 0; i < sizeof(*sum) / sizeof(*to); i++)
        to[i] += from[i];
}

int bpf_counters(struct bpf *bpf, uint32_t index, struct park_counters *ret_counters)
{
    AUTO_FREE struct park_counters *by_cpu = calloc(bpf->n_cpus, sizeof(*by_cpu));
    int r;

    if (!by_cpu)
        return -ENOMEM;
    r = bpf_map__lookup_elem(bpf->skeleton->maps.counters, &index, sizeof(index), by_cpu,
                             bpf->n_cpus * sizeof(*by_cpu), 0);
    if (r)
        return r;
    memset(ret_counters, 0, sizeof(*ret_counters));
    for (int cpu = 0; cpu < bpf->n_cpus; cpu++)
        add_counters(ret_counters, &by_cpu[cpu]);
    return 0;
}

uint32_t bpf_programs(struct bpf *bpf, struct wire_program ret_programs[static WIRE_PROGRAMS_MAX])
{
    struct bpf_program *program;
    uint32_t n = 0;

    bpf_object__for_each_program(program, bpf->skeleton->obj)
    {
        struct bpf_prog_info info = {};
        uint32_t size = sizeof(info);

        if (n == WIRE_PROGRAMS_MAX || bpf_program__fd(program) < 0)
            continue;
        if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &size))
            continue;
        memset(&ret_programs[n], 0, sizeof(ret_programs[n]));
        snprintf(ret_programs[n].name, sizeof(ret_programs[n].name), "%s",
                 bpf_program__name(program));
        ret_programs[n].run_ns = info.run_time_ns;
        ret_programs[n].runs = info.run_cnt;
        ret_programs[n].missed = info.recursion_misses;
        n++;
    }
    return n;
}

static int try_load(const char *name, bool reads_kernel)
{
    struct parkwatch_bpf *skeleton = parkwatch_bpf__open();
    struct bpf_program *program;
    int r;

    if (!skeleton)
        return -errno;
    skeleton->rodata->reads_kernel = reads_kernel;
    bpf_object__for_each_program(program, skeleton->obj)
        bpf_program__set_autoload(program, !strcmp(bpf_program__name(program), name));
    r = parkwatch_bpf__load(skeleton);
    parkwatch_bpf__destroy(skeleton);
    return r;
}

void bpf_probe_support(struct bpf_support *ret_support)
{
    bool reads_kernel;

    libbpf_set_print(print_nothing);
    heap_begin_bulk(KERNEL_TYPES);
    reads_kernel = try_load("threads", true) != -EINVAL;
    ret_support->iterator = try_load("threads", reads_kernel);
    ret_support->sched_switch = try_load("on_sched_switch", reads_kernel);
    ret_support->futex = try_load("on_sys_exit", reads_kernel);
    ret_support->futex_calls = try_load("on_futex", reads_kernel);
    ret_support->kernel_stack = try_load("kernel_frames", reads_kernel);
    heap_end_bulk();
}
