/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.bpf.h"

struct name {
	char text[16];
};

struct stay {
	__u64 times, total_ns, longest_ns;
};

MAP(left_at, BPF_MAP_TYPE_HASH, __u32, __u64, 16384);
MAP(stays, BPF_MAP_TYPE_HASH, struct name, struct stay, 1024);
__u64 least_ns;

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	__u64 now = bpf_ktime_get_ns();
	__u32 pid = prev->pid;
	if (pid)
		bpf_map_update_elem(&left_at, &pid, &now, BPF_ANY);
	pid = next->pid;
	__u64 *since = bpf_map_lookup_elem(&left_at, &pid);
	if (!since)
		return 0;
	__u64 ns = now - *since;
	bpf_map_delete_elem(&left_at, &pid);
	if (ns < least_ns)
		return 0;
	struct name name = {0};
	bpf_probe_read_kernel_str(name.text, sizeof name.text, next->comm);
	struct stay *stay = bpf_map_lookup_elem(&stays, &name);
	if (stay) {
		stay->times += 1;
		stay->total_ns += ns;
		if (ns > stay->longest_ns)
			stay->longest_ns = ns;
	} else {
		struct stay first = {1, ns, ns};
		bpf_map_update_elem(&stays, &name, &first, BPF_ANY);
	}
	return 0;
}
