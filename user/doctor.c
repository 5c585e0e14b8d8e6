/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The doctor's checks of the machine and of this process's privileges.
 */
#include "doctor.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <cap-ng.h>

#include "checkup.h"
#include "cleanup.h"
#include "diagnosis.h"
#include "probe/bpf.h"
#include "probe/cgroup.h"
#include "probe/procfs.h"

#define LINES_MAX (64 * 1024) /* bytes of a text of /proc or /sys that are looked at */

/* Before Linux 5.11 BPF maps counted as locked memory: what they need, with room. */
#define MEMLOCK_NEEDED (64 * 1024 * 1024)

static void check_kernel(struct diagnosis *diagnosis)
{
    struct utsname name;

    if (!uname(&name))
        diagnosis_ok(diagnosis, "kernel", "%s", name.release);
}

static void check_capabilities(struct diagnosis *diagnosis)
{
    static const struct {
        unsigned int capability;
        const char *name;
        bool in_admin;  /* CAP_SYS_ADMIN includes it */
        bool is_needed; /* nothing works without */
        const char *consequence;
    } needs[] = {
        {CAP_BPF, "CAP_BPF", true, true, "BPF programs cannot be loaded"},
        {CAP_PERFMON, "CAP_PERFMON", true, true, "BPF programs cannot read the kernel's records"},
        {CAP_SYS_PTRACE, "CAP_SYS_PTRACE", false, false,
         "only processes of the same user can be read"},
        {CAP_DAC_READ_SEARCH, "CAP_DAC_READ_SEARCH", false, false,
         "files that only their owner may read have no names for frames"},
        {CAP_CHECKPOINT_RESTORE, "CAP_CHECKPOINT_RESTORE", true, false,
         "files that were deleted or replaced since they were mapped have no names for frames"},
    };
    const char *remedy = "run as root, or grant it, as with AmbientCapabilities= of systemd";
    const bool is_admin = capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_ADMIN);

    for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
        const char *name = needs[i].name;

        if (capng_have_capability(CAPNG_EFFECTIVE, needs[i].capability))
            diagnosis_ok(diagnosis, name, "held");
        else if (needs[i].in_admin && is_admin)
            diagnosis_ok(diagnosis, name, "included in CAP_SYS_ADMIN");
        else if (needs[i].is_needed)
            diagnosis_missing(diagnosis, name, remedy, "not held: %s", needs[i].consequence);
        else
            diagnosis_reduced(diagnosis, name, remedy, "not held: %s", needs[i].consequence);
    }
}

/* Reads the first line of a file; -errno. */
static int read_line(const char *path, char *ret_line, int size)
{
    AUTO_FCLOSE FILE *file = fopen(path, "re");

    if (!file)
        return -errno;
    if (!fgets(ret_line, size, file))
        return -ENODATA;
    ret_line[strcspn(ret_line, "\n")] = '\0';
    return 0;
}

/* The mode in force is the one in brackets. Confidentiality keeps BPF programs from reading kernel
 * memory with bpf_probe_read_kernel() (LOCKDOWN_BPF_READ_KERNEL). */
static void check_lockdown(struct diagnosis *diagnosis)
{
    const char *name = "lockdown";
    char line[128];

    if (read_line("/sys/kernel/security/lockdown", line, sizeof(line)) < 0)
        diagnosis_ok(diagnosis, name, "not to be seen");
    else if (strstr(line, "[confidentiality]"))
        diagnosis_reduced(diagnosis, name, "boot with lockdown=integrity or none",
                          "confidentiality: processes in containers' PID namespaces cannot be "
                          "watched");
    else
        diagnosis_ok(diagnosis, name, "%s", line);
}

static void check_memlock(struct diagnosis *diagnosis)
{
    const char *name = "locked memory";
    unsigned int major, minor;
    struct utsname kernel;
    struct rlimit limit;

    if (uname(&kernel) < 0 || sscanf(kernel.release, "%u.%u", &major, &minor) != 2 ||
        getrlimit(RLIMIT_MEMLOCK, &limit) < 0)
        return;
    if (major > 5 || (major == 5 && minor >= 11))
        diagnosis_ok(diagnosis, name, "no limit for BPF since Linux 5.11");
    else if (limit.rlim_cur >= MEMLOCK_NEEDED ||
             capng_have_capability(CAPNG_EFFECTIVE, CAP_SYS_RESOURCE))
        diagnosis_ok(diagnosis, name, "enough for BPF");
    else
        diagnosis_missing(diagnosis, name, "raise it with ulimit -l or LimitMEMLOCK= of systemd",
                          "%ju bytes are too few for BPF", (uintmax_t)limit.rlim_cur);
}

/* One structure's member in the kernel's own types. */
static bool has_member(const struct btf *btf, const char *structure, const char *member)
{
    const int id = btf__find_by_name_kind(btf, structure, BTF_KIND_STRUCT);
    const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;

    for (unsigned int i = 0; type && i < btf_vlen(type); i++) {
        const char *name = btf__name_by_offset(btf, btf_members(type)[i].name_off);

        if (name && !strcmp(name, member))
            return true;
    }
    return false;
}

