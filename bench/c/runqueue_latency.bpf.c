/* SPDX-License-Identifier: Apache-2.0 */
#include "trace.bpf.h"

enum { ROWS = 32 };

struct task_struct___before_5_14 {
	long state;
} __attribute__((preserve_access_index));

MAP(ready_at, BPF_MAP_TYPE_HASH, __u32, __u64, 16384);
MAP(histogram, BPF_MAP_TYPE_PERCPU_ARRAY, __u32, __u64, ROWS);

static __always_inline void note_ready(__u32 pid)
{
	__u64 now = bpf_ktime_get_ns();
	if (pid)
		bpf_map_update_elem(&ready_at, &pid, &now, BPF_ANY);
}

static __always_inline __u32 row_of(__u64 left)
{
	__u32 row = 0;
	if (left >> 16) {
		row += 16;
		left >>= 16;
	}
	if (left >> 8) {
		row += 8;
		left >>= 8;
	}
	if (left >> 4) {
		row += 4;
		left >>= 4;
	}
	if (left >> 2) {
		row += 2;
		left >>= 2;
	}
	if (left >> 1)
		row += 1;
	return row;
}

SEC("tp_btf/sched_wakeup")
int BPF_PROG(woken, struct task_struct *p)
{
	note_ready(p->pid);
	return 0;
}

SEC("tp_btf/sched_wakeup_new")
int BPF_PROG(born, struct task_struct *p)
{
	note_ready(p->pid);
	return 0;
}

SEC("tp_btf/sched_switch")
int BPF_PROG(switched, bool preempt, struct task_struct *prev, struct task_struct *next)
{
	bool is_ready;
	if (bpf_core_field_exists(prev->__state))
		is_ready = prev->__state == 0;
	else
		is_ready = ((struct task_struct___before_5_14 *)prev)->state == 0;
	if (is_ready)
		note_ready(prev->pid);
	__u32 pid = next->pid;
	__u64 *since = bpf_map_lookup_elem(&ready_at, &pid);
	if (!since)
		return 0;
	__u32 row = row_of((bpf_ktime_get_ns() - *since) / 1000) & (ROWS - 1);
	__u64 *count = bpf_map_lookup_elem(&histogram, &row);
	if (count)
		*count += 1;
	bpf_map_delete_elem(&ready_at, &pid);
	return 0;
}
