// SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
/* Programs that do nothing, where parkwatch has its own: what the kernel asks for the hook alone,
 * and what its statistics take for the program. */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "Dual BSD/GPL";

SEC("tp_btf/sched_switch")
int empty_switch(void *context)
{
    return 0;
}

SEC("tp_btf/sys_exit")
int empty_exit(void *context)
{
    return 0;
}