static void check_types(struct diagnosis *diagnosis)
{
    const char *path = "/sys/kernel/btf/vmlinux";
    struct btf *btf;

    libbpf_set_print(NULL);
    btf = btf__parse(path, NULL);
    if (!btf) {
        diagnosis_missing(diagnosis, "kernel types", "use a kernel with CONFIG_DEBUG_INFO_BTF=y",
                          "%s: %s", path, strerror(errno));
        return;
    }
    diagnosis_ok(diagnosis, "kernel types", "%s is readable", path);
    if (has_member(btf, "sched_info", "last_arrival") && has_member(btf, "cfs_rq", "rq"))
        diagnosis_ok(diagnosis, "scheduler's records", "present");
    else
        diagnosis_reduced(diagnosis, "scheduler's records",
                          "use a kernel with CONFIG_FAIR_GROUP_SCHED=y, and with "
                          "CONFIG_TASK_DELAY_ACCT=y or CONFIG_SCHEDSTATS=y",
                          "no sched_info, or no clock of the scheduler's: threads that parked "
                          "before the attach are of unknown age");
    btf__free(btf);
}

static void check_program(struct diagnosis *diagnosis, const char *name, int error)
{
    if (error)
        diagnosis_missing(diagnosis, name, "see the lines above; it needs Linux 6.1 or newer",
                          "cannot be loaded: %s", strerror(-error));
    else
        diagnosis_ok(diagnosis, name, "can be loaded");
}

/* Kernels that refuse one at futex calls alone take one at the exit of every syscall: then all
 * syscalls of the machine pay for what is followed. */
static void check_futex(struct diagnosis *diagnosis, const struct bpf_support *support)
{
    const char *name = "BPF futex calls";

    if (support->futex && support->futex_calls)
        diagnosis_reduced(diagnosis, name, "see the lines above",
                          "cannot be loaded: %s: as with --futex off", strerror(-support->futex));
    else if (support->futex_calls)
        diagnosis_ok(diagnosis, name, "at the exit of every syscall, for which all pay (fexit: %s)",
                     strerror(-support->futex_calls));
    else
        diagnosis_ok(diagnosis, name, "can be loaded");
}

/* Programs are loaded together: without one of them there are none, but for those on futex calls,
 * which can be left out. */
static void check_programs(struct diagnosis *diagnosis)
{
    struct bpf_support support;

    bpf_probe_support(&support);
    check_program(diagnosis, "BPF task iterator", support.iterator);
    check_program(diagnosis, "BPF sched_switch", support.sched_switch);
    check_program(diagnosis, "BPF kernel stacks", support.kernel_stack);
    check_futex(diagnosis, &support);
}

/* The ioctl PAGEMAP_SCAN, Linux 6.7, whose argument has twelve words: where it is known it faults
 * on a null pointer. */
static void check_pagemap(struct diagnosis *diagnosis)
{
    const unsigned long scan = _IOC(_IOC_READ | _IOC_WRITE, 'f', 16, 12 * sizeof(uint64_t));
    AUTO_CLOSE int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

    if (fd < 0)
        diagnosis_reduced(diagnosis, "pagemap", "use a kernel with CONFIG_PROC_PAGE_MONITOR=y",
                          "%s: the memory of stacks is not known", strerror(errno));
    else if (ioctl(fd, scan, NULL) < 0 && errno == ENOTTY)
        diagnosis_reduced(diagnosis, "pagemap", "use Linux 6.7 or newer",
                          "without PAGEMAP_SCAN: the memory of stacks is read slower, and pages "
                          "that were only read count");
    else
        diagnosis_ok(diagnosis, "pagemap", "with PAGEMAP_SCAN");
}

/* Where the memory controller has this process. */
static void find_cgroup(struct cgroup_place *ret)
{
    AUTO_CLOSE int fd = open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC);
    struct procfs_lines lines;
    const char *line;

    *ret = (struct cgroup_place){0};
    if (fd < 0)
        return;
    procfs_lines_start(&lines, fd, LINES_MAX);
    while ((line = procfs_lines_next(&lines)))
        cgroup_parse_place(line, ret);
}

static void check_cgroup(struct diagnosis *diagnosis)
{
    const char *name = "memory controller";
    struct cgroup_place place;
    char controllers[256] = "";

    find_cgroup(&place);
    if (place.found && place.v2)
        read_line("/sys/fs/cgroup/cgroup.controllers", controllers, sizeof(controllers));
    if (place.found && !place.v2)
        diagnosis_ok(diagnosis, name, "cgroup v1");
    else if (strstr(controllers, "memory"))
        diagnosis_ok(diagnosis, name, "cgroup v2");
    else
        diagnosis_reduced(diagnosis, name,
                          "enable it, as with the boot option "
                          "cgroup_enable=memory",
                          "none: memory of cgroups is not known");
}

static void check_debug_directory(struct diagnosis *diagnosis)
{
    const char *path = "/usr/lib/debug/.build-id";
    struct stat status;

    if (!stat(path, &status))
        diagnosis_ok(diagnosis, "debug information", "%s is there", path);
    else
        diagnosis_reduced(diagnosis, "debug information",
                          "install the -dbgsym packages of stripped programs",
                          "no %s: stripped files have names of exported functions only", path);
}

int doctor_run(const struct options *options)
{
    static void (*const checks[])(struct diagnosis *) = {
        check_kernel,   check_capabilities, check_lockdown, check_memlock,         check_types,
        check_programs, check_pagemap,      check_cgroup,   check_debug_directory,
    };
    struct diagnosis diagnosis = {.out = stdout};

    capng_get_caps_process();
    for (size_t i = 0; i < sizeof(checks) / sizeof(checks[0]); i++)
        checks[i](&diagnosis);
    for (size_t i = 0; i < options->n_pids; i++)
        checkup_process(&diagnosis, options->pids[i]);
    return diagnosis_conclude(&diagnosis) ? EXIT_SUCCESS : EXIT_FAILURE;
}
