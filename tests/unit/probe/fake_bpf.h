/* SPDX-License-Identifier: Apache-2.0 */
/* Stands for user/probe/bpf.c where no programs are loaded: keeps who is followed, can be told that
 * somebody else is, gives any bytes for a sweep, and has two programs of which runs are missed. */
#pragma once

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>

#include "user/probe/bpf.h"

static uint32_t fake_bpf_followed; /* tgid of the target */
static uint32_t fake_bpf_others;   /* tgid of another target */
static int fake_bpf_sweep = -1;    /* a file: the records of each sweep; borrowed */

int bpf_follow(struct bpf *bpf, uint32_t index, uint32_t tgid, uint64_t leader_start_ns)
{
    (void)bpf;
    (void)index;
    (void)leader_start_ns;
    if (tgid && tgid == fake_bpf_others)
        return -EEXIST;
    fake_bpf_followed = tgid;
    return 0;
}

int bpf_link(struct bpf *bpf, pid_t pid, struct bpf_links *ret_links)
{
    (void)bpf;
    (void)pid;
    (void)ret_links;
    return -EPERM;
}

void bpf_links_close(struct bpf_links *links)
{
    *links = BPF_LINKS_NONE;
}

int bpf_iterate(int link_fd, int *ret_fd)
{
    char path[64];

    (void)link_fd;
    if (fake_bpf_sweep < 0)
        return -EBADF;
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fake_bpf_sweep);
    *ret_fd = open(path, O_RDONLY | O_CLOEXEC); /* from its beginning */
    return *ret_fd < 0 ? -errno : 0;
}

int bpf_counters(struct bpf *bpf, uint32_t index, struct park_counters *ret_counters)
{
    (void)bpf;
    (void)index;
    *ret_counters = (struct park_counters){0};
    return 0;
}

bool bpf_has_futex(const struct bpf *bpf)
{
    (void)bpf;
    return false;
}

uint32_t bpf_programs(struct bpf *bpf, struct wire_program ret_programs[static WIRE_PROGRAMS_MAX])
{
    (void)bpf;
    ret_programs[0] = (struct wire_program){.name = "one", .runs = 7, .missed = 2};
    ret_programs[1] = (struct wire_program){.name = "other", .runs = 9, .missed = 3};
    return 2;
}
