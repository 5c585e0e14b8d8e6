/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel side, loaded: the only module that knows the BPF skeleton. Everything is held by
 * descriptors, so that the end of the process, however it comes, leaves nothing behind. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "bpf/record.h"
#include "wire.h"

struct bpf;

struct bpf_options {
    uint32_t n_targets;
    int64_t threshold_ns; /* ended parks of this length and more are counted as long */
    bool futex;           /* follow futex calls */
    bool lasting;         /* take time to attach where it costs others least */
};

/* Loads and attaches; where the kernel refuses all programs on futex calls, without them. -EPERM:
 * privileges; -ENOENT: no kernel BTF; -EOPNOTSUPP: the kernel refuses the programs; or another
 * -errno. `ret_why` gets one line for people, with the remedy. */
int bpf_new(const struct bpf_options *options, char *ret_why, size_t why_size,
            struct bpf **ret_bpf);
void bpf_free(struct bpf **bpf);

/* Counts the parks of the process with this identity as target `index`, from now on; tgid 0: no
 * longer. `tgid` is the number in the initial PID namespace, as thread records carry it. -EEXIST:
 * another target is that process. */
int bpf_follow(struct bpf *bpf, uint32_t index, uint32_t tgid, uint64_t leader_start_ns);

/* Descriptors of three links, each of an iterator program and the PID that it is to look at.
 * Whoever holds them can look at that process, and at no other, without any capability. */
struct bpf_links {
    int threads;
    int times;
    int kernel;
};

#define BPF_LINKS_NONE ((struct bpf_links){.threads = -1, .times = -1, .kernel = -1})

/* Makes them for process `pid` (in our PID namespace). The caller closes them. -EREMOTE: it or we
 * are not in the initial PID namespace, and lockdown=confidentiality hides threads' numbers in
 * others. */
int bpf_link(struct bpf *bpf, pid_t pid, struct bpf_links *ret_links);
void bpf_links_close(struct bpf_links *links);

/* One sweep: *ret_fd reads as struct thread_record[] of all threads, resp. struct time_record[] of
 * them, resp. struct kernel_record[] of the uninterruptible ones. In any process that holds the
 * link. */
int bpf_iterate(int link_fd, int *ret_fd);

/* Has the scheduler's clock measured against CLOCK_MONOTONIC anew, so that records carry the
 * latter, at the next context switch: before whoever is asked for a sweep runs. They drift apart
 * with the steering of the latter: call it before each scan. */
void bpf_set_clock(struct bpf *bpf);

/* The counts of a target, summed over CPUs. */
int bpf_counters(struct bpf *bpf, uint32_t index, struct park_counters *ret_counters);

/* Whether futex calls are followed. */
bool bpf_has_futex(const struct bpf *bpf);

/* Run-time statistics of the programs: zeros where the kernel keeps none
 * (sysctl kernel.bpf_stats_enabled). Returns how many. */
uint32_t bpf_programs(struct bpf *bpf, struct wire_program ret_programs[static WIRE_PROGRAMS_MAX]);

/* What this kernel and these privileges allow: 0 or -errno of loading each program alone. */
struct bpf_support {
    int iterator;
    int sched_switch;
    int futex;       /* at the exit of every syscall */
    int futex_calls; /* at futex calls alone */
    int kernel_stack;
};

void bpf_probe_support(struct bpf_support *ret_support);
