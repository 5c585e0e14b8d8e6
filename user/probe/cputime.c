/* SPDX-License-Identifier: Apache-2.0 */
#include "probe/cputime.h"

#include <stdbool.h>

#include "cleanup.h"
#include "probe/bpf.h"
#include "probe/sweep.h"

#define BATCH 1024 /* records; the kernel has room for 1,365 (seq_file of bpf_iter: 8 pages) */

static uint64_t share(uint64_t whole, uint64_t part, uint64_t of)
{
    return (uint64_t)((unsigned __int128)whole * part / of);
}

/* The two times are what ticks of the clock met, mostly; how long it ran in all is exact. So they
 * say how to part the latter (cputime_adjust(), kernel/sched/cputime.c). */
void cputime_take(struct cputime *cputime, const struct time_record *sum)
{
    const uint64_t ticks = sum->user_ns + sum->system_ns;
    uint64_t system_ns = ticks ? share(sum->run_ns, sum->system_ns, ticks) : 0;

    if (sum->run_ns <= cputime->user_ns + cputime->system_ns)
        return;
    if (system_ns < cputime->system_ns)
        system_ns = cputime->system_ns;
    if (sum->run_ns - system_ns < cputime->user_ns)
        system_ns = sum->run_ns - cputime->user_ns;
    *cputime = (struct cputime){.user_ns = sum->run_ns - system_ns, .system_ns = system_ns};
}

static void add(struct time_record *sum, const struct time_record *records, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        sum->user_ns += records[i].user_ns;
        sum->system_ns += records[i].system_ns;
        sum->run_ns += records[i].run_ns;
    }
}

int cputime_read(int link_fd, struct cputime *cputime)
{
    struct time_record records[BATCH], sum = {0};
    AUTO_CLOSE int fd = -1;
    uint64_t size;
    bool more = true;
    int r;

    r = bpf_iterate(link_fd, &fd);
    while (!r && more) {
        r = sweep_read(fd, records, sizeof(records), &size, &more);
        if (!r)
            add(&sum, records, size / sizeof(records[0]));
    }
    if (!r)
        cputime_take(cputime, &sum);
    return r;
}
